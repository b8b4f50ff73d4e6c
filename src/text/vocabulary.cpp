#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text_util.h"
#include "base/utf8.h"

namespace pals {
namespace {

constexpr int32_t kNone = -1;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view strip_blanks(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

struct Vocabulary::Content {
  std::vector<std::string> tokens;
  std::vector<int32_t> slots;  // open addressing: ids by hash; a power of two of them
  size_t base_size = 0;
  int32_t pad = kNone, unk = kNone, cls = kNone, sep = kNone;

  // The slot that holds `token`, or the free one where it belongs.
  size_t slot_of(std::string_view token) const {
    const size_t mask = slots.size() - 1;
    size_t slot = std::hash<std::string_view>{}(token)&mask;
    while (slots[slot] != kNone && tokens[static_cast<size_t>(slots[slot])] != token) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  void add_lines(std::string_view bytes, const std::string& where);
  void build_index();
  void finish(const std::string& where);  // once the tokens are there
};

void Vocabulary::Content::add_lines(std::string_view bytes, const std::string& where) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view token = strip_blanks(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    const size_t line = tokens.size() + 1;
    if (find_invalid_utf8(token)) {
      fail(where, ":", line, ": not UTF-8 text; expected a vocabulary, one token a line");
    }
    tokens.emplace_back(token);
  }
  while (!tokens.empty() && tokens.back().empty()) tokens.pop_back();
}

void Vocabulary::Content::build_index() {
  slots.assign(std::bit_ceil(2 * tokens.size() + 2), kNone);
  for (size_t id = 0; id < tokens.size(); ++id) {
    slots[slot_of(tokens[id])] = static_cast<int32_t>(id);
  }
}

Vocabulary Vocabulary::load(const std::string& path) {
  return from_text(read_file(path, kMaxBytes), path);
}

Vocabulary Vocabulary::from_text(std::string_view bytes, const std::string& where) {
  if (bytes.size() > kMaxBytes) {
    fail(where, ": ", bytes.size(), " bytes; a vocabulary has at most ", kMaxBytes);
  }
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  const int64_t lines = std::ranges::count(bytes, '\n');
  if (lines > kMaxTokens) {
    fail(where, ": ", lines, " lines; a vocabulary has at most ", kMaxTokens);
  }
  auto content = std::make_shared<Content>();
  content->add_lines(bytes, where);
  content->finish(where);
  return Vocabulary(std::move(content));
}

Vocabulary Vocabulary::from_map(const std::vector<std::pair<std::string, int64_t>>& ids,
                                const std::string& where) {
  auto content = std::make_shared<Content>();
  for (const auto& [token, id] : ids) {
    const auto place = static_cast<size_t>(id);
    if (id < 0 || id >= kMaxTokens) {
      fail(where, ": token ", quote(token), " has the id ", id, ", expected one below ",
           kMaxTokens);
    }
    if (place >= content->tokens.size()) content->tokens.resize(place + 1);
    if (!content->tokens[place].empty()) {
      fail(where, ": tokens ", quote(content->tokens[place]), " and ", quote(token),
           " have the same id ", id);
    }
    if (token.find_first_of("\n\r") != std::string::npos) {
      fail(where, ": token ", quote(token), " holds a line feed");
    }
    content->tokens[place] = token;
  }
  content->finish(where);
  return Vocabulary(std::move(content));
}

void Vocabulary::Content::finish(const std::string& where) {
  base_size = tokens.size();
  build_index();

  const auto special = [&](std::string_view name) {
    const int32_t id = slots[slot_of(name)];
    if (id == kNone) {
      fail(where, ": no ", name, " among ", counted(std::ssize(tokens), "token"),
           "; expected a BERT vocabulary with [PAD], [UNK], [CLS] and [SEP]");
    }
    return id;
  };
  pad = special("[PAD]");
  unk = special("[UNK]");
  cls = special("[CLS]");
  sep = special("[SEP]");
}

Vocabulary Vocabulary::with_added(const std::map<int32_t, std::string>& tokens) const {
  auto content = std::make_shared<Content>(*content_);
  for (const auto& [id, token] : tokens) {
    const auto place = static_cast<size_t>(id);
    if (place >= content->tokens.size()) content->tokens.resize(place + 1);
    content->tokens[place] = token;
  }
  content->build_index();
  return Vocabulary(std::move(content));
}

Vocabulary::Vocabulary(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  const int32_t id = content_->slots[content_->slot_of(token)];
  if (id == kNone) return std::nullopt;
  return id;
}

const std::string& Vocabulary::token(int32_t id) const {
  return content_->tokens[static_cast<size_t>(id)];
}
int32_t Vocabulary::size() const { return static_cast<int32_t>(content_->tokens.size()); }
int32_t Vocabulary::base_size() const { return static_cast<int32_t>(content_->base_size); }
int32_t Vocabulary::pad_id() const { return content_->pad; }
int32_t Vocabulary::unk_id() const { return content_->unk; }
int32_t Vocabulary::cls_id() const { return content_->cls; }
int32_t Vocabulary::sep_id() const { return content_->sep; }

std::string Vocabulary::to_text() const {
  std::string text;
  for (int32_t id = 0; id < base_size(); ++id) text.append(token(id)).push_back('\n');
  return text;
}

std::string Vocabulary::content_hash() const {
  std::string text = to_text();
  for (int32_t id = base_size(); id < size(); ++id) text.append(token(id)).push_back('\n');
  return content_hash_hex(text);
}

}  // namespace pals
