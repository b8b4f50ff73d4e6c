#include "base/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/log_sink.h"
#include "base/text_util.h"
#include "base/utf8.h"

namespace pals {
namespace {

constexpr double kRedrawInterval = 0.2;
constexpr int kBarWidth = 20;
constexpr int kOwnRows = 2;     // of the window: bar and cursor
constexpr int kRowsBefore = 2;  // of what stood there before, unless the window is low
constexpr int kLowWindow = 8;
constexpr const char* kBetween = "  ";  // the parts of a line
constexpr std::string_view kClearToEndOfLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

std::mutex display_mutex;       // guards all that is shown, and `active`
std::vector<Progress*> active;  // innermost last

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Nobody can be told when stderr is gone, and a closed pipe must not end a training run.
void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

bool stderr_is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

WindowSize terminal_window() {
  winsize size{};
  WindowSize window;
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) return window;
  if (size.ws_col > 0) window.columns = size.ws_col;
  if (size.ws_row > 0) window.rows = size.ws_row;
  return window;
}

/// The first `width` code points, each of which takes a column.
std::string_view cut(std::string_view text, int width) {
  for (size_t at = 0; at < text.size(); ++at) {
    const bool starts_character = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (starts_character && width-- == 0) return text.substr(0, at);
  }
  return text;
}

std::string singular(const std::string& unit) {
  const size_t ending = unit.ends_with("ches") ? 2 : unit.ends_with("s") ? 1 : 0;
  return unit.substr(0, unit.size() - ending);
}

std::string format_rate(double rate, const std::string& unit) {
  if (rate > 0.0 && rate < 1.0) return concat(format_double(1.0 / rate, 1), " s/", singular(unit));
  const std::string number = rate >= 1000.0 ? format_count(static_cast<uint64_t>(rate + 0.5))
                                            : format_double(rate, rate < 100.0 ? 1 : 0);
  return concat(number, " ", unit, "/s");
}

}  // namespace

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
  const bool own_output = options_.output != nullptr;
  if (!own_output) options_.output = write_to_stderr;
  if (!options_.window) options_.window = terminal_window;
  terminal_ = options_.terminal.value_or(stderr_is_terminal());
  if (!terminal_) options_.details = nullptr;
  done_ = options_.initial;
  start_ = options_.clock();
  // A terminal shows the line at once, other places after the first interval.
  last_draw_ = terminal_ ? start_ - kRedrawInterval : start_;
  shown_ = !options_.quiet && !is_quiet() && (own_output || !log_has_sink());
  if (!shown_) return;
  const std::lock_guard lock(display_mutex);
  if (!active.empty()) active.back()->clear();
  active.push_back(this);
}

Progress::~Progress() { finish(); }

void Progress::advance(uint64_t units, std::string_view suffix) { update(done_ + units, suffix); }

void Progress::update(uint64_t done, std::string_view suffix) {
  if (finished_) return;
  if (!shown_) {
    done_ = done;
    return;
  }
  const double now = options_.clock();
  const std::lock_guard lock(display_mutex);
  done_ = done;
  if (!options_.details) details_.suffix = suffix;
  const double interval = terminal_ ? kRedrawInterval : options_.line_interval;
  if (active.back() != this || now - last_draw_ < interval) return;
  renew_details(now);
  draw(now, false);
}

void Progress::finish() {
  if (std::exchange(finished_, true) || !shown_) return;
  const double now = options_.clock();
  const std::lock_guard lock(display_mutex);
  if (active.back() != this) active.back()->clear();
  renew_details(now);
  draw(now, true);
  std::erase(active, this);
}

