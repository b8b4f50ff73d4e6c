// dump_hidden_states FOLDER OUTPUT < LINES: the shared encoder of a model folder on lines of text,
// for comparison with other programs. OUTPUT (safetensors) holds, for line i, `i.input_ids` [T] as
// floats, `i.last_hidden_state` [T, H] and `i.pooler_output` [H].
#include <iostream>

#include "base/error.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/safetensors.h"
#include "features/features.h"
#include "model/open.h"
#include "model/weights.h"

namespace pals {
namespace {

void dump(const std::string& folder, const std::string& output_path) {
  const std::string config_path = folder + "/config.json";
  const BertConfig bert = parse_bert_config(read_json(config_path), config_path, {"pals"});
  const AdapterConfig none = resolve_adapter({}, bert, "none");
  MultiTaskModel model(bert, none, {HeadSpec{}}, at::kFloat);
  const std::string weights = folder + "/model.safetensors";
  load_weights(model, load_tensor_file(weights), LoadScope::kShared, weights);
  const Tokenizer tokenizer = open_folder_tokenizer(folder);

  std::vector<at::Tensor> kept;
  std::vector<TensorEntry> entries;
  const auto keep = [&](const std::string& name, const at::Tensor& tensor) {
    kept.push_back(tensor.to(at::kFloat).contiguous());
    entries.push_back(make_tensor_entry(name, DType::kF32, kept.back().sizes().vec(),
                                        kept.back().const_data_ptr<float>()));
  };
  std::string line;
  for (int64_t i = 0; std::getline(std::cin, line); ++i) {
    const size_t tab = line.find('\t');
    const std::string_view text(line);
    PackedBatch batch;
    append_text(tokenizer, text.substr(0, tab),
                tab == std::string::npos ? std::string_view() : text.substr(tab + 1), 128, 0, 0,
                batch);
    const auto output = model.forward(batch, true);
    at::Tensor ids = at::empty({batch.num_tokens()}, at::kFloat);
    std::copy(batch.token_ids.begin(), batch.token_ids.end(), ids.data_ptr<float>());
    keep(concat(i, ".input_ids"), ids);
    keep(concat(i, ".last_hidden_state"), output.encoder_layers.back());
    keep(concat(i, ".pooler_output"), output.pooled[0]);
  }
  write_safetensors(output_path, entries);
}

}  // namespace
}  // namespace pals

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: dump_hidden_states FOLDER OUTPUT < LINES\n";
    return 2;
  }
  try {
    pals::dump(argv[1], argv[2]);
  } catch (const pals::Error& error) {
    std::cerr << "dump_hidden_states: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
