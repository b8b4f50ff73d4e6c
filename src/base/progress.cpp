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
#include "base/text_util.h"

namespace pals {
namespace {

constexpr double kRedrawInterval = 0.2;
constexpr int kBarWidth = 20;
constexpr std::string_view kClearLine = "\r\x1b[K";

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

int terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

/// The first `width` code points.
std::string_view cut(std::string_view text, int width) {
  for (size_t at = 0; at < text.size(); ++at) {
    const bool starts_character = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (starts_character && width-- == 0) return text.substr(0, at);
  }
  return text;
}

std::string format_rate(double rate, const std::string& unit) {
  if (rate > 0.0 && rate < 1.0) {
    return concat(format_double(1.0 / rate, 1), " s/",
                  unit.substr(0, unit.find_last_not_of('s') + 1));
  }
  const std::string number = rate >= 1000.0 ? format_count(static_cast<uint64_t>(rate + 0.5))
                                            : format_double(rate, rate < 100.0 ? 1 : 0);
  return concat(number, " ", unit, "/s");
}

}  // namespace

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
  if (!options_.output) options_.output = write_to_stderr;
  terminal_ = options_.terminal.value_or(stderr_is_terminal());
  done_ = options_.initial;
  start_ = options_.clock();
  // A terminal shows the line at once, other places after the first interval.
  last_draw_ = terminal_ ? start_ - kRedrawInterval : start_;
  shown_ = !options_.quiet && !is_quiet();
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
  suffix_ = suffix;
  const double interval = terminal_ ? kRedrawInterval : options_.line_interval;
  if (active.back() == this && now - last_draw_ >= interval) draw(now, false);
}

void Progress::finish() {
  if (std::exchange(finished_, true) || !shown_) return;
  const double now = options_.clock();
  const std::lock_guard lock(display_mutex);
  if (active.back() != this) active.back()->clear();
  draw(now, true);
  std::erase(active, this);
}

std::string Progress::line(double now, bool final, bool with_bar) const {
  const double elapsed = std::max(now - start_, 0.0);
  const auto gained = static_cast<double>(done_ - std::min(done_, options_.initial));
  const double rate = elapsed > 0.0 ? gained / elapsed : 0.0;

  std::string text = options_.label;
  const auto append = [&text](const auto&... parts) {
    if (!text.empty()) text += "  ";
    text += concat(parts...);
  };
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
  if (!suffix_.empty()) append(suffix_);
  return text;
}

void Progress::draw(double now, bool final) {
  last_draw_ = now;
  if (!terminal_) return emit(line(now, final, false) + "\n");
  // The last column stays free: some terminals wrap when it is filled. Where space is short the bar
  // goes first.
  const int width = std::max(options_.width.value_or(terminal_width()) - 1, 10);
  std::string text = line(now, final, true);
  if (cut(text, width).size() < text.size()) text = line(now, final, false);
  emit(concat(kClearLine, cut(text, width), final ? "\n" : ""));
  line_open_ = !final;
}

void Progress::emit(std::string_view text) const { options_.output(text); }

void Progress::clear() {
  if (std::exchange(line_open_, false)) emit(kClearLine);
}

void Progress::write_above(std::string_view text) {
  const std::lock_guard lock(display_mutex);
  if (active.empty()) return write_to_stderr(text);
  Progress& innermost = *active.back();
  const bool redraw = innermost.line_open_;
  innermost.clear();
  innermost.emit(text);
  if (redraw) innermost.draw(innermost.options_.clock(), false);
}

}  // namespace pals
