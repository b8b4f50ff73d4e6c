// The server against clients that behave and clients that do not.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <list>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text_util.h"
#include "http/access_log.h"
#include "http/server.h"
#include "http/test_client.h"

namespace pals {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::status_of;
using testing::TestClient;
using testing::wait_until;

HttpServerOptions quick() {
  return {.max_header_bytes = 2000,
          .max_body_bytes = 1000,
          .header_timeout = milliseconds(300),
          .body_timeout = milliseconds(300),
          .idle_timeout = milliseconds(20'000),
          .write_timeout = milliseconds(500)};
}

/// Says back what it was asked.
void echo(HttpRequest request, Responder responder) {
  responder.send({.content_type = "text/plain",
                  .body = request.method + " " + request.target + " " + request.body});
}

TEST(Http, AnswersAndKeepsConnectionsAlive) {
  HttpServer server(quick(), echo);
  TestClient client(server.port());
  const std::string first = client.ask("POST", "/a?b=1", "hello");
  EXPECT_EQ(status_of(first), 200) << first;
  EXPECT_EQ(body_of(first), "POST /a?b=1 hello");
  EXPECT_NE(first.find("X-Request-Id: "), std::string::npos);
  EXPECT_EQ(first.find("Connection: close"), std::string::npos);
  EXPECT_EQ(body_of(client.ask("GET", "/c")), "GET /c ");
  EXPECT_EQ(server.num_connections(), 1U);
}

TEST(Http, HeadHasNoBody) {
  HttpServer server(quick(), echo);
  TestClient client(server.port());
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = client.receive();
  EXPECT_NE(all.find("Content-Length: 8"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;
  EXPECT_TRUE(client.is_closed());
}

TEST(Http, OldAndClosingClientsAreClosed) {
  HttpServer server(quick(), echo);
  TestClient old(server.port()), closing(server.port()), kept(server.port());
  old.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(old.receive()), "GET /old ");
  EXPECT_TRUE(old.is_closed());
  EXPECT_EQ(status_of(closing.ask("GET", "/", "", "Connection: close\r\n")), 200);
  EXPECT_TRUE(closing.is_closed());
  kept.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(kept.receive().find("Connection: keep-alive"), std::string::npos);
  EXPECT_EQ(status_of(kept.ask("GET", "/")), 200);
}

TEST(Http, ChunkedBodiesAndThoseThatAskFirst) {
  HttpServer server(quick(), echo);
  TestClient client(server.port());
  client.send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(client.receive()), "POST /c abcde");
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");
  EXPECT_EQ(body_of(client.receive()), "POST /e hi");
}

/// Keeps requests until they are answered.
class Keeper {
 public:
  HttpHandler handler() {
    return [this](HttpRequest request, Responder responder) {
      const std::lock_guard lock(mutex_);
      kept_.emplace_back(std::move(request), std::move(responder));
    };
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }
  std::pair<HttpRequest, Responder> take() {
    const std::lock_guard lock(mutex_);
    auto first = std::move(kept_.front());
    kept_.erase(kept_.begin());
    return first;
  }

 private:
  std::mutex mutex_;
  std::list<std::pair<HttpRequest, Responder>> kept_;
};

TEST(Http, PipelinedRequestsAreAnsweredInOrder) {
  Keeper keeper;
  HttpServer server(quick(), keeper.handler());
  TestClient client(server.port());
  std::string all;
  for (int i = 0; i < 5; ++i) all += concat("GET /", i, " HTTP/1.1\r\nHost: x\r\n\r\n");
  client.send(all);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(wait_until([&] { return keeper.size() == 1; }));  // never two at a time
    auto [request, responder] = keeper.take();
    EXPECT_EQ(request.target, concat("/", i));
    responder.send({.body = request.target});
    EXPECT_EQ(body_of(client.receive()), concat("/", i));
  }
}

TEST(Http, ARequestWithoutAnswerIsAnsweredForIt) {
  HttpServer server(quick(), [](const HttpRequest&, const Responder&) {});
  TestClient client(server.port());
  EXPECT_EQ(status_of(client.ask("GET", "/")), 500);
  HttpServer failing(quick(), [](const HttpRequest&, const Responder&) { fail("no"); });
  TestClient other(failing.port());
  EXPECT_EQ(status_of(other.ask("GET", "/")), 500);
  EXPECT_EQ(status_of(other.ask("GET", "/")), 500);
}

TEST(Http, SeesThatAClientLeft) {
  Keeper keeper;
  HttpServer server(quick(), keeper.handler());
  TestClient leaving(server.port()), half(server.port()), staying(server.port());
  leaving.send("GET /leaving HTTP/1.1\r\nHost: x\r\n\r\n");
  half.send("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
  staying.send("GET /staying HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return keeper.size() == 3; }));
  leaving.close();
  half.close_sending();
  for (int i = 0; i < 3; ++i) {
    auto taken = keeper.take();
    const HttpRequest& request = taken.first;
    if (request.target == "/staying") {
      EXPECT_FALSE(request.gone.stop_requested());
    } else {
      EXPECT_TRUE(wait_until([&] { return request.gone.stop_requested(); })) << request.target;
    }
    taken.second.send({.body = "here"});  // to those that left: nowhere
  }
  EXPECT_EQ(body_of(staying.receive()), "here");
  EXPECT_TRUE(wait_until([&] { return server.num_connections() == 1; }));
}

TEST(Http, RequestIdsAreTheClientsOrOurs) {
  std::string seen;
  HttpServer server(quick(), [&](const HttpRequest& request, Responder responder) {
    seen = request.id;
    responder.send({});
  });
  TestClient client(server.port());
  EXPECT_NE(client.ask("GET", "/", "", "x-request-id: abc-1\r\n").find("X-Request-Id: abc-1\r\n"),
            std::string::npos);
  EXPECT_EQ(seen, "abc-1");
  for (const std::string& bad : {std::string("a b"), std::string(200, 'a'), std::string("\"")}) {
    client.ask("GET", "/", "", "X-Request-Id: " + bad + "\r\n");
    EXPECT_NE(seen, bad);
    EXPECT_FALSE(seen.empty());
  }
}

TEST(Http, RefusesWhatIsTooLarge) {
  HttpServer server(quick(), echo);
  const std::string many = "X-Long: " + std::string(3000, 'a') + "\r\n";
  EXPECT_EQ(status_of(TestClient(server.port()).ask("GET", "/", "", many)), 431);
  EXPECT_EQ(status_of(TestClient(server.port()).ask("GET", "/" + std::string(3000, 'a'))), 431);
  TestClient large(server.port());
  const std::string refused = large.ask("POST", "/", std::string(1001, 'a'));
  EXPECT_EQ(status_of(refused), 413) << refused;
  EXPECT_TRUE(large.is_closed());
  TestClient huge(server.port());  // refused before it is sent
  huge.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_EQ(status_of(huge.receive()), 413);
  TestClient chunked(server.port());
  chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
               std::string(1001, 'a') + "\r\n0\r\n\r\n");
  EXPECT_EQ(status_of(chunked.receive()), 413);
  EXPECT_EQ(status_of(TestClient(server.port()).ask("POST", "/", std::string(1000, 'a'))), 200);
}

TEST(Http, SomeRequestsMayHaveLargerBodies) {
  HttpServerOptions options = quick();
  options.body_limit = [](const HttpRequest& head) {
    return head.path() == "/large" && head.header("x-key") == "k" ? size_t{5000} : size_t{10};
  };
  HttpServer server(options, echo);
  const std::string body(4000, 'a'), key = "X-Key: k\r\n";
  EXPECT_EQ(status_of(TestClient(server.port()).ask("POST", "/large", body, key)), 200);
  EXPECT_EQ(status_of(TestClient(server.port()).ask("POST", "/large", body)), 413);
  EXPECT_EQ(status_of(TestClient(server.port()).ask("POST", "/small", "0123456789")), 200);
  EXPECT_EQ(status_of(TestClient(server.port()).ask("POST", "/small", "0123456789a")), 413);
  TestClient chunked(server.port());
  chunked.send(
      "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"
      "0123456789a\r\n0\r\n\r\n");
  EXPECT_EQ(status_of(chunked.receive()), 413);
}

TEST(Http, RefusesWhatIsNoRequest) {
  HttpServer server(quick(), echo);
  const std::string with_nul("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 28);
  for (const std::string& bytes :
       {std::string("rubbish\r\n\r\n"), with_nul, std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(300, 'x')}) {
    TestClient client(server.port());
    client.send(bytes);
    EXPECT_EQ(status_of(client.receive()), 400) << quote(bytes);
    EXPECT_TRUE(client.is_closed());
  }
  EXPECT_EQ(status_of(TestClient(server.port()).ask("GET", "/")), 200);
}

TEST(Http, SlowClientsAreClosed) {
  HttpServerOptions options = quick();
  options.idle_timeout = milliseconds(300);
  HttpServer server(options, echo);
  TestClient idle(server.port()), header(server.port()), body(server.port());
  header.send("GET / HT");
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
  EXPECT_TRUE(idle.is_closed());
  EXPECT_TRUE(header.is_closed());
  EXPECT_TRUE(body.is_closed());
  EXPECT_TRUE(wait_until([&] { return server.num_connections() == 0; }));
}

TEST(Http, SlowReadersAreClosed) {
  HttpServer server(quick(), [](const HttpRequest&, Responder responder) {
    responder.send({.body = std::string(size_t{64} << 20, 'a')});  // more than sockets hold
  });
  TestClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(wait_until([&] { return server.num_connections() == 1; }));
  EXPECT_TRUE(wait_until([&] { return server.num_connections() == 0; }));
}

TEST(Http, MoreConnectionsThanAllowed) {
  HttpServerOptions options = quick();
  options.max_connections = 2;
  HttpServer server(options, echo);
  TestClient one(server.port()), two(server.port());
  ASSERT_TRUE(wait_until([&] { return server.num_connections() == 2; }));
  TestClient three(server.port());
  EXPECT_EQ(status_of(three.receive()), 503);
  EXPECT_EQ(status_of(two.ask("GET", "/")), 200);
  one.close();
  ASSERT_TRUE(wait_until([&] { return server.num_connections() == 1; }));
  EXPECT_EQ(status_of(TestClient(server.port()).ask("GET", "/")), 200);
}

TEST(Http, CrossOriginRequests) {
  HttpServerOptions options = quick();
  options.allowed_origins = {"https://one.example"};
  HttpServer server(options, echo);
  TestClient client(server.port());
  const std::string preflight =
      client.ask("OPTIONS", "/predict", "",
                 "Origin: https://one.example\r\nAccess-Control-Request-Method: POST\r\n");
  EXPECT_EQ(status_of(preflight), 204);
  EXPECT_NE(preflight.find("Access-Control-Allow-Origin: https://one.example"), std::string::npos);
  EXPECT_NE(preflight.find("Access-Control-Allow-Methods"), std::string::npos);
  const std::string other = client.ask("GET", "/", "", "Origin: https://two.example\r\n");
  EXPECT_EQ(other.find("Access-Control-Allow-Origin"), std::string::npos);
  HttpServer closed(quick(), echo);
  EXPECT_EQ(TestClient(closed.port())
                .ask("GET", "/", "", "Origin: https://one.example\r\n")
                .find("Access-Control"),
            std::string::npos);
}

TEST(Http, DrainingFinishesWhatWasAccepted) {
  Keeper keeper;
  HttpServer server(quick(), keeper.handler());
  TestClient idle(server.port()), busy(server.port());
  busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return keeper.size() == 1 && server.num_connections() == 2; }));
  server.drain();
  EXPECT_TRUE(idle.is_closed());
  EXPECT_THROW(TestClient{server.port()}, Error);
  EXPECT_FALSE(server.wait_until_drained(milliseconds(50)));
  auto [request, responder] = keeper.take();
  responder.send({.body = "done"});
  const std::string answer = busy.receive();
  EXPECT_EQ(body_of(answer), "done");
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(busy.is_closed());
  EXPECT_TRUE(server.wait_until_drained(milliseconds(20'000)));
}

TEST(Http, AnswersThatComeAfterTheEndGoNowhere) {
  Keeper keeper;
  std::optional<HttpServer> server(std::in_place, quick(), keeper.handler());
  TestClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return keeper.size() == 1; }));
  auto [request, responder] = keeper.take();
  server.reset();
  EXPECT_TRUE(request.gone.stop_requested());
  responder.send({});
  EXPECT_TRUE(client.is_closed());
}

