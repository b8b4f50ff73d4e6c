#include "text/char_table.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "base/utf8.h"

namespace pals {
namespace {

// Calls visit(code) for every code point that is neither unassigned nor a surrogate nor private.
template <typename Visit>
void for_each_assigned(Visit visit) {
  const auto in_range = [](const void* context, UChar32 start, UChar32 limit,
                           UCharCategory type) -> UBool {
    if ((U_MASK(type) & (U_GC_CN_MASK | U_GC_CS_MASK | U_GC_CO_MASK)) == 0) {
      for (UChar32 code = start; code < limit; ++code) {
        (*static_cast<const Visit*>(context))(static_cast<char32_t>(code));
      }
    }
    return true;
  };
  u_enumCharTypes(in_range, &visit);
}

}  // namespace

const CharTable& CharTable::get(const WordRules& rules) {
  static std::array<std::once_flag, 8> made;
  static std::array<std::unique_ptr<const CharTable>, 8> tables;
  const size_t which =
      (rules.lower_case ? 1 : 0) + (rules.strip_accents ? 2 : 0) + (rules.split_ideographs ? 4 : 0);
  std::call_once(made[which], [&] { tables[which].reset(new CharTable(rules)); });
  return *tables[which];
}

CharTable::CharTable(const WordRules& rules)
    : rules_(rules),
      index_(0x110000 / kBlockSize, 0),
      blocks_(kBlockSize, CharRule(CharAction::kDropped)) {
  for_each_assigned([this](char32_t code) {
    const Cleaning cleaning = cleaning_of(code);
    const bool is_ideograph = rules_.split_ideographs && cleaning == Cleaning::kIdeograph;
    if (cleaning == Cleaning::kDrop) return;
    if (cleaning == Cleaning::kBlank) {
      set(code, CharRule(CharAction::kBlank));
    } else if (rules_.folds() && !is_unchanged_by_folding(code, rules_)) {
      set(code, folding_rule(code, is_ideograph));
    } else if (is_ideograph) {
      set(code, CharRule(CharAction::kIdeograph, code));
    } else {
      set(code,
          CharRule(is_bert_punctuation(code) ? CharAction::kPunctuation : CharAction::kWord, code));
    }
  });
}

void CharTable::set(char32_t code, CharRule rule) {
  uint32_t& block = index_[code / kBlockSize];
  if (block == 0) {
    block = static_cast<uint32_t>(blocks_.size() / kBlockSize);
    blocks_.resize(blocks_.size() + kBlockSize, CharRule(CharAction::kDropped));
  }
  blocks_[block * kBlockSize + code % kBlockSize] = rule;
}

CharRule CharTable::folding_rule(char32_t code, bool is_ideograph) {
  if (rules_.lower_case && code == kCapitalSigma) return CharRule(CharAction::kCapitalSigma);
  const std::u32string folded = fold_word({&code, 1}, rules_);
  if (folded.empty()) return CharRule(CharAction::kDropped);
  if (std::ranges::any_of(folded, is_reorderable)) return CharRule(CharAction::kContextual);
  if (folded.size() == 1) {
    if (is_ideograph) return CharRule(CharAction::kIdeograph, folded[0]);
    return CharRule(is_bert_punctuation(folded[0]) ? CharAction::kPunctuation : CharAction::kWord,
                    folded[0]);
  }
  std::string text;
  for (const char32_t part : folded) text += to_utf8(part);
  // Unicode has no such character today; the slow way would handle it.
  if (text.size() > kMaxExpansion || std::ranges::any_of(folded, is_bert_punctuation)) {
    return CharRule(CharAction::kContextual);
  }
  const CharRule rule(CharAction::kExpansion, static_cast<char32_t>(expansions_.size()));
  expansions_.push_back(static_cast<char>(text.size()));
  expansions_.insert(expansions_.end(), text.begin(), text.end());
  return rule;
}

}  // namespace pals
