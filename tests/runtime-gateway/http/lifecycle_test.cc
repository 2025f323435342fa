// SPDX-License-Identifier: Apache-2.0
// The controller goes away and comes back; the gateway starts, stops and starts again.
#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/rpc/credentials.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class LifecycleTest : public GatewayFixture {
 protected:
  // Asks until it is answered so; a test that never sees it ends by its own timeout.
  void AwaitReady(int status) const {
    while (AskRaw(RequestText("GET", "/ready", {})).status != status) {
      std::this_thread::yield();
    }
  }
};

TEST_F(LifecycleTest, WithoutAControllerItIsHealthyAndNotReady) {
  options_.client.retry_for = absl::Milliseconds(300);
  controller_.GoAway();
  Start();
  EXPECT_EQ(AskRaw(RequestText("GET", "/health", {})).status, 200);
  ExpectError(AskRaw(RequestText("GET", "/ready", {})), 503, "CONTROLLER_UNREACHABLE",
              HasSubstr("cannot be reached"));
  ExpectError(Ask("GET", "input"), 503, "CONTROLLER_UNREACHABLE", HasSubstr("cannot be reached"));
  controller_.ComeBack();
  AwaitReady(200);
  EXPECT_EQ(Ask("GET", "input").status, 200);
}

TEST_F(LifecycleTest, ACallWaitsForAControllerThatIsAway) {
  Start();
  ASSERT_EQ(Ask("PUT", "variables/n", R"({"value":1})").status, 200);
  controller_.GoAway();
  AwaitReady(503);
  service_->SetVariable("old", "1");
  std::vector<std::thread> threads;
  threads.emplace_back([this] { EXPECT_EQ(Ask("GET", "variables/n").status, 200); });
  threads.emplace_back([this] { EXPECT_EQ(Ask("DELETE", "variables/old").status, 200); });
  threads.emplace_back(
      [this] { EXPECT_EQ(Ask("PUT", "variables/new", R"({"value":2})").status, 200); });
  controller_.ComeBack();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(service_->variable("old"), "");
  EXPECT_EQ(service_->variable("new"), "2");
}

TEST_F(LifecycleTest, EveryRouteSays503WhenTheControllerStaysAway) {
  options_.client.retry_for = absl::Milliseconds(200);
  Start();
  ASSERT_EQ(Ask("GET", "input").status, 200);
  controller_.GoAway();
  for (const auto& [method, rest, body] :
       {std::tuple{"GET", "input", ""}, std::tuple{"POST", "output", R"({"data":1})"},
        std::tuple{"GET", "context", ""}, std::tuple{"GET", "condition", ""},
        std::tuple{"POST", "condition", R"({"condition":true})"},
        std::tuple{"GET", "variables", ""}, std::tuple{"GET", "variables/n", ""},
        std::tuple{"PUT", "variables/n", R"({"value":1})"},
        std::tuple{"DELETE", "variables/n", ""}}) {
    SCOPED_TRACE(absl::StrCat(method, " ", rest));
    ExpectError(Ask(method, rest, body), 503, "CONTROLLER_UNREACHABLE", _);
  }
}

TEST_F(LifecycleTest, AnIdempotentCallThatBrokeOffIsMadeAgain) {
  Start();
  // What a connection that breaks looks like: no ErrorInfo.
  service_->FailNext(2, absl::UnavailableError("Socket closed"));
  EXPECT_EQ(Ask("GET", "input").status, 200);
  EXPECT_EQ(service_->calls(), 3);
  service_->FailNext(1, absl::UnavailableError("Socket closed"), /*after_effect=*/true);
  EXPECT_EQ(Ask("PUT", "variables/n", R"({"value":1})").status, 200);
  EXPECT_EQ(service_->variable("n"), "1");
}