TEST(Http, ManyThreadsAnswerManyClients) {
  std::mutex mutex;
  std::vector<std::jthread> threads;
  HttpServer server(quick(), [&](HttpRequest request, Responder responder) {
    const std::lock_guard lock(mutex);
    threads.emplace_back([request, answer = std::make_shared<Responder>(std::move(responder))] {
      answer->send({.body = request.target});
    });
  });
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> clients;
    for (int c = 0; c < 8; ++c) {
      clients.emplace_back([&, c] {
        TestClient client(server.port());
        for (int i = 0; i < 20; ++i) {
          const std::string target = concat("/", c, "/", i);
          right += body_of(client.ask("GET", target)) == target ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(right, 160);
}

TEST(Http, AddressesThatCannotBeHad) {
  HttpServer server(quick(), echo);
  HttpServerOptions taken = quick();
  taken.port = server.port();
  EXPECT_THROW(HttpServer(taken, echo), Error);
  HttpServerOptions nowhere = quick();
  nowhere.host = "no such host";
  EXPECT_THROW(HttpServer(nowhere, echo), UsageError);
}

TEST(AccessLog, EscapesWhatClientsSend) {
  const std::string line = access_line(
      {.id = "1", .remote = "r", .method = "G\n\"", .target = "/\x1b[31m\xff", .status = 200},
      std::chrono::system_clock::time_point(milliseconds(1'500'000'000'123)));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  const Json json = parse_json(line, "line");
  EXPECT_EQ(json["time"], "2017-07-14T02:40:00.123Z");
  EXPECT_EQ(json["method"], "G\n\"");
}

TEST(AccessLog, HasALineForEachRequest) {
  const std::string path =
      (std::filesystem::temp_directory_path() / concat("pals_access_", ::getpid())).string();
  HttpServerOptions options = quick();
  options.access_log = path;
  {
    HttpServer server(options, echo);
    TestClient client(server.port());
    client.ask("POST", "/a", "hello", "X-Request-Id: mine\r\n");
    TestClient other(server.port());
    other.send("rubbish\r\n\r\n");
    EXPECT_TRUE(other.is_closed());
  }
  const std::string log = read_file(path, 1 << 20);
  std::filesystem::remove(path);
  const std::vector<std::string_view> lines = split(log, '\n');
  ASSERT_EQ(lines.size(), 3U) << log;
  const Json first = parse_json(lines[0], "log");
  EXPECT_EQ(first["id"], "mine");
  EXPECT_EQ(first["target"], "/a");
  EXPECT_EQ(first["request_bytes"], 5);
  EXPECT_EQ(first["response_bytes"], 13);
  EXPECT_EQ(parse_json(lines[1], "log")["status"], 400);
}

}  // namespace
}  // namespace pals
