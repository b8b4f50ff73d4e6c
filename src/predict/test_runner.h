// What tests of predictions share: tasks, texts, and a stand-in for the network.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "features/test_tokens.h"
#include "kinds/kind.h"
#include "predict/runner.h"
#include "predict/text_input.h"
#include "tasks/task.h"

namespace pals::testing {

/// Tasks of each kind, with the heads of tiny_model (model/test_models.h).
inline std::vector<Task> asked_tasks() {
  Task two{.name = "two", .labels = {"no", "yes"}};
  Task value{.name = "value", .kind = TaskKind::kRegression, .label_scale = 5.0};
  Task three{.name = "three", .labels = {"a", "b\tc", "d"}};
  Task span{.name = "span", .kind = TaskKind::kSpan, .settings = SpanOptions{.doc_stride = 3}};
  Task choice{.name = "choice", .kind = TaskKind::kMultipleChoice};
  Task labels{.name = "labels", .kind = TaskKind::kMultiLabel, .labels = {"x", "y", "z"}};
  Task tags{
      .name = "tags", .kind = TaskKind::kTagging, .labels = {"O", "B-X", "I-X", "B-Y", "I-Y"}};
  return {two, value, three, span, choice, labels, tags};
}

/// Rows of letters, of any kind of task.
class LetterInput : public TextInput {
 public:
  explicit LetterInput(int count) : count_(count) {}

  bool next(InputRow& row) override {
    if (given_++ == count_) return false;
    row.texts.text_a = text(1 + random_.below(4));
    row.texts.text_b = text(random_.below(20));
    row.texts.choices.clear();
    for (uint64_t i = 0; i < 2 + random_.below(3); ++i) row.texts.choices.push_back(text(1 + i));
    return true;
  }
  bool at_hand(int /*milliseconds*/) override { return true; }

 private:
  std::string text(uint64_t words) {
    std::string text;
    for (uint64_t i = 0; i < words; ++i)
      text += letters(1, static_cast<char>('a' + random_.below(26)));
    return text;
  }

  int count_, given_ = 0;
  Random random_{5, 1};
};

/// Stands in for a network: each logit is a sum over the row's tokens, or, where a head reads
/// tokens, made of one token and its place. Tasks with even numbers share their trunk.
class StandInRunner : public Runner {
 public:
  explicit StandInRunner(std::vector<Task> tasks) : tasks_(std::move(tasks)) {}

  RunOutputs run(const PackedBatch& batch, const Wanted& wanted) const override {
    RunOutputs outputs;
    for (size_t s = 0; s < wanted.heads.size(); ++s) {
      for (const int task : wanted.heads[s]) {
        outputs.heads.push_back(run_head(batch, batch.segments[s], task));
      }
    }
    return outputs;
  }

  bool shares_trunk(int task, int other) const override {
    return task == other || (task % 2 == 0 && other % 2 == 0);
  }
  HeadShape head_shape(int task) const override {
    const Task& asked = tasks_[static_cast<size_t>(task)];
    return {num_outputs(asked), kind_of(asked).head().reads_tokens};
  }
  int64_t hidden_size() const override { return 1; }

 private:
  static float value(int task, int64_t output, int64_t token) {
    return static_cast<float>((token * (3 * task + 2 * output + 5)) % 11) * 0.25F;
  }

  HeadOutputs run_head(const PackedBatch& batch, const Segment& segment, int task) const {
    const HeadShape shape = head_shape(task);
    HeadOutputs head{.task = task};
    for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
      const auto first = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(row)]);
      const auto last = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(row) + 1]);
      std::vector<float> sums(static_cast<size_t>(shape.outputs));
      for (size_t token = first; token < last; ++token) {
        for (int64_t output = 0; output < shape.outputs; ++output) {
          const auto place = static_cast<int64_t>(token - first);
          if (shape.reads_tokens) {
            head.logits.push_back(value(task, output, batch.token_ids[token] + 7 * place));
          } else {
            sums[static_cast<size_t>(output)] += value(task, output, batch.token_ids[token]);
          }
        }
      }
      if (!shape.reads_tokens) head.logits.insert(head.logits.end(), sums.begin(), sums.end());
      head.offsets.push_back(static_cast<int64_t>(head.logits.size()));
    }
    return head;
  }

  std::vector<Task> tasks_;
};

}  // namespace pals::testing
