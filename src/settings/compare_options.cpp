#include "settings/compare_options.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"
#include "settings/shared.h"

namespace pals {
namespace {

std::vector<std::string> pieces_of(const std::string& list, const char* flag) {
  std::vector<std::string> pieces;
  for (const std::string_view part : split(list, ',')) {
    const std::string piece(trim(part));
    if (piece.empty()) fail_usage(flag, ": an empty name in ", quote(list));
    if (std::ranges::find(pieces, piece) != pieces.end()) {
      fail_usage(flag, ": ", quote(piece), " comes twice");
    }
    pieces.push_back(piece);
  }
  return pieces;
}

}  // namespace

OptionList options_of(CompareOptions& o) {
  OptionList list;
  list.add(
      "Comparison",
      {{.name = "adapters",
        .field = o.adapters,
        .help = "the adapters to compare, with commas between; default: `--adapter`"},
       {.name = "seeds",
        .field = o.seeds,
        .help = "the seeds of each adapter's runs, with commas between; default: `--seed`"},
       {.name = "output_dir",
        .field = o.output_dir,
        .help = "the folder of the runs, `ADAPTER-SEED` each, and of `comparison.html`; what is "
                "finished there is not run again",
        .needed = true},
       json_option(o.json),
       config_option()});
  return list;
}

OptionList train_options_of(CompareOptions& o) { return options_of_runs(o.train, options_of(o)); }

Json common_options(const CompareOptions& options) {
  Json json = options_to_json(options.train);
  for (const char* name : {"adapter", "seed", "output_dir"}) json.erase(name);
  return json;
}

std::vector<std::string> adapters_of(const CompareOptions& options) {
  if (options.adapters.empty()) return {options.train.adapter};
  return pieces_of(options.adapters, "--adapters");
}

std::vector<uint64_t> seeds_of(const CompareOptions& options) {
  if (options.seeds.empty()) return {options.train.seed};
  std::vector<uint64_t> seeds;
  for (const std::string& piece : pieces_of(options.seeds, "--seeds")) {
    seeds.push_back(read_option<uint64_t>("seeds", piece));
  }
  return seeds;
}

}  // namespace pals
