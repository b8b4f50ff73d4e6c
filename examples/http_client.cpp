// http_client HOST PORT TASK: asks a running `pals serve` for each line of standard input, over one
// connection, and prints the likeliest label with its probability (a value task: the value).
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using nlohmann::json;

class Client {
 public:
  Client(const std::string& host, const std::string& port) : host_(host), stream_(context_) {
    stream_.connect(asio::ip::tcp::resolver(context_).resolve(host, port));
  }

  /// POSTs `body` to `target` and returns the answer. Throws std::runtime_error with the server's
  /// text if it refuses.
  json post(const std::string& target, const json& body) {
    http::request<http::string_body> request(http::verb::post, target, 11);
    request.set(http::field::host, host_);
    request.set(http::field::content_type, "application/json");
    request.body() = body.dump();
    request.prepare_payload();
    http::write(stream_, request);

    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(stream_, buffer, response);
    const json answer = json::parse(response.body());
    if (response.result() != http::status::ok) {
      throw std::runtime_error(std::to_string(response.result_int()) + ": " +
                               answer.value("error", response.body()));
    }
    return answer;
  }

 private:
  std::string host_;
  asio::io_context context_;
  beast::tcp_stream stream_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: http_client HOST PORT TASK < LINES\n";
    return EXIT_FAILURE;
  }
  try {
    Client client(argv[1], argv[2]);
    for (std::string line; std::getline(std::cin, line);) {
      const json best = client.post("/predict", {{"inputs", line}, {"task", argv[3]}}).at(0);
      std::cout << best.at("label").get<std::string>() << '\t' << best.at("score").get<double>()
                << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << "http_client: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
