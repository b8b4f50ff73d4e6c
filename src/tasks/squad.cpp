#include "tasks/squad.h"

#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "base/utf8.h"
#include "tasks/row_watch.h"
#include "tasks/rows.h"

namespace pals {
namespace {

// Contexts are as long as rows may be; the others are no texts to read in, but names and phrases.
constexpr size_t kMaxContextBytes = kMaxRowBytes;
constexpr size_t kMaxQuestionBytes = size_t{64} << 10;
constexpr size_t kMostAnswers = 1000;

/// The member `key` of an object, which must be there.
const Json& member(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) fail(where, ": got ", object.type_name(), ", want an object");
  const auto found = object.find(key);
  if (found == object.end()) fail(where, ": the key ", quote(key), " is missing");
  return *found;
}

const Json& array_member(const Json& object, const char* key, const std::string& where) {
  const Json& value = member(object, key, where);
  if (!value.is_array()) {
    fail(where, ": ", quote(key), " is ", value.type_name(), ", want a list");
  }
  return value;
}

const std::string& string_member(const Json& object, const char* key, size_t max_bytes,
                                 const std::string& where) {
  const Json& value = member(object, key, where);
  if (!value.is_string()) {
    fail(where, ": ", quote(key), " is ", value.type_name(), ", want a string");
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    fail(where, ": ", quote(key), " has ", text.size(), " bytes, at most ", max_bytes,
         " are possible");
  }
  return text;
}

class SquadParser {
 public:
  SquadParser(std::string where, const SquadRules& rules, RowWatch* watch)
      : where_(std::move(where)), rules_(rules), watch_(watch) {}

  QuestionSet parse(const Json& document) {
    const Json& articles = array_member(document, "data", where_);
    for (size_t a = 0; a < articles.size(); ++a) {
      const std::string article = concat(where_, ": article ", a + 1);
      watched(watch_, [&] {
        const Json& paragraphs = array_member(articles[a], "paragraphs", article);
        for (size_t p = 0; p < paragraphs.size(); ++p) {
          watched(watch_,
                  [&] { add_paragraph(paragraphs[p], concat(article, ", paragraph ", p + 1)); });
        }
      });
    }
    if (set_.questions.empty()) fail(where_, ": no questions in the file");
    return std::move(set_);
  }

 private:
  void add_paragraph(const Json& paragraph, const std::string& where) {
    const std::string& context = string_member(paragraph, "context", kMaxContextBytes, where);
    const Json& questions = array_member(paragraph, "qas", where);
    if (questions.empty()) return;
    context_length_ = static_cast<int64_t>(count_code_points(context));
    set_.contexts.push_back(context);
    for (size_t q = 0; q < questions.size(); ++q) {
      watched(watch_, [&] { add_question(questions[q], concat(where, ", question ", q + 1)); });
    }
  }

  void add_question(const Json& object, const std::string& place) {
    Question question;
    question.id = string_member(object, "id", kMaxQuestionBytes, place);
    const std::string where = concat(where_, ": question ", quote(question.id));
    if (!ids_.insert(question.id).second) fail(where, ": this id stands in the file twice");
    question.text = string_member(object, "question", kMaxQuestionBytes, where);
    question.context = static_cast<int32_t>(set_.contexts.size()) - 1;
    if (!is_impossible(object, where)) add_answers(object, where, question);
    set_.questions.push_back(std::move(question));
    if (watch_ != nullptr) watch_->example(0);
  }

  bool is_impossible(const Json& object, const std::string& where) const {
    const auto found = object.find("is_impossible");
    if (found == object.end()) return false;
    if (!found->is_boolean()) {
      fail(where, ": \"is_impossible\" is ", found->type_name(), ", want true or false");
    }
    if (found->get<bool>()) check_unanswerable(where);
    return found->get<bool>();
  }

  void check_unanswerable(const std::string& where) const {
    if (rules_.unanswerable) return;
    fail(where, ": it has no answer; if that is meant so (SQuAD v2.0), say \"unanswerable\": true ",
         "in the task file, or --version_2_with_negative");
  }

  void add_answers(const Json& object, const std::string& where, Question& question) {
    if (!object.contains("answers") && !rules_.needs_answers) return;
    const Json& answers = array_member(object, "answers", where);
    if (answers.empty() && rules_.needs_answers) check_unanswerable(where);
    if (answers.size() > kMostAnswers) {
      fail(where, ": ", answers.size(), " answers, at most ", kMostAnswers, " are possible");
    }
    for (const Json& item : answers) {
      Answer answer;
      answer.text = string_member(item, "text", kMaxContextBytes, where);
      answer.start = start_of(item, where);
      question.answers.push_back(std::move(answer));
    }
  }

  int64_t start_of(const Json& answer, const std::string& where) const {
    const Json& value = member(answer, "answer_start", where);
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    const int64_t start = fits ? value.get<int64_t>() : -1;
    if (start < 0 || start >= context_length_) {
      fail(where, ": \"answer_start\" is ", quote(json_text(value, -1)), ", want the number of a ",
           "character of the context, which has ", context_length_);
    }
    return start;
  }

  std::string where_;
  SquadRules rules_;
  RowWatch* watch_;
  QuestionSet set_;
  std::unordered_set<std::string> ids_;
  int64_t context_length_ = 0;
};

}  // namespace

QuestionSet parse_squad(std::string_view bytes, const std::string& where, const SquadRules& rules,
                        RowWatch* watch) {
  if (bytes.size() > kMaxSquadBytes) {
    fail(where, ": ", bytes.size(), " bytes, at most ", kMaxSquadBytes, " are read");
  }
  return SquadParser(where, rules, watch).parse(parse_json(text_of_file(bytes, where), where));
}

}  // namespace pals
