#include "reference_set.h"

#include <cstdlib>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "kernels/device.h"
#include "model/weights.h"
#include "options/option.h"
#include "simulated_device.h"

namespace pals {
namespace {

// Adds the folders whose reference holds the tensor `marker`.
void add_folders(const std::string& root, const std::string& marker,
                 std::vector<std::string>& folders) {
  if (!directory_exists(root)) fail(root, ": no such folder of reference vectors");
  for (const std::string& name : list_directory(root)) {
    const std::string folder = root + "/" + name;
    if (!file_exists(folder + "/weights.safetensors")) continue;
    const TensorFile reference = read_safetensors(folder + "/reference.safetensors");
    if (reference.find(marker) != nullptr) folders.push_back(folder);
  }
}

std::vector<std::string> folders_with(const std::string& marker) {
  std::vector<std::string> folders;
  add_folders(std::string(PALS_SOURCE_DIR) + "/tests/data/reference", marker, folders);
  if (const char* root = std::getenv("PALS_REFERENCE_DIR")) add_folders(root, marker, folders);
  return folders;
}

}  // namespace

std::vector<std::string> reference_folders() { return folders_with("task0.logits"); }

std::vector<std::string> single_task_folders() { return folders_with("input_ids"); }

at::Device test_device() {
  const char* name = std::getenv("PALS_TEST_DEVICE");
  if (name == nullptr) return at::kCPU;
  testing::simulated_device();  // so that it can be chosen
  return choose_device(read_option<DeviceChoice>("device", name));
}

double golden_tolerance(double on_cpu) { return test_device().is_cpu() ? on_cpu : 10 * on_cpu; }

at::Tensor tensor_of(const TensorFile& file, const std::string& name) {
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr) fail("reference set: no tensor ", name);
  if (entry->dtype == DType::kI64) {
    at::Tensor values = at::empty(entry->shape, at::kLong);
    std::memcpy(values.data_ptr<int64_t>(), entry->bytes.data(), entry->bytes.size());
    return values;
  }
  at::Tensor values = at::empty(entry->shape, at::kFloat);
  copy_as_float(*entry, values.data_ptr<float>(), static_cast<size_t>(values.numel()));
  return values;
}

ReferenceSet::ReferenceSet(const std::string& folder_name, at::ScalarType type)
    : folder(folder_name),
      weights(read_safetensors(folder + "/weights.safetensors")),
      reference(read_safetensors(folder + "/reference.safetensors")) {
  const std::string path = folder + "/config.json";
  const Json json = read_json(path);
  const BertConfig bert = parse_bert_config(json, path, reference_adapter_keys());
  const AdapterConfig adapter =
      resolve_adapter(adapter_from_reference_keys(json, path), bert, path);
  for (int task = 0;; ++task) {
    const TensorEntry* head = weights.find("classifier." + std::to_string(task) + ".bias");
    if (head == nullptr) break;
    const bool regression = head->shape[0] == 1;
    heads.push_back(
        {regression ? TaskKind::kRegression : TaskKind::kClassification, head->shape[0]});
  }
  model =
      std::make_unique<MultiTaskModel>(bert, adapter, heads, type, Frozen::kNothing, test_device());
  const LoadReport report = load_weights(*model, weights, LoadScope::kAll, folder);
  if (!report.unused.empty()) fail(folder, ": unused tensor ", report.unused.front());
}

at::Tensor ReferenceSet::expected(int task, const std::string& name) const {
  return tensor_of(reference, "task" + std::to_string(task) + "." + name);
}

PackedBatch ReferenceSet::batch(int task) const {
  const at::Tensor ids = expected(task, "input_ids").to(at::kInt).contiguous();
  const at::Tensor types = expected(task, "token_type_ids").to(at::kInt).contiguous();
  const at::Tensor lengths = expected(task, "attention_mask").sum(1);
  const at::Tensor labels = expected(task, "labels");
  PackedBatch batch;
  for (int64_t row = 0; row < ids.size(0); ++row) {
    batch.append(task, row, ids[row].data_ptr<int32_t>(), types[row].data_ptr<int32_t>(),
                 lengths[row].item<int64_t>(),
                 std::vector<float>{labels[row].to(at::kFloat).item<float>()});
  }
  return batch;
}

at::Tensor ReferenceSet::pack(int task, const at::Tensor& padded) const {
  const at::Tensor mask = expected(task, "attention_mask").to(at::kBool);
  const at::Tensor flat = padded.flatten(0, 1);
  return flat.index_select(0, mask.flatten().nonzero().squeeze(1));
}

}  // namespace pals
