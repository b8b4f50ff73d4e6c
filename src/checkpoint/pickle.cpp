#include "checkpoint/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "base/error.h"
#include "checkpoint/pickle_builder.h"

namespace pals {
namespace {

constexpr size_t kMaxGlobalName = 200;
constexpr size_t kMaxNameShown = 80;

/// Opcodes of Python's pickle protocol that plain data and torch's files consist of.
enum Opcode : uint8_t {
  kProto = 0x80,
  kFrame = 0x95,
  kStop = '.',
  kMark = '(',
  kNone = 'N',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kBinFloat = 'G',
  kBinUnicode = 'X',
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinString = 'T',
  kShortBinString = 'U',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinBytes8 = 0x8e,
  kEmptyTuple = ')',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kEmptyList = ']',
  kAppend = 'a',
  kAppends = 'e',
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kMemoize = 0x94,
  kBinGet = 'h',
  kLongBinGet = 'j',
  kGlobal = 'c',
  kStackGlobal = 0x93,
  kReduce = 'R',
  kNewObj = 0x81,
  kNewObjEx = 0x92,
  kBuild = 'b',
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kByteArray8 = 0x96,
  kBinPersId = 'Q',
};

/// Stack and memo of one run.
class Machine {
 public:
  Machine(std::string_view bytes, const std::string& where)
      : bytes_(bytes), where_(where), builder_(where) {}

  PickleDocument run() {
    while (!step()) {
    }
    return builder_.finish(stack_.back(), position_);
  }

 private:
  // Input.

  std::string_view take(uint64_t size) {
    if (size > bytes_.size() - position_) {
      fail(where_, ": the pickle ends at byte ", bytes_.size(), " inside the item that starts at ",
           opcode_position_, "; the file is cut short or damaged");
    }
    const std::string_view part = bytes_.substr(position_, size);
    position_ += size;
    if (position_ > kMaxPickleBytes) {
      builder_.refuse(concat("more than ", kMaxPickleBytes, " bytes of pickle"));
    }
    return part;
  }

  template <typename Integer>
  Integer take_number() {
    Integer number;
    std::memcpy(&number, take(sizeof(number)).data(), sizeof(number));
    return number;
  }

  std::string_view take_line() {
    const size_t end = bytes_.substr(position_, kMaxGlobalName).find('\n');
    if (end == std::string_view::npos) builder_.refuse("a global without a readable name");
    return take(end + 1).substr(0, end);
  }

  // The stack. Values below the last mark are out of reach until it is taken away.

  void push(PickleRef ref) {
    if (stack_.size() == kMaxPickleValues) {
      builder_.refuse(concat("more than ", kMaxPickleValues, " values on the stack"));
    }
    stack_.push_back(ref);
  }

  std::span<const PickleRef> top(size_t count) const {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) builder_.refuse("a missing operand");
    return std::span(stack_).last(count);
  }

  PickleRef pop() {
    const PickleRef ref = top(1)[0];
    stack_.pop_back();
    return ref;
  }

  std::span<const PickleRef> above_mark() const {
    if (marks_.empty()) builder_.refuse("a missing mark");
    return std::span(stack_).subspan(marks_.back());
  }

  void drop_to_mark() {
    stack_.resize(marks_.back());
    marks_.pop_back();
  }

  // The memo.

  void put_memo(size_t place) {
    if (place >= kMaxPickleValues) builder_.refuse(concat("memo place ", place));
    if (place >= memo_.size()) memo_.resize(place + 1, kNoValue);
    memo_[place] = top(1)[0];
  }

  void get_memo(size_t place) {
    if (place >= memo_.size() || memo_[place] == kNoValue) {
      builder_.refuse(concat("memo place ", place, " read before it is written"));
    }
    push(memo_[place]);
  }

  /// Runs one opcode; true after STOP.
  bool step() {
    opcode_position_ = position_;
    builder_.set_position(position_);
    const auto opcode = static_cast<uint8_t>(take(1)[0]);
    switch (opcode) {
      case kProto: {
        const auto protocol = take_number<uint8_t>();
        if (protocol < 2 || protocol > 5) {
          builder_.refuse(concat("pickle protocol ", int{protocol}));
        }
        break;
      }
      case kFrame:
        take_number<uint64_t>();  // a hint for buffering; every read is checked anyway
        break;
      case kStop:
        if (stack_.size() != 1 || !marks_.empty()) builder_.refuse("an end before its time");
        return true;
      case kMark:
        if (marks_.size() == kMaxPickleDepth) builder_.refuse("too deep a nesting");
        marks_.push_back(stack_.size());
        break;
      case kNone:
        push(builder_.make(PickleKind::kNone));
        break;
      case kNewTrue:
      case kNewFalse:
        push(builder_.make_integer(PickleKind::kBool, opcode == kNewTrue));
        break;
      case kBinInt:
        push(builder_.make_integer(PickleKind::kInt, take_number<int32_t>()));
        break;
      case kBinInt1:
        push(builder_.make_integer(PickleKind::kInt, take_number<uint8_t>()));
        break;
      case kBinInt2:
        push(builder_.make_integer(PickleKind::kInt, take_number<uint16_t>()));
        break;
      case kLong1:
        push(builder_.make_long(take(take_number<uint8_t>())));
        break;
      case kLong4:
        push(builder_.make_long(take(take_number<uint32_t>())));
        break;
      case kBinFloat: {  // the one big-endian number of the format
        std::array<char, 8> digits;
        std::ranges::reverse_copy(take(digits.size()), digits.begin());
        push(builder_.make_float(std::bit_cast<double>(digits)));
        break;
      }
      case kBinUnicode:
      case kBinString:  // Python 2's str: names, in practice
        push(builder_.make_string(take(take_number<uint32_t>())));
        break;
      case kShortBinUnicode:
      case kShortBinString:
        push(builder_.make_string(take(take_number<uint8_t>())));
        break;
      case kBinUnicode8:
        push(builder_.make_string(take(take_number<uint64_t>())));
        break;
      case kBinBytes:
        push(builder_.make_text(PickleKind::kBytes, take(take_number<uint32_t>())));
        break;
      case kShortBinBytes:
        push(builder_.make_text(PickleKind::kBytes, take(take_number<uint8_t>())));
        break;
      case kBinBytes8:
      case kByteArray8:
        push(builder_.make_text(PickleKind::kBytes, take(take_number<uint64_t>())));
        break;
      case kBinPut:
        put_memo(take_number<uint8_t>());
        break;
      case kLongBinPut:
        put_memo(take_number<uint32_t>());
        break;
      case kMemoize:
        put_memo(memo_.size());
        break;
      case kBinGet:
        get_memo(take_number<uint8_t>());
        break;
      case kLongBinGet:
        get_memo(take_number<uint32_t>());
        break;
      default:
        step_structure(opcode);
    }
    return false;
  }

