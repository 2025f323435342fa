// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 itself: framing of bodies, connections, limits of size and time.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

constexpr size_t kVariableLimit = 1 << 20;
constexpr size_t kOutputLimit = 8 << 20;

std::string Chunk(absl::string_view bytes) {
  return absl::StrCat(absl::Hex(bytes.size()), "\r\n", bytes, "\r\n");
}

// {"value":"xxx"} with exactly this many bytes.
std::string BodyOfSize(const std::string& field, size_t size) {
  const std::string frame = absl::StrCat("{\"", field, "\":\"\"}");
  return absl::StrCat("{\"", field, "\":\"", std::string(size - frame.size(), 'x'), "\"}");
}

class ProtocolTest : public GatewayFixture, public testing::WithParamInterface<bool> {
 protected:
  ProtocolTest() { over_loopback_ = GetParam(); }

  std::string Address() const { return over_loopback_ ? LoopbackAddress() : UnixAddress(); }
  std::string Put(const std::string& key, const std::string& body,
                  std::vector<std::string> headers = {}) const {
    headers.push_back(Bearer(Token()));
    return RequestText("PUT", Path("variables/" + key), headers, body);
  }
  std::string Get(const std::string& key, std::vector<std::string> headers = {}) const {
    headers.push_back(Bearer(Token()));
    return RequestText("GET", Path("variables/" + key), headers);
  }
  std::string ChunkedHead(const std::string& method, const std::string& rest,
                          const std::vector<std::string>& more = {}) const {
    std::vector<std::string> headers = more;
    headers.push_back(Bearer(Token()));
    headers.emplace_back("Transfer-Encoding: chunked");
    return RequestText(method, Path(rest), headers);
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, ProtocolTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Loopback" : "UnixSocket"; });

TEST_P(ProtocolTest, AConnectionServesManyRequests) {
  Start();
  RawConnection connection(Address());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(connection.Send(Put("n", absl::StrCat("{\"value\":", i, "}"))));
    EXPECT_EQ(connection.Read().status, 200);
    ASSERT_TRUE(connection.Send(Get("n")));
    EXPECT_THAT(connection.Read().body, HasSubstr(absl::StrCat("\"value\":", i, "}")));
  }
}

TEST_P(ProtocolTest, AConnectionSurvivesRequestsThatFail) {
  Start();
  RawConnection connection(Address());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(connection.Send(Get("none")));
    EXPECT_EQ(connection.Read().status, 404);
    ASSERT_TRUE(connection.Send(RequestText("GET", "/x", {})));
    EXPECT_EQ(connection.Read().status, 404);
    ASSERT_TRUE(connection.Send(RequestText("GET", Path("input"), {})));
    EXPECT_EQ(connection.Read().status, 401);
    ASSERT_TRUE(connection.Send(Put("n", "{\"value\":")));
    EXPECT_EQ(connection.Read().status, 400);
  }
}

