// Progress of a long loop on stderr: a few rewritten lines on a terminal, now and then a line
// elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Columns and rows of a terminal.
struct WindowSize {
  int columns = 80;
  int rows = 24;
};

/// What a terminal shows beside the bar.
struct ProgressDetails {
  std::vector<std::string> lines;  ///< above it; longer ones are cut
  std::string suffix;              ///< behind it, in place of update()'s
};

/// How a Progress shows itself. The fields from `terminal` on are for tests.
struct ProgressOptions {
  std::string label;            ///< what is going on: "train"
  std::string unit = "steps";   ///< what is counted
  uint64_t total = 0;           ///< units in all; 0: not known
  uint64_t initial = 0;         ///< units done by an earlier run: not part of the rate
  double line_interval = 10.0;  ///< seconds between plain lines where there is no terminal
  bool quiet = false;  ///< show nothing; set_quiet(true) of base/log.h has the same effect,
                       ///< as has a LogSink where `output` is stderr
  /// On a terminal asked before a draw, by the thread that updates: lines for so many rows of so
  /// many columns, `seconds` after the start. It must not log.
  std::function<ProgressDetails(WindowSize room, double seconds)> details;
  std::optional<bool> terminal;                  ///< default: whether stderr is one
  std::function<WindowSize()> window;            ///< asked at each draw; default: the terminal's
  std::function<double()> clock;                 ///< seconds, monotonic; default: the steady clock
  std::function<void(std::string_view)> output;  ///< default: stderr
};

/// Shows how far a loop is, its rate and the time left. One thread updates it; log messages may
/// come from any thread. At most one is shown at a time, the innermost: one that is started takes
/// the place of the one before until it is finished.
///
/// On a terminal each line ends with a line feed, so that the cursor waits below them: what is
/// typed or comes after the process was killed stands on a line of its own.
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

  /// Shows the last state for good. Further updates do nothing.
  void finish();

  uint64_t done() const { return done_; }

  /// Takes the lines of the innermost Progress, if any, off the terminal, writes `text`, which ends
  /// with a line feed, to stderr (or that Progress's output), and draws them again. What log_line
  /// does.
  static void write_above(std::string_view text);

 private:
  std::vector<std::string> parts(double now, bool final, bool with_bar) const;
  std::string fitting_line(double now, bool final, int width) const;
  void renew_details(double now);
  void draw(double now, bool final);
  std::string to_first_line(int columns);
  void clear();
  void emit(std::string_view text) const;

  ProgressOptions options_;
  ProgressDetails details_;
  uint64_t done_ = 0;
  double start_ = 0.0;
  double last_draw_ = 0.0;
  bool terminal_ = false;
  bool shown_ = false;             // not quiet
  std::vector<size_t> on_screen_;  // characters of each line that stands on the terminal
  bool finished_ = false;
};

}  // namespace pals