std::vector<std::string> Progress::parts(double now, bool final, bool with_bar) const {
  const double elapsed = std::max(now - start_, 0.0);
  const auto gained = static_cast<double>(done_ - std::min(done_, options_.initial));
  const double rate = elapsed > 0.0 ? gained / elapsed : 0.0;

  std::vector<std::string> parts;
  const auto append = [&parts](const auto&... pieces) { parts.push_back(concat(pieces...)); };
  if (!options_.label.empty()) append(options_.label);
  if (options_.total == 0) {
    append(format_count(done_), " ", options_.unit);
  } else {
    const double share =
        std::min(1.0, static_cast<double>(done_) / static_cast<double>(options_.total));
    if (with_bar) {
      const int filled = static_cast<int>(share * kBarWidth);
      append("[", std::string(static_cast<size_t>(filled), '#'),
             std::string(static_cast<size_t>(kBarWidth - filled), '.'), "]");
    }
    append(format_double(std::floor(share * 100.0), 0), "%");
    append(format_count(done_), "/", format_count(options_.total), " ", options_.unit);
  }
  if (rate > 0.0) append(format_rate(rate, options_.unit));
  if (final) {
    append("in ", format_duration(elapsed));
  } else if (options_.total > done_ && rate > 0.0) {
    append(format_duration(static_cast<double>(options_.total - done_) / rate), " left");
  }
  if (!details_.suffix.empty()) append(details_.suffix);
  return parts;
}

void Progress::renew_details(double now) {
  if (!options_.details) return;
  const WindowSize window = options_.window();
  const int taken = kOwnRows + (window.rows >= kLowWindow ? kRowsBefore : 0);
  details_ = options_.details(
      {.columns = std::max(window.columns - 1, 1), .rows = std::max(window.rows - taken, 0)},
      now - start_);
}

// Where space is short the bar goes first, then one part after the other from the end: half a
// number would look like another one.
std::string Progress::fitting_line(double now, bool final, int width) const {
  const auto fits = [&](const std::string& text) { return cut(text, width).size() == text.size(); };
  std::string text = join(parts(now, final, true), kBetween);
  if (fits(text)) return text;
  std::vector<std::string> left = parts(now, final, false);
  for (text = join(left, kBetween); !fits(text) && left.size() > 1; text = join(left, kBetween)) {
    left.pop_back();
  }
  return text;
}

void Progress::draw(double now, bool final) {
  last_draw_ = now;
  if (!terminal_) return emit(join(parts(now, final, false), kBetween) + "\n");
  // The last column stays free: some terminals wrap when it is filled.
  const int columns = options_.window().columns, width = std::max(columns - 1, 1);
  const std::string last = fitting_line(now, final, width);

  std::string text = to_first_line(columns);
  const auto append = [&](const std::string& whole) {
    const std::string_view shown = cut(whole, width);
    text += concat(shown, kClearToEndOfLine, "\n");
    if (!final) on_screen_.push_back(count_code_points(shown));
  };
  for (const std::string& whole : details_.lines) append(whole);
  append(last);
  emit(text += kClearBelow);
}

void Progress::emit(std::string_view text) const { options_.output(text); }

// What takes the cursor to the first of the lines that stand there, which are then forgotten. A
// window that has become narrower since then has wrapped them (one that cuts them instead loses as
// many lines above).
std::string Progress::to_first_line(int columns) {
  const auto width = static_cast<size_t>(std::max(columns, 1));
  size_t rows = 0;
  for (const size_t characters : std::exchange(on_screen_, {})) {
    rows += std::max<size_t>((characters + width - 1) / width, 1);
  }
  return rows > 0 ? concat("\r\x1b[", rows, "A") : "";
}

void Progress::clear() {
  if (!on_screen_.empty()) emit(concat(to_first_line(options_.window().columns), kClearBelow));
}

void Progress::write_above(std::string_view text) {
  const std::lock_guard lock(display_mutex);
  if (active.empty()) return write_to_stderr(text);
  Progress& innermost = *active.back();
  const bool redraw = !innermost.on_screen_.empty();
  innermost.clear();
  innermost.emit(text);
  if (redraw) innermost.draw(innermost.options_.clock(), false);
}

}  // namespace pals
