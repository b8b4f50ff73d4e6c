// Folders of other packages' adapters: which package's it is, and all of it.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/names.h"
#include "foreign/foreign_adapter.h"

namespace pals {

enum class Package { kPeft, kAdapters };
inline constexpr Name<Package> kPackages[] = {{Package::kPeft, "peft"},
                                              {Package::kAdapters, "adapters"}};
constexpr std::span<const Name<Package>> names_of(Package) { return kPackages; }

/// Whose adapter lies in this folder, by its adapter_config.json; nothing for other paths, and for
/// the files of older model folders of ours.
std::optional<Package> package_of(const std::string& path);

/// An adapter together with the files that its tensors point into.
struct ForeignFolder {
  ForeignAdapter adapter;
  TensorFile weights, head;
};

/// Reads the folder. Throws Error as parse_peft_adapter, parse_hub_adapter and add_hub_head, and
/// for files that are missing or damaged. Nothing in them is executed.
ForeignFolder read_foreign_folder(const std::string& path, Package package);

/// Writes the files of a folder, so that the package loads it over the model `adapter.base`, of so
/// many layers. Throws Error for what the package does not have.
void write_foreign_files(const std::string& path, const ForeignAdapter& adapter, Package package,
                         int64_t num_layers);

}  // namespace pals
