// The rows of a task that were predicted worst.
#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "kinds/tagged_files.h"
#include "report/kind_analysis.h"
#include "report/sections.h"

namespace pals {
namespace {

constexpr size_t kWordsAround = 4;      // a wrong one that are shown
constexpr size_t kCharactersAWord = 6;  // of what a page shows of a text
constexpr size_t kMostWord = 40;

std::string tag(const std::string& text) {
  return concat("<span class=\"tag\">", html_text(text, 120), "</span>");
}

std::string probability_of(const std::optional<double>& probability) {
  return probability ? concat(" (", percent_text(*probability), ")") : "";
}

std::string said(const WrongRow& wrong, const PageLimits& limits) {
  return concat("given <b>", html_text(wrong.gold, limits.error_characters), "</b>",
                probability_of(wrong.gold_probability), ", predicted <b>",
                html_text(wrong.prediction, limits.error_characters), "</b>",
                probability_of(wrong.probability));
}

/// A text's words, and two tags for each.
struct TaggedWords {
  std::vector<std::string> words, gold, predicted;

  bool fit() const { return words.size() == gold.size() && gold.size() == predicted.size(); }
  bool is_wrong(size_t word) const { return gold[word] != predicted[word]; }
  bool is_near_a_wrong_one(size_t word) const {
    const size_t first = word - std::min(word, kWordsAround);
    for (size_t i = first; i < std::min(words.size(), word + kWordsAround + 1); ++i) {
      if (is_wrong(i)) return true;
    }
    return false;
  }
};

std::string word_html(const std::string& word, const std::string& gold,
                      const std::string& predicted, const char* style) {
  return concat("<span class=\"w", style, "\"><b>", html_text(word, kMostWord), "</b> <span>",
                html_text(gold, kMostWord), "</span> <span>", html_text(predicted, kMostWord),
                "</span></span> ");
}

/// The wrong words and those around them.
std::string words_html(const TaggedWords& tagged, const PageLimits& limits) {
  std::string out = word_html("word", "given", "predicted", " key");
  const size_t most = std::max<size_t>(1, limits.error_characters / kCharactersAWord);
  size_t shown = 0;
  bool left_out = false;
  for (size_t i = 0; i < tagged.words.size(); ++i) {
    if (shown == most || !tagged.is_near_a_wrong_one(i)) {
      left_out = true;
      continue;
    }
    if (left_out) out += "… ";
    left_out = false;
    ++shown;
    out += word_html(tagged.words[i], tagged.gold[i], tagged.predicted[i],
                     tagged.is_wrong(i) ? " bad" : "");
  }
  return concat("<div class=\"words\">", out, left_out ? "…" : "", "</div>");
}

TaggedWords tagged_words(const AnalysedTask& task, const PredictionRecord& row,
                         const NamedTexts& texts) {
  TaggedWords tagged{
      .words = {}, .gold = texts_of(row.gold), .predicted = texts_of(row.prediction)};
  if (task.task == nullptr || texts.empty()) return tagged;
  if (kind_of(*task.task).analysis_form() != AnalysisForm::kTags) return tagged;
  tagged.words = words_of(texts.front().second, task.task->settings.get<TaggingSettings>());
  return tagged;
}

std::string error_html(const AnalysedTask& task, const WrongRow& wrong, RowTexts* texts,
                       const PageLimits& limits) {
  const PredictionRecord& row = task.predictions->rows[wrong.number];
  const NamedTexts own = texts == nullptr ? NamedTexts() : texts->find(row.split, row.row);
  std::string out = concat("<div class=\"error\"><div class=\"said\">",
                           tag(concat(row.split, " ", row.row, row.id.empty() ? "" : " ", row.id)));
  const TaggedWords tagged = tagged_words(task, row, own);
  if (!tagged.words.empty() && tagged.fit()) {
    return concat(out, tag(wrong.measure), "</div>", words_html(tagged, limits), "</div>\n");
  }
  out += said(wrong, limits);
  if (!wrong.measure.empty()) out += concat(" ", tag(wrong.measure));
  out += "</div>";
  for (const auto& [name, text] : own) {
    out += concat("<p>", tag(name), html_text(text, limits.error_characters), "</p>");
  }
  return out + "</div>\n";
}

}  // namespace

std::string errors_card(const AnalysedTask& task, RowTexts* texts, const PageLimits& limits) {
  const TaskAnalysis& analysis = task.analysis;
  if (analysis.wrong.empty()) return "";
  const size_t shown = std::min(limits.errors, analysis.wrong.size());
  std::string out;
  for (size_t i = 0; i < shown; ++i) out += error_html(task, analysis.wrong[i], texts, limits);
  if (texts != nullptr) {
    for (const std::string& problem : texts->problems()) out += remark(problem);
  }
  const auto wrong = std::ssize(analysis.wrong);
  const std::string all = analysis.values.empty() ? counted(wrong, "wrong row")
                                                  : counted(wrong, "row that is", "rows that are") +
                                                        " off by more than the RMSE";
  return card("The worst errors",
              remark(concat(shown, " of ", all, ", ", analysis.wrong_order, ".")) +
                  concat("<div class=\"errors\">", out, "</div>"),
              "wide");
}

}  // namespace pals
