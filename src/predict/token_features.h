// The reference's feature file: a JSON object a line, the vectors of each token in chosen layers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "batch/packed_batch.h"
#include "features/features.h"
#include "predict/runner.h"
#include "text/vocabulary.h"

namespace pals {

/// "-1,-2" -> {-1, -2}, each a layer of the encoder, negative ones from the last. UsageError for
/// others.
std::vector<int> parse_feature_layers(const std::string& text, int num_layers);

/// Appends a number as Python's json writes round(value, 6); null if it is not finite.
void append_rounded(float value, std::string& out);

/// Holds the chosen layers of a window's batches and writes its rows in order.
class TokenFeatures {
 public:
  /// `layers` as parse_feature_layers gives them, of an encoder of `num_layers` with vectors of
  /// `width` numbers; `vocabulary` must outlive this object.
  TokenFeatures(const Vocabulary& vocabulary, std::vector<int> layers, int num_layers,
                int64_t width);

  /// The numbers of the chosen layers from 0: what is wanted of each batch.
  Wanted wanted() const;

  /// Takes what a batch gave; row ids are rows of the window.
  void add(const PackedBatch& batch, RunOutputs outputs);

  /// The lines of all rows of the window, the first numbered `first_index`, each handed to
  /// `write`; then this object is as new.
  template <typename Write>
  void drain(const FeatureSet& window, int64_t first_index, const Write& write) {
    std::string line;
    for (int64_t row = 0; row < window.num_rows(); ++row) {
      line.clear();
      append_line(window, row, first_index + row, line);
      write(line);
    }
    batches_.clear();
    places_.clear();
  }

 private:
  /// Where a row's vectors lie.
  struct Place {
    int64_t row = 0;
    size_t batch = 0;
    int64_t first_token = 0;
  };

  void append_line(const FeatureSet& window, int64_t row, int64_t index, std::string& line);

  const Vocabulary& vocabulary_;
  std::vector<int> layers_;
  int num_layers_;
  int64_t width_;
  std::vector<std::vector<std::vector<float>>> batches_;  ///< a batch each: layers of [S, H]
  std::vector<Place> places_;                             ///< sorted by row once complete
};

}  // namespace pals
