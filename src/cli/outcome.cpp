#include "cli/outcome.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "base/one_line.h"
#include "base/signal.h"

namespace pals {
namespace {

constexpr size_t kMostCharacters = 300;  // of a line, with what stands in front
constexpr std::string_view kFront = "pals: ";
constexpr const char* kOutOfMemory =
    "out of memory: try a smaller --train_batch_size or --max_seq_length";

int run_code() { return stop_signal() != 0 ? 128 + stop_signal() : kExitRun; }

/// LibTorch's own words for memory that the system refuses are a paragraph.
bool is_refused_memory(const std::exception& error) {
  return std::string_view(error.what()).find("allocate memory") != std::string_view::npos;
}

}  // namespace

int report(const std::string& message, int code) {
  std::cerr << kFront << one_line(message, kMostCharacters - kFront.size()) << "\n";
  return code;
}

int report_exception() {
  try {
    throw;
  } catch (const UsageError& error) {
    return report(error.what(), kExitUsage);
  } catch (const Error& error) {
    return report(error.what(), run_code());
  } catch (const std::bad_alloc&) {
    return report(kOutOfMemory, kExitRun);
  } catch (const std::length_error&) {
    return report(kOutOfMemory, kExitRun);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(concat(error.path1().string(), ": ", error.code().message()), run_code());
  } catch (const std::system_error& error) {
    return report(concat("the system refuses: ", error.code().message()), run_code());
  } catch (const Json::exception&) {
    return report(
        "a JSON value of another type than expected; was a file of a run or a model edited?",
        kExitRun);
  } catch (const std::exception& error) {
    if (is_refused_memory(error)) return report(kOutOfMemory, kExitRun);
    return report(concat("internal error: ", error.what()), kExitRun);
  }
}

int after_output(int code) {
  std::cout.flush();
  const bool written = std::cout.good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  return written || code != 0 ? code : report("standard output: cannot be written", kExitRun);
}

}  // namespace pals
