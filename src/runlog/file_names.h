// What a run folder holds besides checkpoints and models.
#pragma once

namespace pals {

inline constexpr const char* kRunConfigName = "/run_config.json";
inline constexpr const char* kResultsName = "/eval_results.json";
inline constexpr const char* kMetricsName = "/metrics.jsonl";
inline constexpr const char* kIdentityName = "/identity.json";  ///< checkpoints carry the same
inline constexpr const char* kDevPredictionsName = "/dev_predictions";
inline constexpr const char* kReportName = "/report.html";
inline constexpr const char* kTensorboardName = "/tensorboard";

}  // namespace pals
