#include "model/feature_model.h"

#include <algorithm>

#include "adapters/reference_keys.h"
#include "adapters/registry.h"
#include "base/error.h"
#include "checkpoint/load_tensor_file.h"
#include "model/open.h"
#include "model/weights.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

FeatureModel load_with_task(const FeatureModelOptions& options) {
  if (options.model.empty()) fail_usage("--task needs --model: a folder that `pals train` wrote");
  if (!options.bert_config_file.empty() || !options.vocab_file.empty()) {
    fail_usage("--task takes configuration and vocabulary from --model: leave out ",
               "--bert_config_file and --vocab_file");
  }
  LoadedModel loaded = load_model_folder(options.model, options.precision, options.device,
                                         options.do_lower_case, options.special_tokens_in_text);
  FeatureModel model;
  model.task = find_task(loaded.description.tasks, options.task, "--task");
  model.tokenizer = std::move(loaded.tokenizer);
  model.model = std::move(loaded.model);
  const bool has_own = model.model->adapter_config(model.task).task_pooler;
  model.has_pooler = has_own || loaded.has_pooler;
  model.where = options.model;
  return model;
}

OpenedModel open_source(const FeatureModelOptions& options) {
  if (!options.model.empty() && !options.init_checkpoint.empty()) {
    fail_usage("--model and --init_checkpoint both name weights: give one of them");
  }
  ModelSource source{.path = options.model,
                     .bert_config_file = options.bert_config_file,
                     .vocab_file = options.vocab_file,
                     .do_lower_case = options.do_lower_case,
                     .special_tokens_in_text = options.special_tokens_in_text};
  if (options.model.empty()) {
    source.path = options.init_checkpoint;
    source.flag = "--init_checkpoint";
  }
  if (source.path.empty()) {
    fail_usage("--model is missing: a model folder (or --init_checkpoint, --bert_config_file and ",
               "--vocab_file)");
  }
  return open_model(source);
}

}  // namespace

FeatureModel load_feature_model(const FeatureModelOptions& options) {
  if (!options.task.empty()) return load_with_task(options);
  const OpenedModel opened = open_source(options);
  const CheckpointSources& sources = opened.files;
  const BertConfig& bert = opened.description.bert;

  FeatureModel model;
  model.where = sources.weights;
  model.tokenizer = std::make_unique<Tokenizer>(open_tokenizer(opened));
  // A pass needs a task: one without an adapter, whose head nobody asks.
  model.model = std::make_unique<MultiTaskModel>(
      bert, resolve_adapter({}, bert, sources.config), std::vector<HeadSpec>{{.num_outputs = 1}},
      options.precision, Frozen::kNothing, options.device);
  TensorFile file = load_tensor_file(sources.weights);
  check_shared_weights(opened, file);
  const LoadReport report = load_weights(*model.model, file, LoadScope::kShared, sources.weights);
  model.model->arena().refresh_shadow();
  model.model->pack_weights();
  model.has_pooler = std::ranges::count(report.missing, kPoolerWeight) == 0;
  return model;
}

}  // namespace pals
