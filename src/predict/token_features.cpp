#include "predict/token_features.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr int64_t kMillion = 1'000'000;

template <typename Number>
void append_number(Number number, std::string& out) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.append(digits, end);
}

/// A JSON string in ASCII, as Python writes it.
void append_ascii(const std::string& text, std::string& out) {
  out += Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

std::vector<int> parse_feature_layers(const std::string& text, int num_layers) {
  std::vector<int> layers;
  for (const std::string_view piece : split(text, ',')) {
    const std::optional<int64_t> layer = parse_int(trim(piece));
    if (!layer || *layer < -num_layers || *layer >= num_layers) {
      fail_usage("--layers: ", quote(piece), " is no layer, expected numbers from ", -num_layers,
                 " to ", num_layers - 1, " with commas between; -1 is the last layer");
    }
    layers.push_back(static_cast<int>(*layer));
  }
  return layers;
}

void append_rounded(float value, std::string& out) {
  // Exact: 24 bits of a float and 14 of 10^6 / 2^6 fit a double, so ties are the decimal's own.
  const double scaled = static_cast<double>(value) * static_cast<double>(kMillion);
  constexpr double kExactIntegers = 9e15;
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  if (std::abs(scaled) > kExactIntegers) {  // so large that nothing is left to round
    append_number(static_cast<double>(value), out);
    return;
  }
  if (std::signbit(value)) out += '-';
  const auto millionths = static_cast<int64_t>(std::nearbyint(std::abs(scaled)));
  if (millionths > 0 && millionths < 100) {  // 1.2e-05
    append_number(millionths < 10 ? millionths : millionths / 10, out);
    if (millionths > 9 && millionths % 10 > 0) {
      out += '.';
      append_number(millionths % 10, out);
    }
    out += millionths < 10 ? "e-06" : "e-05";
    return;
  }
  append_number(millionths / kMillion, out);
  char digits[8];
  std::to_chars(digits, digits + sizeof(digits), kMillion + millionths % kMillion);
  digits[0] = '.';
  size_t length = 7;
  while (length > 2 && digits[length - 1] == '0') --length;
  out.append(digits, length);
}

TokenFeatures::TokenFeatures(const Vocabulary& vocabulary, std::vector<int> layers, int num_layers,
                             int64_t width)
    : vocabulary_(vocabulary), layers_(std::move(layers)), num_layers_(num_layers), width_(width) {}

Wanted TokenFeatures::wanted() const {
  Wanted wanted;
  for (const int layer : layers_) {
    wanted.layers.push_back(layer < 0 ? num_layers_ + layer : layer);
  }
  return wanted;
}

void TokenFeatures::add(const PackedBatch& batch, RunOutputs outputs) {
  for (size_t row = 0; row < batch.row_ids.size(); ++row) {
    places_.push_back({batch.row_ids[row], batches_.size(), batch.cu_seqlens[row]});
  }
  batches_.push_back(std::move(outputs.layers));
  std::ranges::sort(places_, {}, &Place::row);
}

void TokenFeatures::append_line(const FeatureSet& window, int64_t row, int64_t index,
                                std::string& line) {
  const Place& place = places_[static_cast<size_t>(row)];
  const std::vector<std::vector<float>>& layers = batches_[place.batch];
  line += "{\"linex_index\": ";
  append_number(index, line);
  line += ", \"features\": [";
  const int64_t first = window.row_offsets[static_cast<size_t>(row)];
  for (int64_t t = 0; t < window.row_length(row); ++t) {
    line += t == 0 ? "{\"token\": " : ", {\"token\": ";
    append_ascii(vocabulary_.token(window.token_ids[static_cast<size_t>(first + t)]), line);
    line += ", \"layers\": [";
    for (size_t l = 0; l < layers.size(); ++l) {
      line += l == 0 ? "{\"index\": " : ", {\"index\": ";
      append_number(layers_[l], line);
      line += ", \"values\": [";
      const float* values = layers[l].data() + (place.first_token + t) * width_;
      for (int64_t i = 0; i < width_; ++i) {
        if (i > 0) line += ", ";
        append_rounded(values[i], line);
      }
      line += "]}";
    }
    line += "]}";
  }
  line += "]}\n";
}

}  // namespace pals
