// The loss that a progress line shows.
#pragma once

namespace pals {

/// A mean of the losses of steps in which a step weighs 0.98 of the next, whatever their tasks. The
/// first steps weigh no more than that: the weights always add up to 1.
class SmoothedLoss {
 public:
  void add(double loss) {
    sum_ = kKept * sum_ + loss;
    weight_ = kKept * weight_ + 1.0;
  }
  /// 0 before the first loss.
  double value() const { return weight_ > 0.0 ? sum_ / weight_ : 0.0; }

 private:
  static constexpr double kKept = 0.98;
  double sum_ = 0.0, weight_ = 0.0;
};

}  // namespace pals
