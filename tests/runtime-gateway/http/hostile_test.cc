// SPDX-License-Identifier: Apache-2.0
// Clients that take much and send little: the gateway goes on answering the others, within bounded
// memory.
#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <fstream>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/descriptor_limit.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

#ifdef CRONIUM_SANITIZED
// Their shadow is not the gateway's memory.
constexpr bool kMemoryIsJudged = false;
#else
constexpr bool kMemoryIsJudged = true;
#endif

constexpr int64_t kMib = 1 << 20;

int64_t ResidentBytes() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

class HostileTest : public GatewayFixture {
 protected:
  // The clients' ends are open in this process too.
  void RequireDescriptors(int count) {
    if (RaiseDescriptorLimit() < count) {
      GTEST_SKIP() << "needs " << count << " open descriptors: raise the hard limit (ulimit -Hn)";
    }
  }

  void ExpectHonestClientIsServed() { ASSERT_EQ(Ask("GET", "variables/n").status, 200); }

  // Opens connections that all begin with the same bytes, and asks as an honest client in between.
  void Flood(int count, const std::string& bytes) {
    service_->SetVariable("n", "1");
    ExpectHonestClientIsServed();
    const int64_t before = ResidentBytes();
    for (int i = 0; i < count && !HasFatalFailure(); ++i) {
      hostile_.emplace_back(UnixAddress());
      // It may have been ended already.
      if (!bytes.empty()) (void)hostile_.back().Send(bytes);
      if (i % 250 == 0) ExpectHonestClientIsServed();
    }
    ExpectHonestClientIsServed();
    const int64_t grown = ResidentBytes() - before;
    if (kMemoryIsJudged) {
      EXPECT_LT(grown, 48 * kMib) << grown / kMib << " MiB";
    }
  }

  // Sends a byte now and then until the gateway has ended the connection.
  static void TrickleUntilEnded(RawConnection* connection) {
    while (connection->Send("x")) {
      pollfd entry = {connection->fd(), POLLIN | POLLRDHUP, 0};
      if (poll(&entry, 1, /*timeout_ms=*/20) > 0) break;
    }
    (void)connection->Read();
    EXPECT_TRUE(connection->ReadsEnd());
  }

  std::list<RawConnection> hostile_;
};

TEST_F(HostileTest, TenThousandIdleConnectionsKeepNobodyOut) {
  RequireDescriptors(12'000);
  if (IsSkipped()) return;
  Start();
  Flood(10'000, "");
}

TEST_F(HostileTest, HeadsThatDoNotEndKeepNobodyOut) {
  RequireDescriptors(6'000);
  if (IsSkipped()) return;
  Start();
  Flood(4'000, absl::StrCat("GET ", Path("variables/n"),
                            " HTTP/1.1\r\nHost: a\r\nX-Slow: ", std::string(4'000, 'y')));
}

TEST_F(HostileTest, BodiesThatDoNotEndKeepNobodyOut) {
  RequireDescriptors(6'000);
  if (IsSkipped()) return;
  options_.rate_limit_per_minute = 0;
  Start();
  Flood(4'000, absl::StrCat(RequestText("PUT", Path("variables/n"),
                                        {Bearer(Token()), "Content-Length: 1000000"}),
                            R"({"value":")", std::string(4'000, 'y')));
}

TEST_F(HostileTest, AHeadThatTricklesInIsEndedInTheEnd) {
  options_.server.idle_timeout = absl::Seconds(1);
  options_.server.request_timeout = absl::Milliseconds(500);
  Start();
  RawConnection connection(UnixAddress());
  ASSERT_TRUE(connection.Send("GET /health HTTP/1.1\r\nX-Slow: "));
  TrickleUntilEnded(&connection);
}

TEST_F(HostileTest, ARequestLineThatTricklesInIsEndedInTheEnd) {
  options_.server.idle_timeout = absl::Seconds(1);
  options_.server.request_timeout = absl::Milliseconds(500);
  Start();
  RawConnection connection(UnixAddress());
  ASSERT_TRUE(connection.Send("GET /"));
  TrickleUntilEnded(&connection);
}

TEST_F(HostileTest, AnAnswerThatIsNotTakenIsGivenUpAndItsMemoryFreed) {
  options_.server.idle_timeout = absl::Seconds(1);
  options_.server.request_timeout = absl::Milliseconds(500);
  Start();
  service_->SetInput(absl::StrCat("\"", std::string(4 * kMib, 'x'), "\""));
  RawConnection connection(UnixAddress());
  ASSERT_TRUE(connection.Send(RequestText("GET", Path("input"), {Bearer(Token())})));
  pollfd entry = {connection.fd(), POLLRDHUP, 0};
  EXPECT_EQ(poll(&entry, 1, /*timeout_ms=*/30'000), 1) << "the connection has not ended";
  EXPECT_EQ(connection.Read().status, 0) << "a part of it cannot be an answer";
  // All bodies are given back: the metric says so.
  over_loopback_ = true;
  std::string metrics;
  do {
    metrics = AskRaw(RequestText("GET", "/metrics", {})).body;
  } while (metrics.find("cronium_gateway_connections 1\n") == std::string::npos);
  EXPECT_THAT(metrics, testing::HasSubstr("\ncronium_gateway_body_bytes 0\n"));
}

TEST_F(HostileTest, RequestsUnderWayAreNotEndedForNewConnections) {
  options_.server.threads = 1;
  options_.server.max_connections = 2;
  Start();
  service_->SetVariable("n", "1");
  service_->Hold(true);
  std::list<RawConnection> honest;
  for (int i = 0; i < 2; ++i) {
    honest.emplace_back(UnixAddress());
    ASSERT_TRUE(honest.back().Send(RequestText("GET", Path("variables/n"), {Bearer(Token())})));
  }
  service_->AwaitHeld(2);
  for (int i = 0; i < 50; ++i) hostile_.emplace_back(UnixAddress());
  // Two of three idle ones have to go for the newest.
  EXPECT_TRUE(hostile_.front().ReadsEnd());
  service_->Hold(false);
  for (RawConnection& connection : honest) EXPECT_EQ(connection.Read().status, 200);
}

}  // namespace
}  // namespace cronium::gateway
