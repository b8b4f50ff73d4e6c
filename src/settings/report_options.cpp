#include "settings/report_options.h"

#include "settings/shared.h"

namespace pals {

OptionList options_of(ReportOptions& o) {
  OptionList list;
  list.add("Options",
           {{.name = "output",
             .field = o.output,
             .help = "the page to write; default: `report.html` in the run's folder, of several "
                     "runs `comparison.html` here"},
            {.name = "json",
             .field = o.json,
             .help = "print the figures of the comparison as JSON, too"},
            config_option()});
  return list;
}

}  // namespace pals