TEST_F(LifecycleTest, ADeletionThatBrokeOffAfterItsEffectIsASuccess) {
  Start();
  service_->SetVariable("n", "1");
  service_->FailNext(1, absl::UnavailableError("Socket closed"), /*after_effect=*/true);
  EXPECT_EQ(Ask("DELETE", "variables/n").status, 200);
  EXPECT_EQ(service_->variable("n"), "");
  // Refused before its effect, what is not there is not found.
  service_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STARTING", "try again"));
  EXPECT_EQ(Ask("DELETE", "variables/n").status, 404);
}

TEST_F(LifecycleTest, AnIncrementThatBrokeOffIsMadeAgainWhereItHasAKeyAndNotWithoutOne) {
  Start();
  const auto break_off = [&] {
    service_->FailNext(2, absl::UnavailableError("Socket closed"), /*after_effect=*/true);
  };
  break_off();
  EXPECT_EQ(Ask("POST", "variables/n/increment", R"({"by":1})", {"Idempotency-Key: k1"}).body,
            R"({"success":true,"data":{"key":"n","value":1}})");
  EXPECT_EQ(service_->calls(), 3);
  EXPECT_EQ(service_->last_idempotency_key(), "k1");
  EXPECT_EQ(service_->variable("n"), "1");
  break_off();
  ExpectError(Ask("POST", "variables/n/increment", R"({"by":1})"), 503, "OUTCOME_UNKNOWN",
              HasSubstr("not known whether"));
  EXPECT_EQ(service_->calls(), 4);
  EXPECT_EQ(service_->variable("n"), "2");
}

TEST_F(LifecycleTest, AConditionalWriteThatBrokeOffIsNotMadeAgain) {
  Start();
  const std::string etag = Ask("PUT", "variables/n", R"({"value":1})").headers.at("etag");
  service_->FailNext(1, absl::UnavailableError("Socket closed"), /*after_effect=*/true);
  ExpectError(Ask("PUT", "variables/n", R"({"value":2})", {"If-Match: " + etag}), 503,
              "OUTCOME_UNKNOWN", HasSubstr("not known whether"));
  EXPECT_EQ(service_->variable("n"), "2");
}

TEST_F(LifecycleTest, AConditionalWriteThatTheControllerRefusedIsMadeAgain) {
  Start();
  const std::string etag = Ask("PUT", "variables/n", R"({"value":1})").headers.at("etag");
  service_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STARTING", "try again"));
  EXPECT_EQ(Ask("PUT", "variables/n", R"({"value":2})", {"If-Match: " + etag}).status, 200);
}

TEST_F(LifecycleTest, AControllerThatOnlyRefusesIsQuotedInTheEnd) {
  options_.client.retry_for = absl::Milliseconds(300);
  Start();
  service_->FailNext(1'000'000, MakeError(absl::StatusCode::kUnavailable, "STARTING", "not yet"));
  ExpectError(Ask("GET", "input"), 503, "STARTING", HasSubstr("not yet"));
}

TEST_F(LifecycleTest, ARefusalIsQuotedWhereTheTryAfterItGetsNoAnswer) {
  options_.client.retry_for = absl::Milliseconds(300);
  Start();
  service_->FailNext(1'000'000, MakeError(absl::StatusCode::kUnavailable, "STARTING", "not yet"));
  std::thread caller(
      [this] { ExpectError(Ask("GET", "input"), 503, "STARTING", HasSubstr("not yet")); });
  while (service_->calls() == 0) std::this_thread::yield();
  service_->Hold(true);
  caller.join();
}

TEST_F(LifecycleTest, ACallThatIsUnderWayWhenTheControllerDiesIsMadeAgain) {
  Start();
  service_->SetVariable("n", "1");
  service_->Hold(true);
  std::thread caller([this] { EXPECT_EQ(Ask("GET", "variables/n").status, 200); });
  service_->AwaitHeld(1);
  controller_.GoAway();
  controller_.ComeBack();
  caller.join();
}