  /// Opcodes that put values together.
  void step_structure(uint8_t opcode) {
    switch (opcode) {
      case kEmptyTuple:
        push(builder_.make(PickleKind::kTuple));
        return;
      case kEmptyList:
      case kEmptySet:  // its members' order is theirs, and nobody asks for more
        push(builder_.make(PickleKind::kList));
        return;
      case kEmptyDict:
        push(builder_.make(PickleKind::kDict));
        return;
      case kTuple:
      case kFrozenSet: {
        const PickleRef tuple = builder_.make_tuple(above_mark());
        drop_to_mark();
        push(tuple);
        return;
      }
      case kTuple1:
      case kTuple2:
      case kTuple3: {
        const size_t count = opcode - kTuple1 + size_t{1};
        const PickleRef tuple = builder_.make_tuple(top(count));
        stack_.resize(stack_.size() - count);
        push(tuple);
        return;
      }
      case kAppend: {
        const PickleRef item = pop();
        builder_.append(top(1)[0], std::span(&item, 1));
        return;
      }
      case kAppends:
      case kAddItems: {
        const std::span<const PickleRef> items = above_mark();
        builder_.append(below_mark(), items);
        drop_to_mark();
        return;
      }
      case kSetItem: {
        const std::array pair = {top(2)[0], top(2)[1]};
        stack_.resize(stack_.size() - 2);
        builder_.set_items(top(1)[0], pair);
        return;
      }
      case kSetItems: {
        const std::span<const PickleRef> items = above_mark();
        builder_.set_items(below_mark(), items);
        drop_to_mark();
        return;
      }
      case kGlobal: {
        const std::string_view module = take_line();
        push(builder_.find_global(module, take_line()));
        return;
      }
      case kStackGlobal: {
        const PickleRef name = pop();
        const PickleRef module = pop();
        push(builder_.find_global(builder_.text_of(module), builder_.text_of(name)));
        return;
      }
      case kNewObjEx:
        pop();  // arguments by name
        [[fallthrough]];
      case kNewObj:
      case kReduce: {
        const PickleRef arguments = pop();
        const PickleRef callable = pop();
        push(builder_.call(callable, arguments));
        return;
      }
      case kBuild:
        pop();  // torch keeps a state dict's _metadata there
        builder_.set_attributes(top(1)[0]);
        return;
      case kBinPersId:
        push(builder_.make_storage(pop()));
        return;
      default:
        builder_.refuse(concat("pickle opcode ", int{opcode}));
    }
  }

  /// The container that the values above the mark go into.
  PickleRef below_mark() const {
    const size_t floor = marks_.size() < 2 ? 0 : marks_[marks_.size() - 2];
    if (marks_.back() <= floor) builder_.refuse("a missing operand");
    return stack_[marks_.back() - 1];
  }

  static constexpr PickleRef kNoValue = ~PickleRef{0};

  std::string_view bytes_;
  const std::string& where_;
  PickleBuilder builder_;
  size_t position_ = 0;
  size_t opcode_position_ = 0;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;
  std::vector<PickleRef> memo_;
};

}  // namespace

const PickleValue* PickleDocument::lookup(const PickleValue& dict, std::string_view key) const {
  const PickleValue* found = nullptr;
  for (size_t place = 0; dict.kind == PickleKind::kDict && place < dict.items.size(); place += 2) {
    const PickleValue& candidate = values[dict.items[place]];
    if (candidate.kind == PickleKind::kString && candidate.text == key) {
      found = &values[dict.items[place + 1]];
    }
  }
  return found;
}

std::string PickleDocument::object_name(const PickleValue& object) const {
  const std::string_view module = value(object.items[0]).text, name = value(object.items[1]).text;
  std::string full = concat(module.substr(0, kMaxNameShown), ".", name.substr(0, kMaxNameShown));
  std::ranges::replace_if(
      full, [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return full;
}

PickleDocument read_pickle(std::string_view bytes, const std::string& where) {
  return Machine(bytes, where).run();
}

}  // namespace pals
