#include "base/random.h"

#include <cmath>
#include <numbers>

namespace pals {
namespace {

constexpr uint64_t kOtherStep = 0xd1b54a32d192ed03;  // so that the two keys are unrelated

}  // namespace

void Random::set_state(const RandomState& state) {
  state_ = state;
  first_key_ = mix64(mix64(state.seed + kStep) ^ state.stream);
  second_key_ = mix64(mix64(state.stream + kOtherStep) ^ state.seed);
}

double Random::normal() {
  // Box and Muller; 1 - u is in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

uint64_t Random::below(uint64_t n) {
  // The first 2^64 mod n words are refused, so that n divides the number of those left.
  const uint64_t refused = (0 - n) % n;
  uint64_t word = next();
  while (word < refused) word = next();
  return word % n;
}

}  // namespace pals
