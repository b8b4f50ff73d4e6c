#include "train/stop_notice.h"

namespace pals {
namespace {

const char* what_follows(RunPart part, bool alone) {
  switch (part) {
    case RunPart::kStart:
      return "stopping before the first step of this process";
    case RunPart::kData:
    case RunPart::kSteps:
      return "stopping after this step, with a checkpoint";
    case RunPart::kEvaluation:
      return alone ? "stopping in this evaluation, which is made when the run goes on, with a "
                     "checkpoint"
                   : "stopping after this evaluation, with a checkpoint";
    case RunPart::kSaving:
    case RunPart::kReport:
      break;
  }
  return "stopping once this is written";
}

}  // namespace

std::string stop_notice(RunPart part, bool trains, bool alone) {
  const std::string text = trains ? what_follows(part, alone) : "stopping";
  return text + "; a second signal ends the process at once";
}

}  // namespace pals
