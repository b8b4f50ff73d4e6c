#include "checkpoint/load_tensor_file.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/pytorch_file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shard_index.h"
#include "checkpoint/tensorflow_checkpoint.h"

namespace pals {
namespace {

struct KnownStart {
  std::string_view bytes;
  const char* what;
};

using namespace std::string_view_literals;

/// Files that are mistaken for weights in practice.
constexpr KnownStart kKnownStarts[] = {
    {"version https://git-lfs"sv, "a Git LFS pointer instead of the file (run: git lfs pull)"},
    {"\x89HDF"sv, "an HDF5 file (Keras)"},
    {"\x1f\x8b"sv, "a gzip file (unpack it first)"},
    {"PK"sv, "an empty or damaged zip file"},
    {"\x80"sv, "a Python pickle that torch.save did not write"},
    {"<"sv, "markup (a web page instead of the file?)"},
    {"{"sv, "JSON text"},
};

std::string describe(std::string_view bytes) {
  if (bytes.empty()) return "an empty file";
  for (const KnownStart& known : kKnownStarts) {
    if (bytes.starts_with(known.bytes)) return known.what;
  }
  const std::string_view start = bytes.substr(0, 16);
  const bool is_text = std::ranges::all_of(
      start, [](unsigned char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t'; });
  if (is_text) return "text that starts with " + quote(start);
  return concat(bytes.size(), " bytes of an unknown format, or a damaged file");
}

}  // namespace

TensorFormat tensor_format(std::string_view bytes) {
  if (looks_like_tensorflow_index(bytes)) return TensorFormat::kTensorflow;
  if (looks_like_safetensors(bytes)) return TensorFormat::kSafetensors;
  if (looks_like_pytorch_zip(bytes)) return TensorFormat::kPytorch;
  if (looks_like_pytorch_legacy(bytes)) return TensorFormat::kPytorchLegacy;
  if (looks_like_shard_index(bytes)) return TensorFormat::kShards;
  return TensorFormat::kUnknown;
}

const char* format_name(TensorFormat format) {
  switch (format) {
    case TensorFormat::kSafetensors:
      return "safetensors";
    case TensorFormat::kPytorch:
      return "PyTorch";
    case TensorFormat::kPytorchLegacy:
      return "PyTorch before 1.6";
    case TensorFormat::kTensorflow:
      return "TensorFlow";
    case TensorFormat::kShards:
      return "shards";
    case TensorFormat::kUnknown:
      break;
  }
  return "unknown";
}

TensorFile parse_tensor_file(std::string_view bytes, const std::string& where) {
  switch (tensor_format(bytes)) {
    case TensorFormat::kSafetensors:
      return parse_safetensors(bytes, where);
    case TensorFormat::kPytorch:
    case TensorFormat::kPytorchLegacy:
      return parse_pytorch_file(bytes, where);
    case TensorFormat::kTensorflow:
      fail(where, ": the index of a TensorFlow checkpoint without its data files");
    case TensorFormat::kShards:
      fail(where, ": the index of several files, expected one of the files");
    case TensorFormat::kUnknown:
      break;
  }
  fail(where, ": found ", describe(bytes),
       "; expected weights as safetensors, as a PyTorch file (torch.save), or the prefix or index ",
       "of a TensorFlow checkpoint");
}

std::string find_tensor_file(const std::string& path) {
  if (file_exists(path)) return path;
  const std::string index = path + ".index";
  return file_exists(index) ? index : "";
}

std::string whole_of_part(const std::string& path) {
  const size_t data = path.rfind(".data-");  // bert_model.ckpt.data-00000-of-00001
  if (data != std::string::npos && path.find("-of-", data) != std::string::npos) {
    const std::string prefix = path.substr(0, data);
    return file_exists(prefix + ".index") ? prefix : "";
  }
  return index_of_shard(path);
}

TensorFile load_tensor_file(const std::string& path) {
  const std::string found = find_tensor_file(path);
  MappedFile mapping(found.empty() ? path : found);
  const TensorFormat format = tensor_format(mapping.bytes());
  if (format == TensorFormat::kTensorflow) return read_tensorflow_checkpoint(mapping.path());
  if (format == TensorFormat::kShards) return read_sharded_file(mapping.path());
  const std::string whole = whole_of_part(mapping.path());
  if (!whole.empty()) fail(path, ": a part of several; give the whole of them: ", whole);
  TensorFile file = parse_tensor_file(mapping.bytes(), mapping.path());
  file.keep(std::move(mapping));
  return file;
}

}  // namespace pals
