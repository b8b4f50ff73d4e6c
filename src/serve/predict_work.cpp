// Predictions: /predict and /rerank.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "predict/encode.h"
#include "serve/asked_tasks.h"
#include "serve/body.h"
#include "serve/truncation.h"
#include "serve/work.h"

namespace pals {
namespace {

/// Texts, the tasks that answer them, and the rows that these ask.
struct Asking {
  const ServedModel& model;
  std::vector<int> tasks;  ///< without those that the texts do not fit
  EncodedRows rows;
  AskedHeads heads;
};

const Task& task_of(const ServedModel& model, int number) {
  return model.tasks[static_cast<size_t>(number)];
}

void ask(Asking& asking, const Json& body, const std::vector<Example>& texts) {
  bool cuts = false;  // a long context is several rows instead
  std::vector<RowForm> forms;
  for (const int number : asking.tasks) {
    const Task& task = task_of(asking.model, number);
    forms.push_back(kind_of(task).row_form(task));
    cuts = cuts || !kind_of(task).input().context;
  }
  TextEncoder encoder(rules_for(asking.model, body, cuts ? texts : std::vector<Example>()), forms);
  for (const Example& text : texts) encoder.add({.id = "", .texts = text});
  asking.rows = encoder.finish();
  asking.heads = ask_heads(*asking.model.runner, asking.tasks, asking.rows.features);
}

std::vector<Prediction> decode(const ServedModel& model, int number, const FeaturesPtr& rows,
                               const Job& job, const HeadPlace& place) {
  const Task& task = task_of(model, number);
  return kind_of(task).decode(task, *rows, job.logits[place.source][place.number], model.rules(),
                              1);
}

std::vector<std::string> names_of(const ServedModel& model, const std::vector<int>& tasks) {
  std::vector<std::string> names;
  for (const int number : tasks) names.push_back(task_of(model, number).name);
  return names;
}

/// `choices` of one text, or a list of them for several.
void add_choices(const Json& body, SequenceInputs& inputs, size_t most) {
  const Json* field = find_field(body, "choices");
  if (field == nullptr) return;
  const bool of_each = field->is_array() && !field->empty() && (*field)[0].is_array();
  const size_t texts = inputs.texts.size();
  if (of_each && field->size() != texts) {
    refuse(concat("`choices` has ", counted(std::ssize(*field), "list"), " for ",
                  counted(static_cast<int64_t>(texts), "text")));
  }
  if (!of_each && inputs.is_list) refuse("`choices` must be a list for each of the `inputs`");
  for (size_t i = 0; i < texts; ++i) {
    const Json& own = of_each ? (*field)[i] : *field;
    if (!own.is_array()) refuse("`choices` must be a list of texts");
    inputs.texts[i].choices = text_list(own, "choices", most);
  }
}

/// What the texts bring: the same all, or of some one text, of others two.
std::vector<TextParts> parts_of(const SequenceInputs& inputs) {
  std::vector<TextParts> parts;
  for (const bool pair : {false, true}) {
    if (std::ranges::count(inputs.is_pair, pair) == 0) continue;
    parts.push_back({.pair = pair, .choices = !inputs.texts.front().choices.empty()});
  }
  return parts;
}

double sigmoid(double logit) { return 1.0 / (1.0 + std::exp(-logit)); }

}  // namespace

Work predict_work(const ServedModel& model, const Json& body, const RequestLimits& limits) {
  SequenceInputs inputs = sequence_inputs(need_field(body, "inputs"), limits.max_client_batch_size);
  add_choices(body, inputs, limits.max_client_batch_size);
  const bool raw = flag_field(body, "raw_scores", false);
  const AskedTasks asked = asked_tasks(model, body);
  const std::vector<TextParts> parts = parts_of(inputs);
  std::vector<int> answering;
  for (const int number : asked.numbers) {
    const Task& task = task_of(model, number);
    const auto one_suits = [&](const TextParts& one) { return suits(task, one); };
    if (asked.all && !std::ranges::all_of(parts, one_suits)) continue;
    for (const TextParts& one : parts) {
      if (const std::string problem = misfit(task, one); !problem.empty()) refuse(problem);
    }
    answering.push_back(number);
  }
  Asking asking{model, answering, {}, {}};
  ask(asking, body, inputs.texts);
  Work work{.sources = asking.heads.sources,
            .tasks = names_of(model, answering),
            .texts = static_cast<int64_t>(inputs.texts.size())};
  work.answer = [&model, raw, asked, answering, rows = asking.rows.features,
                 places = asking.heads.places, is_list = inputs.is_list](const Job& job) {
    OrderedJson by_task = OrderedJson::object();
    for (const int number : asked.numbers) by_task[task_of(model, number).name] = nullptr;
    OrderedJson one;
    for (size_t i = 0; i < answering.size(); ++i) {
      const Task& task = task_of(model, answering[i]);
      OrderedJson answers = OrderedJson::array();
      for (const Prediction& prediction : decode(model, answering[i], rows[i], job, places[i])) {
        answers.push_back(kind_of(task).to_scores(task, prediction, raw));
      }
      OrderedJson& answer = asked.by_name ? by_task[task.name] : one;
      answer = is_list ? std::move(answers) : std::move(answers[0]);
    }
    return json_text(asked.by_name ? by_task : one, -1);
  };
  return work;
}

Work rerank_work(const ServedModel& model, const Json& body, const RequestLimits& limits) {
  const std::string query = string_of(need_field(body, "query"), "query");
  const std::vector<std::string> texts =
      text_list(need_field(body, "texts"), "texts", limits.max_client_batch_size);
  const bool raw = flag_field(body, "raw_scores", false);
  const bool with_text = flag_field(body, "return_text", false);
  std::vector<int> able;
  for (const int number : model.all_tasks()) {
    if (kind_of(task_of(model, number)).has_values()) able.push_back(number);
  }
  const bool is_named = find_field(body, "task") != nullptr;
  if (able.empty()) {
    throw ServeError(424, "backend", "the model has no task of one value, which ranks texts");
  }
  if (!is_named && able.size() > 1) {
    refuse(concat("`task` is missing; tasks of one value: ", join(names_of(model, able), ", ")));
  }
  const int number = is_named ? asked_tasks(model, body).numbers.front() : able.front();
  if (std::ranges::find(able, number) == able.end()) {
    refuse(concat("task ", quote(task_of(model, number).name), " gives no value to rank by; ",
                  join(names_of(model, able), ", ")));
  }
  std::vector<Example> pairs;
  for (const std::string& text : texts) pairs.push_back({.text_a = query, .text_b = text});
  Asking asking{model, {number}, {}, {}};
  ask(asking, body, pairs);
  Work work{.sources = asking.heads.sources,
            .tasks = names_of(model, {number}),
            .texts = static_cast<int64_t>(texts.size())};
  work.answer = [&model, number, raw, with_text, texts, rows = asking.rows.features.front(),
                 place = asking.heads.places.front()](const Job& job) {
    const double scale = task_of(model, number).label_scale;
    std::vector<double> scores;
    for (const Prediction& prediction : decode(model, number, rows, job, place)) {
      scores.push_back(raw ? prediction.value : sigmoid(prediction.value / scale));
    }
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(),
                             [&](size_t index) { return scores[index]; });
    OrderedJson ranks = OrderedJson::array();
    for (const size_t index : order) {
      OrderedJson rank = {{"index", index}, {"score", scores[index]}};
      if (with_text) rank["text"] = texts[index];
      ranks.push_back(std::move(rank));
    }
    return json_text(ranks, -1);
  };
  return work;
}

}  // namespace pals