TEST_P(ProtocolTest, CloseIsHonoured) {
  Start();
  RawConnection connection(Address());
  ASSERT_TRUE(connection.Send(Put("n", R"({"value":1})", {"Connection: close"})));
  const RawReply reply = connection.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("connection"), "close");
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_P(ProtocolTest, AnHttp10RequestGetsItsAnswerAndTheEnd) {
  Start();
  RawConnection connection(Address());
  ASSERT_TRUE(connection.Send("GET /health HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(connection.Read().status, 200);
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_P(ProtocolTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawConnection connection(Address());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += Put("n", absl::StrCat("{\"value\":", i, "}"));
    requests += Get("n");
    requests += RequestText("GET", "/health", {});
  }
  ASSERT_TRUE(connection.Send(requests));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(connection.Read().status, 200);
    EXPECT_THAT(connection.Read().body, HasSubstr(absl::StrCat("\"value\":", i, "}")));
    EXPECT_THAT(connection.Read().body, HasSubstr("healthy"));
  }
}

TEST_P(ProtocolTest, ChunkedBodiesAreTakenHoweverTheyAreCut) {
  Start();
  const std::string body = R"({"value":{"text":"chunked"}})";
  for (const size_t size : {size_t{1}, size_t{3}, body.size()}) {
    std::string request = ChunkedHead("PUT", "variables/n");
    for (size_t i = 0; i < body.size(); i += size) request += Chunk(body.substr(i, size));
    request += "0\r\n\r\n";
    EXPECT_EQ(AskRaw(request).status, 200) << size;
    EXPECT_EQ(service_->variable("n"), R"({"text":"chunked"})");
  }
  // With extensions and a trailer.
  EXPECT_EQ(AskRaw(absl::StrCat(ChunkedHead("PUT", "variables/n"), "b;x=y\r\n{\"value\":7}\r\n",
                                "0\r\nX-Trailer: 1\r\n\r\n"))
                .status,
            200);
  EXPECT_EQ(service_->variable("n"), "7");
}

TEST_P(ProtocolTest, AnEmptyChunkedBodyIsEmpty) {
  Start();
  ExpectError(AskRaw(ChunkedHead("PUT", "variables/n") + "0\r\n\r\n"), 400, "INVALID_REQUEST",
              HasSubstr("body: is empty"));
}

TEST_P(ProtocolTest, BrokenChunksAreRefused) {
  Start();
  for (const char* chunk : {"zz\r\n", "-1\r\n", "4\r\nabcdX\r\n", "fffffffffffffffff\r\n"}) {
    const RawReply reply = AskRaw(ChunkedHead("PUT", "variables/n") + chunk);
    EXPECT_THAT(reply.status, testing::AnyOf(400, 413)) << chunk;
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ProtocolTest, ABodyWithTwoLengthsIsRefusedAndNothingAfterItIsARequest) {
  Start();
  for (const char* second : {"Content-Length: 5", "Transfer-Encoding: chunked"}) {
    SCOPED_TRACE(second);
    RawConnection connection(Address());
    ASSERT_TRUE(connection.Send(Put("n", "0\r\n\r\n" + Put("hidden", "{\"value\":1}"), {second})));
    ExpectError(connection.Read(), 400, "AMBIGUOUS_LENGTH", HasSubstr("Content-Length"));
    EXPECT_TRUE(connection.ReadsEnd());
    EXPECT_EQ(service_->calls(), 0);
  }
}

TEST_P(ProtocolTest, OtherTransferEncodingsAreRefused) {
  Start();
  RawConnection connection(Address());
  ASSERT_TRUE(connection.Send(RequestText("PUT", Path("variables/n"),
                                          {Bearer(Token()), "Transfer-Encoding: gzip, chunked"})));
  ExpectError(connection.Read(), 501, "UNSUPPORTED_TRANSFER_ENCODING", HasSubstr("chunked"));
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_P(ProtocolTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Start();
  RawConnection connection(Address());
  const std::string body = R"({"value":1})";
  ASSERT_TRUE(connection.Send(RequestText(
      "PUT", Path("variables/n"),
      {Bearer(Token()), "Expect: 100-continue", absl::StrCat("Content-Length: ", body.size())})));
  EXPECT_EQ(connection.Read().status, 100);
  ASSERT_TRUE(connection.Send(body));
  EXPECT_EQ(connection.Read().status, 200);
  EXPECT_EQ(service_->variable("n"), "1");
  // And the connection goes on.
  ASSERT_TRUE(connection.Send(Get("n")));
  EXPECT_EQ(connection.Read().status, 200);
}

TEST_P(ProtocolTest, ARefusalComesInsteadOfContinue) {
  Start();
  for (const auto& [target, authorization, length, status] :
       {std::tuple{Path("variables/n"), std::string("X: y"), size_t{10}, 401},
        std::tuple{std::string("/executions/exec_AAAAAAAAAAAA/variables/n"), Bearer(Token()),
                   size_t{10}, 403},
        std::tuple{Path("variables/n"), Bearer(Token()), kVariableLimit + 1, 413},
        std::tuple{Path("variables/"), Bearer(Token()), size_t{10}, 400},
        std::tuple{std::string("/x"), Bearer(Token()), size_t{10}, 404}}) {
    RawConnection connection(Address());
    ASSERT_TRUE(connection.Send(RequestText(
        "PUT", target,
        {authorization, "Expect: 100-continue", absl::StrCat("Content-Length: ", length)})));
    EXPECT_EQ(connection.Read().status, status);
    EXPECT_TRUE(connection.ReadsEnd());
  }
}

TEST_P(ProtocolTest, BodiesUpToTheLimitAreTaken) {
  Start();
  EXPECT_EQ(Ask("PUT", "variables/n", BodyOfSize("value", kVariableLimit)).status, 200);
  EXPECT_EQ(service_->variable("n").size(), kVariableLimit - 10);
  EXPECT_EQ(Ask("POST", "output", BodyOfSize("data", kOutputLimit)).status, 200);
  EXPECT_EQ(service_->output().size(), kOutputLimit - 9);
}

TEST_P(ProtocolTest, AnAnnouncedOversizeBodyIsRefusedWithoutReadingIt) {
  Start();
  for (const auto& [method, rest, limit] : {std::tuple{"PUT", "variables/n", kVariableLimit},
                                            std::tuple{"POST", "output", kOutputLimit}}) {
    RawConnection connection(Address());
    // Nothing of the body is sent, and yet the answer comes.
    ASSERT_TRUE(connection.Send(RequestText(
        method, Path(rest), {Bearer(Token()), absl::StrCat("Content-Length: ", limit + 1)})));
    const RawReply reply = connection.Read();
    ExpectError(reply, 413, "BODY_TOO_LARGE",
                Eq(absl::StrCat("body: is larger than the limit of ", limit, " bytes")));
    EXPECT_EQ(reply.headers.at("connection"), "close");
    EXPECT_TRUE(connection.ReadsEnd());
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ProtocolTest, AChunkedBodyIsRefusedOnceItIsOverTheLimit) {
  Start();
  RawConnection connection(Address());
  ASSERT_TRUE(connection.Send(ChunkedHead("PUT", "variables/n")));
  // It never ends, and says nothing of its length.
  const std::string chunk = Chunk(std::string(64 * 1024, ' '));
  for (int i = 0; i < 100 && connection.Send(chunk); ++i) {
  }
  const RawReply reply = connection.Read();
  ExpectError(reply, 413, "BODY_TOO_LARGE", HasSubstr("1048576"));
  EXPECT_EQ(reply.headers.at("connection"), "close");
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_P(ProtocolTest, ABodyThatNobodyAskedForIsPassedOver) {
  Start();
  service_->SetVariable("n", "1");
  RawConnection connection(Address());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(connection.Send(RequestText("GET", Path("variables/n"), {Bearer(Token())}, "{}")));
    EXPECT_EQ(connection.Read().status, 200);
  }
  ASSERT_TRUE(connection.Send(
      RequestText("GET", Path("variables/n"), {Bearer(Token()), "Content-Length: 65537"})));
  EXPECT_EQ(connection.Read().status, 413);
}

TEST_P(ProtocolTest, ABodyMayComeByteByByte) {
  Start();
  RawConnection connection(Address());
  for (const char c : Put("n", R"({"value":"slow"})")) {
    ASSERT_TRUE(connection.Send(absl::string_view(&c, 1)));
  }
  EXPECT_EQ(connection.Read().status, 200);
  EXPECT_EQ(service_->variable("n"), "\"slow\"");
}

TEST_P(ProtocolTest, AStalledBodyEndsItsConnectionAndNoOther) {
  options_.server.idle_timeout = absl::Seconds(1);
  Start();
  RawConnection stalled(Address());
  ASSERT_TRUE(stalled.Send(
      RequestText("PUT", Path("variables/n"), {Bearer(Token()), "Content-Length: 100"})));
  ASSERT_TRUE(stalled.Send("{\"value\":"));
  EXPECT_EQ(Ask("PUT", "variables/other", R"({"value":1})").status, 200);
  EXPECT_TRUE(stalled.ReadsEnd());
  EXPECT_EQ(service_->variable("n"), "");
}

TEST_P(ProtocolTest, AnIdleConnectionIsClosed) {
  options_.server.idle_timeout = absl::Seconds(1);
  Start();
  RawConnection connection(Address());
  ASSERT_TRUE(connection.Send(RequestText("GET", "/health", {})));
  EXPECT_EQ(connection.Read().status, 200);
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_P(ProtocolTest, ABodyThatTakesTooLongIsRefused) {
  options_.server.request_timeout = absl::ZeroDuration();
  Start();
  RawConnection connection(Address());
  ASSERT_TRUE(connection.Send(Put("n", R"({"value":1})")));
  ExpectError(connection.Read(), 408, "REQUEST_TOO_SLOW", HasSubstr("not complete after"));
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_P(ProtocolTest, ACallThatTakesLongDoesNotCountAsIdle) {
  options_.server.idle_timeout = absl::Seconds(1);
  Start();
  service_->SetVariable("n", "1");
  service_->Hold(true);
  RawConnection connection(Address());
  RawConnection idle(Address());
  ASSERT_TRUE(connection.Send(Get("n")));
  service_->AwaitHeld(1);
  // The other connection shows that the idle time has passed.
  EXPECT_TRUE(idle.ReadsEnd());
  service_->Hold(false);
  EXPECT_EQ(connection.Read().status, 200);
}

TEST_P(ProtocolTest, AnOversizeHeadIsRefused) {
  Start();
  ExpectError(AskRaw(RequestText("GET", "/health", {"X-Long: " + std::string(17 * 1024, 'x')})),
              431, "HEAD_TOO_LARGE", HasSubstr("the limit is 16384"));
  ExpectError(AskRaw(RequestText("GET", "/health?" + std::string(17 * 1024, 'x'), {})), 431,
              "HEAD_TOO_LARGE", HasSubstr("the limit is 16384"));
  // Past what the library itself can hold, the answer is its own.
  EXPECT_THAT(
      AskRaw(RequestText("GET", "/health", {"X-Long: " + std::string(200 * 1024, 'x')})).status,
      testing::AnyOf(0, 400, 413, 414, 431));
  EXPECT_EQ(AskRaw(RequestText("GET", "/health", {})).status, 200);
}

TEST_P(ProtocolTest, JunkIsNotServed) {
  // The library passes over some junk in silence, as it does over empty lines, until the connection
  // has been idle for long enough.
  options_.server.idle_timeout = absl::Seconds(1);
  Start();
  for (const std::string& junk :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 16),
        std::string("GET\r\n\r\n"), std::string("\r\n\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("GET /health HTTP/1.1\r\nno colon\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string(1000, '\0') + "\r\n\r\n"}) {
    RawConnection connection(Address());
    (void)connection.Send(junk);
    connection.FinishSending();
    EXPECT_NE(connection.Read().status, 200) << junk;
  }
  EXPECT_EQ(AskRaw(RequestText("GET", "/health", {})).status, 200);
}

TEST_P(ProtocolTest, BadContentLengthsAreRefused) {
  Start();
  for (const char* length : {"-1", "x", "1x", "99999999999999999999999"}) {
    const RawReply reply = AskRaw(RequestText(
        "PUT", Path("variables/n"), {Bearer(Token()), absl::StrCat("Content-Length: ", length)}));
    EXPECT_THAT(reply.status, testing::AnyOf(400, 413)) << length;
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ProtocolTest, BodiesBeyondTheMemoryAreRefusedUntilThereIsRoom) {
  options_.server.max_body_memory_bytes = 4 << 20;
  Start();
  service_->Hold(true);
  const std::string body = BodyOfSize("data", 3 << 20);
  RawConnection first(Address());
  ASSERT_TRUE(first.Send(RequestText("POST", Path("output"), {Bearer(Token())}, body)));
  service_->AwaitHeld(1);
  // Announced, and discovered on the way.
  ExpectError(Ask("POST", "output", body), 503, "GATEWAY_BUSY", HasSubstr("bodies"));
  {
    RawConnection chunked(Address());
    (void)chunked.Send(ChunkedHead("POST", "output") + Chunk(body));
    ExpectError(chunked.Read(), 503, "GATEWAY_BUSY", HasSubstr("bodies"));
  }
  service_->Hold(false);
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_EQ(Ask("POST", "output", body).status, 200);
}

TEST_P(ProtocolTest, AnAnswerBeyondTheMemoryIsRefusedToo) {
  options_.server.max_body_memory_bytes = 1 << 20;
  Start();
  service_->SetInput(absl::StrCat("\"", std::string(2 << 20, 'x'), "\""));
  ExpectError(Ask("GET", "input"), 503, "GATEWAY_BUSY", HasSubstr("bodies"));
}

TEST_P(ProtocolTest, ALargeInputComesWhole) {
  Start();
  const std::string json = absl::StrCat("\"", std::string((8 << 20) - 2, 'i'), "\"");
  service_->SetInput(json);
  EXPECT_EQ(Ask("GET", "input").body, absl::StrCat("{\"success\":true,\"data\":", json, "}"));
}

TEST_P(ProtocolTest, ConnectionsBeyondTheLimitTakeThePlaceOfTheLongestIdle) {
  options_.server.threads = 1;
  options_.server.max_connections = 2;
  Start();
  RawConnection first(Address());
  RawConnection second(Address());
  for (RawConnection* connection : {&first, &second, &first}) {
    ASSERT_TRUE(connection->Send(RequestText("GET", "/health", {})));
    EXPECT_EQ(connection->Read().status, 200);
  }
  RawConnection third(Address());
  EXPECT_TRUE(second.ReadsEnd());
  for (RawConnection* connection : {&third, &first}) {
    ASSERT_TRUE(connection->Send(RequestText("GET", "/health", {})));
    EXPECT_EQ(connection->Read().status, 200);
  }
}

TEST_P(ProtocolTest, ClientsThatLeaveDuringTheirCallsHarmNobody) {
  Start();
  service_->SetVariable("n", "1");
  service_->Hold(true);
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 10; ++i) {
    connections.push_back(std::make_unique<RawConnection>(Address()));
    ASSERT_TRUE(connections.back()->Send(Put("n", "{\"value\":2}")));
  }
  service_->AwaitHeld(10);
  connections.clear();
  service_->Hold(false);
  EXPECT_EQ(Ask("GET", "variables/n").status, 200);
}

TEST_P(ProtocolTest, ConnectionsThatClientsCloseAreForgotten) {
  Start();
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 200; ++i) {
    connections.push_back(std::make_unique<RawConnection>(Address()));
    ASSERT_TRUE(connections.back()->Send(i % 2 == 0 ? Get("n") : Put("n", "{\"value\":1}")));
  }
  for (const auto& connection : connections) EXPECT_NE(connection->Read().status, 0);
  connections.clear();
  // The one that asks is the one that is left; a test that never sees it ends by its own timeout.
  RawConnection observer(LoopbackAddress());
  std::string metrics;
  do {
    ASSERT_TRUE(observer.Send(RequestText("GET", "/metrics", {})));
    metrics = observer.Read().body;
  } while (!absl::StrContains(metrics, "\ncronium_gateway_connections 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\ncronium_gateway_body_bytes 0\n"));
}

}  // namespace
}  // namespace cronium::gateway
