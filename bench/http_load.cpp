// Loads an HTTP server from many keep-alive connections and prints what came back as a line of
// JSON: one load generator for all servers, light enough to run beside them on the same machine.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pals::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;
using Error = boost::system::error_code;

constexpr std::chrono::milliseconds kTick{1};        // of a load with a rate
constexpr std::chrono::seconds kLongestAnswer{120};  // then a request counts as unanswered

struct Options {
  std::string host = "127.0.0.1", port, target = "/predict", bodies;
  size_t connections = 32;
  int64_t requests = 0;  // 0: by seconds
  double seconds = 10.0;
  double rate = 0.0;  // requests a second; 0: each connection asks again as soon as it is answered
};

struct Counts {
  int64_t sent = 0, answered = 0, refused = 0, with_retry_after = 0, failed = 0, unanswered = 0;
  int64_t not_sent = 0;           // by the rate, but every connection was busy
  std::vector<double> latencies;  // seconds, of those answered
  std::vector<double> refusals;   // the same of those refused
};

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0.0;
  const auto place =
      std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(place), values.end());
  return values[place];
}

class Load {
 public:
  Load(const Options& options, std::vector<std::string> bodies)
      : options_(options), bodies_(std::move(bodies)), timer_(context_) {}

  nlohmann::ordered_json run() {
    const auto places = asio::ip::tcp::resolver(context_).resolve(options_.host, options_.port);
    for (size_t i = 0; i < options_.connections; ++i) {
      connections_.push_back(std::make_unique<Connection>(*this));
      asio::connect(beast::get_lowest_layer(connections_.back()->stream).socket(), places);
      idle_.push_back(connections_.back().get());
    }
    began_ = Clock::now();
    if (options_.rate > 0.0) {
      tick();
    } else {
      for (const auto& connection : connections_) connection->ask();
    }
    context_.run();
    return result();
  }

 private:
  struct Connection {
    explicit Connection(Load& owner) : load(owner), stream(owner.context_) {}

    // The next request, if there is to be one.
    void ask() {
      if (!load.wants_more()) return;
      request = http::request<http::string_body>(http::verb::post, load.options_.target, 11);
      request.set(http::field::host, load.options_.host);
      request.set(http::field::content_type, "application/json");
      request.body() = load.next_body();
      request.prepare_payload();
      ++load.counts_.sent;
      sent_at = Clock::now();
      stream.expires_after(kLongestAnswer);
      http::async_write(stream, request, [this](Error error, size_t) {
        if (error) return end();
        response = http::response<http::string_body>();
        http::async_read(stream, buffer, response, [this](Error failed, size_t) {
          if (failed) return end();
          answered();
        });
      });
    }

    void answered() {
      load.count(response, seconds_since(sent_at));
      load.is_idle(*this);
    }

    // The connection is lost, and with it the answer.
    void end() { ++load.counts_.unanswered; }

    Load& load;
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::response<http::string_body> response;
    Clock::time_point sent_at;
  };

  bool wants_more() const {
    return options_.requests > 0 ? counts_.sent < options_.requests
                                 : seconds_since(began_) < options_.seconds;
  }

  const std::string& next_body() { return bodies_[next_++ % bodies_.size()]; }

  void count(const http::response<http::string_body>& response, double seconds) {
    last_ = seconds_since(began_);
    if (response.result() == http::status::ok) {
      ++counts_.answered;
      counts_.latencies.push_back(seconds);
    } else if (response.result() == http::status::too_many_requests) {
      ++counts_.refused;
      counts_.refusals.push_back(seconds);
      if (response.count(http::field::retry_after) > 0) ++counts_.with_retry_after;
    } else if (counts_.failed++ == 0) {
      std::cerr << "http_load: " << response.result_int() << ": " << response.body() << "\n";
    }
  }

  void is_idle(Connection& connection) {
    if (options_.rate > 0.0) {
      idle_.push_back(&connection);
    } else {
      connection.ask();
    }
  }

  // Sends what is due.
  void tick() {
    if (!wants_more()) return;
    const auto due = static_cast<int64_t>(options_.rate * seconds_since(began_));
    while (counts_.sent + counts_.not_sent < due) {
      if (idle_.empty()) {
        ++counts_.not_sent;
        continue;
      }
      Connection* const connection = idle_.front();
      idle_.pop_front();
      connection->ask();
    }
    timer_.expires_after(kTick);
    timer_.async_wait([this](Error error) {
      if (!error) tick();
    });
  }

  nlohmann::ordered_json result() {
    Counts& all = counts_;
    const double seconds = std::max(last_, 1e-9);
    return {{"seconds", seconds},
            {"sent", all.sent},
            {"answered", all.answered},
            {"refused", all.refused},
            {"with_retry_after", all.with_retry_after},
            {"failed", all.failed},
            {"unanswered", all.unanswered},
            {"not_sent", all.not_sent},
            {"requests_per_second", static_cast<double>(all.answered) / seconds},
            {"median_ms", 1e3 * percentile(all.latencies, 0.5)},
            {"p99_ms", 1e3 * percentile(all.latencies, 0.99)},
            {"refusal_p99_ms", 1e3 * percentile(all.refusals, 0.99)}};
  }

  const Options& options_;
  const std::vector<std::string> bodies_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;
  Counts counts_;
  Clock::time_point began_;
  double last_ = 0.0;  // seconds from the beginning to the last answer
  size_t next_ = 0;
};

std::vector<std::string> read_bodies(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> bodies;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) bodies.push_back(line);
  }
  if (bodies.empty()) throw std::runtime_error(path + ": no bodies, which stand one in a line");
  return bodies;
}

int run(int argc, char** argv) {
  CLI::App app("Loads an HTTP server and prints rates, latencies and refusals as JSON");
  Options options;
  app.add_option("--host", options.host)->capture_default_str();
  app.add_option("--port", options.port)->required();
  app.add_option("--target", options.target, "path of the requests")->capture_default_str();
  app.add_option("--bodies", options.bodies, "file of JSON bodies, one in a line, sent in turns")
      ->required();
  app.add_option("--connections", options.connections)->check(CLI::PositiveNumber);
  app.add_option("--requests", options.requests, "how many; 0: as many as --seconds allow");
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--rate", options.rate,
                 "requests a second, whatever is answered; 0: each connection asks again once it "
                 "is answered");
  CLI11_PARSE(app, argc, argv);
  std::cout << Load(options, read_bodies(options.bodies)).run().dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace pals::bench

int main(int argc, char** argv) {
  try {
    return pals::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "http_load: " << error.what() << "\n";
    return 1;
  }
}
