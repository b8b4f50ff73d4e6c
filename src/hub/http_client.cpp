#include "hub/http_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "base/signal.h"
#include "base/stopped.h"
#include "base/text_util.h"
#include "base/version.h"
#include "hub/curl.h"

namespace pals {
namespace {

constexpr int kMostRedirects = 10;
constexpr size_t kMostHeadBytes = size_t{64} << 10;
constexpr uint64_t kMostPassedOver = uint64_t{1} << 20;  // of an answer that nobody wants
constexpr long kConnectSeconds = 15;
constexpr double kFirstPause = 0.5, kLongestPause = 30.0;
constexpr int kOk = 200, kPartial = 206, kRequestTimeout = 408, kTooMany = 429, kServerFault = 500;

void check_stop() {
  if (stop_signal() != 0) {
    throw Stopped("stopped while it fetched a model; the next run goes on where this one ended");
  }
}

/// What libcurl's callbacks work on. Nothing may be thrown through C: `thrown` keeps it.
struct Transfer {
  const HttpAsk* request = nullptr;
  HttpHead head;
  size_t head_bytes = 0;
  uint64_t passed_over = 0;
  bool began = false;
  std::exception_ptr thrown;

  bool wanted() const { return head.status == kOk || head.status == kPartial; }

  template <typename Work>
  bool guarded(const Work& work) {
    try {
      return work();
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  }

  // A line; each of several heads (of a proxy, an interim answer) begins with its status.
  void take_line(std::string_view line) {
    head_bytes += line.size();
    if (head_bytes > kMostHeadBytes) fail(request->url, ": the answer's head has no end");
    line = trim(line);
    if (line.starts_with("HTTP/")) {
      head = {};
      const size_t blank = line.find(' ');
      if (blank != std::string_view::npos) {
        head.status = static_cast<int>(parse_int(line.substr(blank + 1, 3)).value_or(0));
      }
      return;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    head.fields[ascii_lower(trim(line.substr(0, colon)))] = trim(line.substr(colon + 1));
  }

  bool take_bytes(std::string_view bytes) {
    if (!wanted() || !request->on_bytes) {
      passed_over += bytes.size();
      return passed_over <= kMostPassedOver;
    }
    begin();
    request->on_bytes(bytes);
    return true;
  }

  void begin() {
    if (!std::exchange(began, true) && request->on_head) request->on_head(head);
  }
};

size_t on_line(char* data, size_t size, size_t count, void* transfer) {
  auto& own = *static_cast<Transfer*>(transfer);
  const bool good = own.guarded([&] {
    own.take_line({data, size * count});
    return true;
  });
  return good ? size * count : 0;
}

size_t on_data(char* data, size_t size, size_t count, void* transfer) {
  auto& own = *static_cast<Transfer*>(transfer);
  return own.guarded([&] { return own.take_bytes({data, size * count}); }) ? size * count : 0;
}

// Called about once a second, whether or not anything comes.
int on_progress(void* transfer, int64_t /*total*/, int64_t /*now*/, int64_t /*upload_total*/,
                int64_t /*uploaded*/) {
  auto& own = *static_cast<Transfer*>(transfer);
  return own.guarded([] {
    check_stop();
    return true;
  })
             ? 0
             : 1;
}

/// libcurl's list of header lines.
class HeaderLines {
 public:
  HeaderLines() = default;
  ~HeaderLines() { curl().slist_free_all(list_); }
  HeaderLines(const HeaderLines&) = delete;
  HeaderLines& operator=(const HeaderLines&) = delete;

  void add(const std::string& line) {
    void* longer = curl().slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  void* get() const { return list_; }

 private:
  void* list_ = nullptr;
};

/// While it lives, writes of this thread to a connection that was closed end nobody: TLS libraries
/// do not keep SIGPIPE away themselves.
class WithoutPipeSignal {
 public:
  WithoutPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutPipeSignal() {
    const timespec at_once{};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutPipeSignal(const WithoutPipeSignal&) = delete;
  WithoutPipeSignal& operator=(const WithoutPipeSignal&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

// libcurl itself knows http_proxy in small letters alone.
std::string capital_http_proxy(std::string_view url) {
  const char* proxy = std::getenv("HTTP_PROXY");
  const bool wanted = url.starts_with("http://") && std::getenv("http_proxy") == nullptr;
  return wanted && proxy != nullptr ? proxy : "";
}

std::string origin_of(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  return ascii_lower(url.substr(0, url.find_first_of("/?#", scheme + 3)));
}

// Statuses that say "not now".
void check_overload(const HttpHead& head, const std::string& url) {
  const int status = head.status;
  if (status != kRequestTimeout && status != kTooMany && status < kServerFault) return;
  const std::optional<int64_t> wait = parse_int(head.field("retry-after"));
  throw NetworkFailure(concat(origin_of(url), " answered with status ", status),
                       wait ? static_cast<double>(std::max<int64_t>(*wait, 0)) : 0.0);
}

}  // namespace

std::string HttpHead::field(const std::string& name) const {
  const auto it = fields.find(name);
  return it == fields.end() ? "" : it->second;
}

bool same_origin(std::string_view one, std::string_view other) {
  const std::string origin = origin_of(one);
  return !origin.empty() && origin == origin_of(other);
}

HttpClient::HttpClient(HubSettings settings)
    : settings_(std::move(settings)), handle_(curl().easy_init()) {
  if (handle_ == nullptr) throw std::bad_alloc();
}

HttpClient::~HttpClient() { curl().easy_cleanup(handle_); }

HttpHead HttpClient::ask_once(const HttpAsk& request) {
  check_stop();
  const CurlCalls& calls = curl();
  calls.easy_reset(handle_);
  const auto set = [&](int option, auto value) {
    if (calls.easy_setopt(handle_, option, value) != kCurlOk) {
      fail("this libcurl does not know option ", option, ": it is older than 7.32 or not complete");
    }
  };
  Transfer transfer{.request = &request};
  std::array<char, kCurlErrorSize> problem{};
  const long stall = settings_.stall_seconds;
  constexpr long kLeastBytesASecond = 100;  // less is a stall
  set(kCurlUrl, request.url.c_str());
  set(kCurlProtocols, kCurlHttpAndHttps);
  set(kCurlFollowLocation, 0L);
  set(kCurlNoSignal, 1L);
  set(kCurlConnectTimeout, std::min(stall, kConnectSeconds));
  set(kCurlLowSpeedLimit, kLeastBytesASecond);
  set(kCurlLowSpeedTime, stall);
  set(kCurlTimeout, static_cast<long>(request.limit_seconds));
  set(kCurlErrorBuffer, problem.data());
  set(kCurlHeaderFunction, &on_line);
  set(kCurlHeaderData, &transfer);
  set(kCurlWriteFunction, &on_data);
  set(kCurlWriteData, &transfer);
  set(kCurlXferInfoFunction, &on_progress);
  set(kCurlXferInfoData, &transfer);
  set(kCurlNoProgress, 0L);
  if (request.head_only) set(kCurlNoBody, 1L);
  const std::string agent = concat("pals/", version());
  set(kCurlUserAgent, agent.c_str());
  const std::string range = concat(request.from, "-");
  if (request.from > 0) set(kCurlRange, range.c_str());
  const std::string proxy = capital_http_proxy(request.url);
  if (!proxy.empty()) set(kCurlProxy, proxy.c_str());
  HeaderLines lines;
  lines.add("Accept-Encoding: identity");  // sizes and hashes are those of the files themselves
  if (!settings_.token.empty() && same_origin(request.url, settings_.endpoint)) {
    lines.add("Authorization: Bearer " + settings_.token);
  }
  set(kCurlHttpHeader, lines.get());

  const int code = [&] {
    const WithoutPipeSignal quiet;
    return calls.easy_perform(handle_);
  }();
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  // What an answer that is no file says besides its status does not matter.
  const bool enough = !transfer.wanted() || transfer.passed_over > kMostPassedOver;
  if (transfer.head.status == 0 || (code != kCurlOk && !enough)) {
    const std::string why = problem[0] != '\0' ? problem.data() : calls.easy_strerror(code);
    const std::string what = concat("asking ", origin_of(request.url), " failed (", why, ")");
    if (code == kCurlUnsupportedProtocol || code == kCurlMalformedUrl) fail(what);
    throw NetworkFailure(what);
  }
  if (transfer.wanted() && !transfer.began && request.on_head && !request.head_only) {
    request.on_head(transfer.head);  // of an empty file
  }
  HttpHead head = std::move(transfer.head);
  const char* redirect = nullptr;
  calls.easy_getinfo(handle_, kCurlInfoRedirectUrl, &redirect);
  if (redirect != nullptr) head.redirect = redirect;
  return head;
}

HttpHead HttpClient::ask(HttpAsk request, bool facts_only) {
  for (int hop = 0; hop <= kMostRedirects; ++hop) {
    HttpHead head = ask_once(request);
    check_overload(head, request.url);
    if (head.redirect.empty()) return head;
    const bool leads_away = !same_origin(head.redirect, request.url);
    if (facts_only && (leads_away || !head.field("x-linked-etag").empty())) return head;
    const bool plain = request.url.starts_with("http://");
    const bool known =
        head.redirect.starts_with("https://") || (plain && head.redirect.starts_with("http://"));
    if (!known) {
      fail(origin_of(request.url), " redirects to ", quote(head.redirect), ", expected ",
           plain ? "http:// or https://" : "https://");
    }
    request.url = head.redirect;
  }
  fail(origin_of(request.url), " redirects without end");
}

void pause_before_retry(int failures, const NetworkFailure& failure) {
  const double growing = kFirstPause * static_cast<double>(1U << static_cast<unsigned>(failures));
  const double seconds = std::min(std::max(growing, failure.wait_seconds), kLongestPause);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  constexpr std::chrono::milliseconds kLook{100};
  while (std::chrono::steady_clock::now() < end) {
    check_stop();
    std::this_thread::sleep_for(kLook);
  }
}

void with_retries(int attempts, const std::function<void()>& work) {
  for (int failures = 0;; ++failures) {
    try {
      return work();
    } catch (const NetworkFailure& failure) {
      if (failures + 1 >= attempts) throw;
      pause_before_retry(failures, failure);
    }
  }
}

}  // namespace pals
