// The values of a pickle under construction: limits, the few globals that mean something, tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/pickle.h"

namespace pals {

/// Makes values for the pickle machine. What is neither plain data nor a tensor becomes a kObject,
/// into which whatever it is given vanishes. Each function throws Error with `where` and the
/// position in the pickle for what is not well formed.
class PickleBuilder {
 public:
  explicit PickleBuilder(const std::string& where) : where_(where) {}

  /// The byte of the pickle that errors name.
  void set_position(size_t position) { position_ = position; }
  [[noreturn]] void refuse(const std::string& what) const;

  PickleRef make(PickleKind kind);
  PickleRef make_integer(PickleKind kind, int64_t integer);
  PickleRef make_float(double real);
  PickleRef make_text(PickleKind kind, std::string_view text);
  PickleRef make_string(std::string_view text);

  /// The text of a string; an Error for other values.
  std::string_view text_of(PickleRef string) const;

  /// An integer of any length: kInt up to 8 bytes, kBigInt beyond.
  PickleRef make_long(std::string_view digits);

  PickleRef make_tuple(std::span<const PickleRef> items);
  void append(PickleRef list, std::span<const PickleRef> items);
  void set_items(PickleRef dict, std::span<const PickleRef> keys_and_values);

  /// A class or function by name: one of the few known, or a kObject.
  PickleRef find_global(std::string_view module, std::string_view name);

  /// What calling a known global gives: an OrderedDict, a tensor, ...; another kObject for one.
  PickleRef call(PickleRef callable, PickleRef arguments);

  /// Attributes for an object: an OrderedDict's and a kObject's are taken and ignored, others
  /// refused.
  void set_attributes(PickleRef object) const;

  /// The storage of a persistent id: ("storage", type, key, location, numel) and, in files before
  /// PyTorch 1.6, None or (view key, offset, numel).
  PickleRef make_storage(PickleRef id);

  /// Checks the graph below the root, which must not be a kObject, and hands everything over.
  PickleDocument finish(PickleRef root, size_t size);

 private:
  PickleValue& value(PickleRef ref) { return document_.values[ref]; }
  const PickleValue& value(PickleRef ref) const { return document_.values[ref]; }
  const std::vector<PickleRef>& items_of(PickleRef ref, PickleKind kind,
                                         const char* expected) const;
  int64_t count_of(PickleRef ref, const char* expected) const;
  std::vector<int64_t> counts_of(PickleRef ref, const char* expected) const;
  void charge_items(size_t count);
  PickleRef make_object(std::span<const PickleRef> module_and_name);
  PickleRef make_ordered_dict(const std::vector<PickleRef>& arguments);
  PickleRef make_tensor(const std::vector<PickleRef>& arguments);
  void check_graph() const;

  const std::string& where_;
  size_t position_ = 0;
  size_t item_count_ = 0;
  PickleDocument document_;
};

}  // namespace pals