TEST_F(LifecycleTest, AnotherGatewayOnTheSameFolderIsRefused) {
  Start();
  GatewayOptions second = options_;
  const auto start = [&] {
    return Gateway::Start(
               second, grpc::CreateChannel(controller_.address(), DevChannelCredentials()), &clock_)
        .status();
  };
  EXPECT_EQ(start().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(start().message(), HasSubstr("another runtime gateway serves this folder"));
  // However the folder is spelled.
  second.socket_dir = folder_ + "/../" + folder_.substr(folder_.rfind('/') + 1) + "/api/";
  EXPECT_EQ(start().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Ask("GET", "input").status, 200);
  StopGateway();
  EXPECT_TRUE(start().ok());
}

TEST_F(LifecycleTest, AGatewayThatStartsAgainServesTheSameFolder) {
  for (int i = 0; i < 5; ++i) {
    Start();
    EXPECT_EQ(Ask("GET", "input").status, 200);
    StopGateway();
  }
}

TEST_F(LifecycleTest, StoppingFinishesWhatIsUnderWay) {
  Start();
  service_->SetVariable("n", "1");
  service_->Hold(true);
  RawConnection connection(UnixAddress());
  ASSERT_TRUE(connection.Send(RequestText("GET", Path("variables/n"), {Bearer(Token())})));
  service_->AwaitHeld(1);
  const std::string loopback = LoopbackAddress();
  std::thread stopper([this] { gateway_->Stop(); });
  // The sockets go first, so that a gateway that stops is not found.
  while (access((folder_ + "/api/runtime.sock").c_str(), F_OK) == 0) std::this_thread::yield();
  service_->Hold(false);
  const RawReply reply = connection.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("connection"), "close");
  EXPECT_TRUE(connection.ReadsEnd());
  stopper.join();
}

TEST_F(LifecycleTest, StoppingDoesNotWaitForEver) {
  options_.drain = absl::Milliseconds(50);
  Start();
  service_->Hold(true);
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (const std::string& address : {UnixAddress(), LoopbackAddress()}) {
    for (int i = 0; i < 5; ++i) {
      connections.push_back(std::make_unique<RawConnection>(address));
      ASSERT_TRUE(connections.back()->Send(RequestText("GET", Path("input"), {Bearer(Token())})));
    }
  }
  service_->AwaitHeld(10);
  RawConnection stalled(UnixAddress());
  ASSERT_TRUE(stalled.Send("PUT "));
  StopGateway();
  for (const auto& connection : connections) {
    const RawReply reply = connection->Read();
    // The answer may be cut off with its connection, but it is no other.
    if (reply.status != 0) ExpectError(reply, 503, "GATEWAY_STOPPING", _);
  }
}

TEST_F(LifecycleTest, StoppingWhileKeysAreAwaitedEnds) {
  options_.drain = absl::Milliseconds(50);
  controller_.GoAway();
  Start();
  RawConnection connection(UnixAddress());
  ASSERT_TRUE(connection.Send(RequestText("GET", Path("input"), {Bearer(Token())})));
  // It has been read once a later one was answered; which thread serves it does not matter to Stop.
  EXPECT_EQ(AskRaw(RequestText("GET", "/health", {})).status, 200);
  StopGateway();
}

TEST_F(LifecycleTest, ManyClientsOnBothTransportsAllGetTheirAnswers) {
  options_.rate_limit_per_minute = 0;
  Start();
  const std::string token = Token();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      RawConnection connection(t % 2 == 0 ? UnixAddress() : LoopbackAddress());
      for (int i = 0; i < 100; ++i) {
        const std::string path = Path(absl::StrCat("variables/k", t));
        const std::string body = absl::StrCat("{\"value\":", i, "}");
        if (!connection.Send(RequestText("PUT", path, {Bearer(token)}, body)) ||
            connection.Read().status != 200 ||
            !connection.Send(RequestText("GET", path, {Bearer(token)}))) {
          return;
        }
        const std::string wanted =
            absl::StrCat(R"({"success":true,"data":{"key":"k)", t, R"(","value":)", i, "}}");
        if (connection.Read().body == wanted) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
}

}  // namespace
}  // namespace cronium::gateway
