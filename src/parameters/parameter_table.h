// The list of all parameters of a model: names, shapes, owners, and where each lies in the arena.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pals {

/// Owner of a parameter that every task uses.
inline constexpr int kSharedOwner = -1;

/// kFanIn: uniform within ±1/sqrt(in) for a shape [out, in], as PyTorch's dense layers start.
enum class Init { kNormal, kZero, kOne, kFanIn };

/// kBase: what tasks share. Of a task's own, kAttentionAdapter: the query, key and value of
/// projected attention (`--optim split`); kAdapter: all else of its adapter; kHead: its head, and
/// its pooler.
enum class LearningRateGroup { kBase, kAttentionAdapter, kAdapter, kHead };

/// Which shared parameters stand still in training: none, all but those of LayerNorms (reference:
/// --freeze), or all.
enum class Frozen { kNothing, kWeights, kAll };

/// One row of the table. Names follow transformers for the shared part (`encoder.layer.0...`);
/// those of a task begin with `tasks.<index>.`.
struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  int owner = kSharedOwner;  ///< task index, or kSharedOwner
  Init init = Init::kNormal;
  bool decay = true;              ///< weight decay applies (not to biases and LayerNorms)
  bool layer_norm = false;        ///< trains also under Frozen::kWeights
  bool adjoins_previous = false;  ///< lies directly behind the previous row (fused products)
  LearningRateGroup group = LearningRateGroup::kBase;
  int depth = -1;  ///< of the shared encoder: 0 embeddings, 1 its first layer, ...; else negative
  bool trainable = true;
  int64_t offset = 0;  ///< in elements, set by lay_out()
  int64_t numel = 0;
  int64_t shadow_offset = 0;  ///< as offset, in the copy that products read
  int64_t shadow_stride = 0;  ///< from one row of a matrix to the next there; 0: no gap
};

using ParameterId = int32_t;

/// A contiguous range of the arena, in elements.
struct ArenaRange {
  int64_t begin = 0, end = 0;
};

/// A range of the arena that lies in the shadow in one way: `shift` elements further on, and if
/// `stride` is not 0 as rows of `columns` elements with gaps between them.
struct ShadowRun {
  ArenaRange range;
  int64_t shift = 0, columns = 0, stride = 0;
};

/// Rows are added while the model is built; lay_out() then fixes the offsets: the shared part
/// first, then each task's, so that what one step touches is two contiguous ranges.
class ParameterTable {
 public:
  /// Rows that adjoin none, and owners' ranges, begin at multiples of so many elements (64 bytes in
  /// fp32).
  static constexpr int64_t kAlignment = 16;

  /// Registers a row and returns its id. Names are unique.
  ParameterId add(Parameter parameter);

  /// The id of the next row.
  ParameterId next() const { return static_cast<ParameterId>(rows_.size()); }
  /// Sets the group of the rows from `first` on that are in kBase.
  void set_group(ParameterId first, LearningRateGroup group);
  /// Sets the depth of the rows from `first` on.
  void set_depth(ParameterId first, int depth);

  /// Assigns offsets (multiples of kAlignment, except rows that adjoin their predecessor); in the
  /// shadow they are the same.
  void lay_out();

  /// Has rows of matrices begin at multiples of `multiple` elements in the shadow, in which
  /// products on devices take them fastest; the arena itself, and files, stay as they are.
  void pad_shadow_rows(int64_t multiple);
  int64_t shadow_total() const { return shadow_total_; }
  ArenaRange shadow_range(int owner) const;  ///< as range(owner)
  /// The whole arena, in its order.
  const std::vector<ShadowRun>& shadow_runs() const { return shadow_runs_; }

  const Parameter& operator[](ParameterId id) const { return rows_[static_cast<size_t>(id)]; }
  const std::vector<Parameter>& rows() const { return rows_; }
  ParameterId find(std::string_view name) const;    ///< -1: none of that name
  int64_t total() const { return total_; }          ///< elements of the arena, padding included
  ArenaRange range(int owner) const;                ///< of the shared part or of a task
  ArenaRange range(std::string_view prefix) const;  ///< of the rows whose names begin with it
  int64_t count(int owner) const;                   ///< parameters of one owner, without padding

  /// Marks what trains when the shared part is frozen: task parts, and under kWeights LayerNorms.
  void freeze_shared(Frozen frozen = Frozen::kWeights);
  /// Whether anything shared trains.
  bool shared_trains() const;

 private:
  std::vector<Parameter> rows_;
  std::unordered_map<std::string, ParameterId> ids_;
  int last_owner() const;
  void add_to_shadow(Parameter& row, int64_t& end, int64_t multiple);

  std::unordered_map<int, ArenaRange> ranges_, shadow_ranges_;
  std::vector<ShadowRun> shadow_runs_;
  int64_t total_ = 0, shadow_total_ = 0;
};

}  // namespace pals
