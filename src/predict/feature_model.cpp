#include "predict/feature_model.h"

#include <algorithm>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/json.h"
#include "bert/config.h"
#include "checkpoint/load_tensor_file.h"
#include "model/model_folder.h"
#include "model/sources.h"
#include "model/weights.h"
#include "predict/predictor.h"

namespace pals {
namespace {

FeatureModel load_with_task(const FeatureModelOptions& options) {
  if (options.model.empty()) fail_usage("--task needs --model: a folder that `pals train` wrote");
  if (!options.bert_config_file.empty() || !options.vocab_file.empty() || options.do_lower_case) {
    fail_usage("--task takes configuration and vocabulary from --model: leave out ",
               "--bert_config_file, --vocab_file and --do_lower_case");
  }
  LoadedModel loaded = load_model_folder(options.model, options.precision, options.device);
  FeatureModel model;
  model.task = find_task(loaded.description.tasks, options.task, "--task");
  model.tokenizer = std::move(loaded.tokenizer);
  model.model = std::move(loaded.model);
  model.where = options.model;
  return model;
}

CheckpointSources find_sources(const FeatureModelOptions& options) {
  if (!options.model.empty() && !options.init_checkpoint.empty()) {
    fail_usage("--model and --init_checkpoint both name weights: give one of them");
  }
  const std::string flag = options.model.empty() ? "--init_checkpoint" : "--model";
  const std::string& path = options.model.empty() ? options.init_checkpoint : options.model;
  if (path.empty()) {
    fail_usage("--model is missing: a model folder (or --init_checkpoint, --bert_config_file and ",
               "--vocab_file)");
  }
  CheckpointSources sources =
      find_checkpoint_sources(path, options.bert_config_file, options.vocab_file, flag);
  if (sources.config.empty()) {
    fail_usage("--bert_config_file is missing: there is no config.json or bert_config.json beside ",
               path);
  }
  if (sources.vocabulary.empty()) {
    fail_usage("--vocab_file is missing: there is no vocab.txt beside ", path);
  }
  return sources;
}

}  // namespace

FeatureModel load_feature_model(const FeatureModelOptions& options) {
  if (!options.task.empty()) return load_with_task(options);
  const CheckpointSources sources = find_sources(options);
  std::vector<std::string> adapter_keys = reference_adapter_keys();
  adapter_keys.emplace_back("pals");
  const BertConfig bert =
      parse_bert_config(read_json(sources.config), sources.config, adapter_keys);

  FeatureModel model;
  model.where = sources.weights;
  const bool lower_case = options.do_lower_case.value_or(sources.tokenizer_config.empty() ||
                                                         read_lower_case(sources.tokenizer_config));
  model.tokenizer = std::make_unique<Tokenizer>(Vocabulary::load(sources.vocabulary), lower_case);
  if (model.tokenizer->vocabulary().size() > bert.vocab_size) {
    fail(sources.vocabulary, ": ", model.tokenizer->vocabulary().size(), " tokens, but ",
         sources.config, " has a vocab_size of ", bert.vocab_size);
  }
  // A pass needs a task: one without an adapter, whose head nobody asks.
  model.model = std::make_unique<MultiTaskModel>(bert, resolve_adapter({}, bert, sources.config),
                                                 std::vector<HeadSpec>{{TaskKind::kRegression, 1}},
                                                 options.precision, false, options.device);
  const LoadReport report = load_weights(*model.model, load_tensor_file(sources.weights),
                                         LoadScope::kShared, sources.weights);
  model.model->arena().refresh_shadow();
  model.model->pack_weights();
  model.has_pooler = std::ranges::none_of(
      report.missing, [](const std::string& name) { return name.starts_with("pooler."); });
  return model;
}

}  // namespace pals
