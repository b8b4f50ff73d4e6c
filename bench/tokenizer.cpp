// Tokens a second of the tokenizer, one thread: bench_tokenizer TEXT VOCABULARY [cased]
// TEXT holds one text a line. Prints a table and, as the last line, JSON.
#include "text/tokenizer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/host.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text_util.h"

namespace pals::bench {
namespace {

constexpr double kSeconds = 3;  // of measuring
constexpr int kMinPasses = 5;

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Encodes all lines; returns the number of ids and adds them up, so that nothing is left out.
size_t encode_all(const Tokenizer& tokenizer, const std::vector<std::string_view>& lines,
                  std::vector<int32_t>& ids, uint64_t& sum) {
  size_t tokens = 0;
  for (const std::string_view line : lines) {
    ids.clear();
    tokenizer.encode(line, ids);
    tokens += ids.size();
    for (const int32_t id : ids) sum += static_cast<uint32_t>(id);
  }
  return tokens;
}

void run(const std::string& text_path, const std::string& vocabulary_path, bool cased) {
  const MappedFile text(text_path);
  const std::vector<std::string_view> lines = split(text.bytes(), '\n');
  auto start = std::chrono::steady_clock::now();
  const Tokenizer tokenizer(Vocabulary::load(vocabulary_path), !cased);
  const double load_seconds = seconds_since(start);

  std::vector<int32_t> ids;
  uint64_t sum = 0;
  const size_t tokens = encode_all(tokenizer, lines, ids, sum);  // warms the caches
  std::vector<double> passes;
  const double processor_start = processor_seconds();
  for (double total = 0; total < kSeconds || passes.size() < kMinPasses; total += passes.back()) {
    start = std::chrono::steady_clock::now();
    encode_all(tokenizer, lines, ids, sum);
    passes.push_back(seconds_since(start));
  }
  // What the passes took on average, without the time other programs had the processor.
  const double processor =
      (processor_seconds() - processor_start) / static_cast<double>(passes.size());
  std::ranges::sort(passes);
  const double median = passes[passes.size() / 2];
  const auto rate = [tokens](double seconds) { return static_cast<double>(tokens) / seconds; };
  const double megabytes = static_cast<double>(text.bytes().size()) / 1e6;

  Table table({"tokenizer", "one thread"});
  table.add_row({"texts", format_count(lines.size())});
  table.add_row({"tokens", format_count(tokens)});
  table.add_row({"passes", format_count(passes.size())});
  table.add_row({"load, ms", format_double(load_seconds * 1e3, 1)});
  table.add_row({"million tokens/s, median", format_double(rate(median) / 1e6, 2)});
  table.add_row({"million tokens/s, worst", format_double(rate(passes.back()) / 1e6, 2)});
  table.add_row({"million tokens/s, best", format_double(rate(passes.front()) / 1e6, 2)});
  table.add_row({"million tokens/s of processor time", format_double(rate(processor) / 1e6, 2)});
  table.add_row({"MB/s, median", format_double(megabytes / median, 1)});
  std::fputs(table.text().c_str(), stdout);
  const OrderedJson json = {{"tokens_per_second", rate(median)},
                            {"spread", {rate(passes.back()), rate(passes.front())}},
                            {"tokens_per_processor_second", rate(processor)},
                            {"tokens", tokens},
                            {"texts", lines.size()},
                            {"passes", passes.size()},
                            {"load_seconds", load_seconds},
                            {"id_sum", sum / (passes.size() + 1)},
                            {"threads", 1},
                            {"cpu", cpu_name()}};
  std::printf("%s\n", json_text(json, -1).c_str());
}

}  // namespace
}  // namespace pals::bench

int main(int argc, char** argv) {
  try {
    const bool cased = argc == 4 && std::string_view(argv[3]) == "cased";
    if (argc != 3 && !cased) {
      pals::fail_usage(
          "expected TEXT VOCABULARY [cased]: a file with one text a line, a vocab.txt");
    }
    pals::bench::run(argv[1], argv[2], cased);
  } catch (const pals::Error& error) {
    std::fprintf(stderr, "bench_tokenizer: %s\n", error.what());
    return dynamic_cast<const pals::UsageError*>(&error) != nullptr ? 2 : 1;
  }
  return 0;
}
