// Progress of a long loop on stderr: one rewritten line on a terminal, now and then a line
// elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pals {

/// How a Progress shows itself. The fields from `terminal` on are for tests.
struct ProgressOptions {
  std::string label;            ///< what is going on: "train"
  std::string unit = "steps";   ///< what is counted
  uint64_t total = 0;           ///< units in all; 0: not known
  uint64_t initial = 0;         ///< units done by an earlier run: not part of the rate
  double line_interval = 10.0;  ///< seconds between plain lines where there is no terminal
  bool quiet = false;           ///< show nothing; set_quiet(true) of base/log.h has the same effect
  std::optional<bool> terminal;                  ///< default: whether stderr is one
  std::optional<int> width;                      ///< columns of the terminal; default: ask it
  std::function<double()> clock;                 ///< seconds, monotonic; default: the steady clock
  std::function<void(std::string_view)> output;  ///< default: stderr
};

/// Shows how far a loop is, its rate and the time left. One thread updates it; log messages may
/// come from any thread. At most one is shown at a time: a second one started meanwhile stays
/// silent.
class Progress {
 public:
  explicit Progress(ProgressOptions options);
  ~Progress();  ///< as finish()
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` units of the total are done; `suffix` is shown behind ("loss 0.53"). Cheap: redraws at
  /// most 5 times a second.
  void update(uint64_t done, std::string_view suffix = {});

  /// `units` more are done.
  void advance(uint64_t units = 1, std::string_view suffix = {});

  /// Shows the last state for good and ends the line. Further updates do nothing.
  void finish();

  uint64_t done() const { return done_; }

  /// Takes the line of the innermost Progress, if any, off the terminal, writes `text` to stderr
  /// (or that Progress's output), and draws the line again. What log_line does.
  static void write_above(std::string_view text);

 private:
  std::string line(double now, bool final, bool with_bar) const;
  void draw(double now, bool final);
  void clear();
  void emit(std::string_view text) const;

  ProgressOptions options_;
  std::string suffix_;
  uint64_t done_ = 0;
  double start_ = 0.0;
  double last_draw_ = 0.0;
  bool terminal_ = false;
  bool shown_ = false;      // not quiet
  bool line_open_ = false;  // a line stands on the terminal without a line feed
  bool finished_ = false;
};

}  // namespace pals
