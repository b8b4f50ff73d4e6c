#include "onnx/model_file.h"

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

// ModelProto, OperatorSetIdProto and StringStringEntryProto of onnx.proto.
constexpr int kFileVersion = 1, kProducer = 2, kProducerVersion = 3, kGraph = 7, kOpset = 8,
              kMetadata = 14;
constexpr int kOpsetDomain = 1, kOpsetVersion = 2;
constexpr int kKey = 1, kValue = 2;

Message model_message(const OnnxGraph& graph, const OnnxDescription& description) {
  Message model, opset;
  model.add_integer(kFileVersion, kOnnxFileVersion);
  model.add_text(kProducer, "pals");
  model.add_text(kProducerVersion, description.producer_version);
  model.add_message(kGraph, graph.message(description.name));
  opset.add_text(kOpsetDomain, "");
  opset.add_integer(kOpsetVersion, kOnnxOpset);
  model.add_message(kOpset, opset);
  for (const auto& [key, value] : description.metadata) {
    Message entry;
    entry.add_text(kKey, key);
    entry.add_text(kValue, value);
    model.add_message(kMetadata, entry);
  }
  return model;
}

}  // namespace

void write_onnx(const std::string& path, const OnnxGraph& graph,
                const OnnxDescription& description) {
  const Message model = model_message(graph, description);
  if (model.size() > kMaxOnnxBytes) {
    fail("cannot write ", path, ": the model has ", model.size() >> 20,
         " MB, an ONNX file at most 2047; export it with --format transformers");
  }
  AtomicFile file(path);
  model.write([&](std::string_view bytes) { file.write(bytes); });
  file.commit();
}

}  // namespace pals
