// Writes a TensorFlow checkpoint of BERT-base with random weights, for bench/convert.py.
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "checkpoint/table_test_support.h"
#include "checkpoint/tensorflow_index.h"

namespace {

using namespace pals;

constexpr int64_t kHidden = 768, kLayers = 12, kIntermediate = 3072, kVocabulary = 30522,
                  kPositions = 512;

struct Variable {
  std::string name;
  std::vector<int64_t> shape;
};

std::vector<Variable> bert_base() {
  std::vector<Variable> variables;
  const auto norm = [&](const std::string& at) {
    variables.push_back({at + "LayerNorm/gamma", {kHidden}});
    variables.push_back({at + "LayerNorm/beta", {kHidden}});
  };
  const auto dense = [&](const std::string& at, int64_t in, int64_t out) {
    variables.push_back({at + "/kernel", {in, out}});
    variables.push_back({at + "/bias", {out}});
  };
  variables.push_back({"bert/embeddings/word_embeddings", {kVocabulary, kHidden}});
  variables.push_back({"bert/embeddings/position_embeddings", {kPositions, kHidden}});
  variables.push_back({"bert/embeddings/token_type_embeddings", {2, kHidden}});
  norm("bert/embeddings/");
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    const std::string at = concat("bert/encoder/layer_", layer, "/");
    for (const char* part : {"query", "key", "value"}) {
      dense(at + "attention/self/" + part, kHidden, kHidden);
    }
    dense(at + "attention/output/dense", kHidden, kHidden);
    norm(at + "attention/output/");
    dense(at + "intermediate/dense", kHidden, kIntermediate);
    dense(at + "output/dense", kIntermediate, kHidden);
    norm(at + "output/");
  }
  dense("bert/pooler/dense", kHidden, kHidden);
  return variables;
}

void write(const std::string& folder) {
  make_directories(folder);
  const std::string prefix = folder + "/bert_model.ckpt";
  AtomicFile data(prefix + ".data-00000-of-00001");
  std::map<std::string, std::string> items = {{"", bundle_header(1)}};
  Random random(1, 2);
  uint64_t offset = 0;
  for (const Variable& variable : bert_base()) {
    size_t numel = 1;
    for (const int64_t size : variable.shape) numel *= static_cast<size_t>(size);
    std::vector<float> values(numel);
    for (float& value : values) value = static_cast<float>(random.uniform()) - 0.5F;
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), numel * 4);
    items[variable.name] =
        bundle_entry(static_cast<int>(TensorFlowType::kFloat), variable.shape, 0, offset, bytes);
    data.write(bytes);
    offset += bytes.size();
  }
  data.commit();
  write_file_atomically(prefix + ".index", table_bytes(items, 50));
  const Json config = {
      {"vocab_size", kVocabulary},          {"hidden_size", kHidden},
      {"num_hidden_layers", kLayers},       {"num_attention_heads", 12},
      {"intermediate_size", kIntermediate}, {"max_position_embeddings", kPositions}};
  write_file_atomically(folder + "/bert_config.json", json_text(config));
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (int64_t id = 4; id < kVocabulary; ++id) vocabulary += concat("token", id, "\n");
  write_file_atomically(folder + "/vocab.txt", vocabulary);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) fail_usage("usage: make_checkpoint FOLDER");
    write(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_checkpoint: " << error.what() << "\n";
    return 1;
  }
}
