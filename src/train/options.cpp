#include "train/options.h"

#include <algorithm>
#include <array>

namespace pals {
namespace {

// What may differ between the parts of a resumed run without changing its result.
constexpr std::array kFree = {"save_checkpoints_steps",
                              "keep_checkpoints",
                              "cache_dir",
                              "output_dir",
                              "eval_batch_size",
                              "data_dir",
                              "device",
                              "no_graphs",
                              "threads",
                              "json",
                              "no_cuda",
                              "local_rank",
                              "nproc",
                              "recompute",
                              "shard_optimizer",
                              "save_best_tasks"};

// What each rank of a run may have to itself.
constexpr std::array kOfEachRank = {"cache_dir", "data_dir", "output_dir", "device", "threads",
                                    "json",      "no_cuda",  "local_rank", "nproc",  "recompute"};

template <size_t kCount>
std::vector<std::string> differences(const Json& saved, const Json& current,
                                     const std::array<const char*, kCount>& free_names) {
  std::vector<std::string> names;
  const auto add_differences = [&](const Json& from, const Json& to) {
    for (const auto& item : from.items()) {
      const bool free =
          std::find(free_names.begin(), free_names.end(), item.key()) != free_names.end();
      const bool known = std::find(names.begin(), names.end(), item.key()) != names.end();
      const auto it = to.find(item.key());
      if (!free && !known && (it == to.end() || *it != item.value())) names.push_back(item.key());
    }
  };
  add_differences(current, saved);
  add_differences(saved, current);  // an option that was given, and is left out now
  return names;
}

}  // namespace

Json options_to_json(const TrainOptions& o) {
  Json json = {{"data_dir", o.data_dir},
               {"task_file", o.task_file},
               {"tasks", o.tasks},
               {"kind", o.kind},
               {"task_name", o.task_name},
               {"train_file", o.train_file},
               {"dev_file", o.dev_file},
               {"doc_stride", o.span.doc_stride},
               {"max_query_length", o.span.max_query_length},
               {"max_answer_length", o.span.max_answer_length},
               {"n_best_size", o.span.n_best_size},
               {"version_2_with_negative", o.span.unanswerable},
               {"null_score_diff_threshold", o.span.null_threshold},
               {"max_seq_length", o.max_seq_length},
               {"cache_dir", o.cache_dir},
               {"init_checkpoint", o.init_checkpoint},
               {"bert_config_file", o.bert_config_file},
               {"vocab_file", o.vocab_file},
               {"do_lower_case", o.do_lower_case},
               {"multi", o.multi},
               {"adapter", o.adapter},
               {"adapter_size", o.adapter_size},
               {"adapter_layers", o.adapter_layers},
               {"task_pooler", o.task_pooler},
               {"h_aug", o.h_aug},
               {"dropout", o.dropout},
               {"output_dir", o.output_dir},
               {"do_train", o.do_train},
               {"do_eval", o.do_eval},
               {"optim", o.optim},
               {"sample", o.sample},
               {"train_batch_size", o.train_batch_size},
               {"eval_batch_size", o.eval_batch_size},
               {"learning_rate", o.learning_rate},
               {"num_train_epochs", o.num_train_epochs},
               {"max_steps", o.max_steps},
               {"steps_per_epoch", o.steps_per_epoch},
               {"warmup_proportion", o.warmup_proportion},
               {"bias_correction", o.bias_correction},
               {"schedule", o.schedule},
               {"gradient_accumulation_steps", o.gradient_accumulation_steps},
               {"freeze", o.freeze},
               {"recompute", o.recompute},
               {"seed", o.seed},
               {"device", o.device},
               {"precision", o.precision},
               {"no_graphs", o.no_graphs},
               {"threads", o.threads},
               {"save_checkpoints_steps", o.save_checkpoints_steps},
               {"keep_checkpoints", o.keep_checkpoints},
               {"save_best_tasks", o.save_best_tasks},
               {"gradient_type", o.gradient_type},
               {"shard_optimizer", o.shard_optimizer},
               {"no_cuda", o.no_cuda},
               {"local_rank", o.local_rank},
               {"json", o.json}};
  if (o.task_id.has_value()) json["task_id"] = *o.task_id;
  if (o.nproc.has_value()) json["nproc"] = *o.nproc;
  return json;
}

std::vector<std::string> differing_options(const Json& saved, const Json& current) {
  return differences(saved, current, kFree);
}

std::vector<std::string> differing_among_ranks(const Json& first, const Json& other) {
  return differences(first, other, kOfEachRank);
}

}  // namespace pals
