// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/http_job_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/mailbox.h"
#include "common/proto_time.h"
#include "controller/core/spec.h"
#include "tests/controller/outbound/http_peer.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

class HttpJobRunnerTest : public testing::Test {
 protected:
  HttpJobRunnerTest()
      : dir_(TempDir::InMemory()),
        logs_(OpenLogs(dir_.path())),
        loop_(Options()),
        runner_(&loop_, logs_.get(), &clock_,
                [this](HttpOutcome outcome) { outcomes_.SendUrgent(std::move(outcome)); }) {}
  ~HttpJobRunnerTest() override {
    loop_.Stop();
    logs_->Shutdown(absl::Seconds(10));
  }

  static std::unique_ptr<LogStore> OpenLogs(const std::string& dir) {
    LogStoreOptions options;
    options.dir = dir;
    return LogStore::Open(options).value();
  }
  static TransferLoopOptions Options() {
    TransferLoopOptions options;
    options.rule = AddressRule(ParseCidrs("127.0.0.1").value(), {});
    return options;
  }
  static v1::HttpSpec Get(const HttpPeer& peer) {
    v1::HttpSpec spec;
    spec.set_url(peer.Url("/x?token=secret"));
    spec.mutable_retry()->mutable_backoff()->set_nanos(1'000'000);
    return spec;
  }

  // Starts the call; its execution.
  v1::Execution Start(v1::HttpSpec http) {
    auto spec = std::make_shared<v1::JobSpec>();
    *spec->mutable_http() = std::move(http);
    EXPECT_TRUE(ValidateSpec(*spec, "spec").ok()) << ValidateSpec(*spec, "spec");
    FillSpecDefaults(spec.get());
    HttpCommand command;
    command.execution.set_id(ids_.NewId(kExecutionIdPrefix));
    command.execution.set_namespace_("default");
    SetTime(clock_.Now(), command.execution.mutable_assign_time());
    command.spec = spec;
    runner_.Execute(command);
    return command.execution;
  }
  void GiveUp(const v1::Execution& execution, v1::EndReason reason) {
    HttpCommand command;
    command.execution = execution;
    command.give_up = reason;
    command.message = "cancelled: no longer needed";
    runner_.Execute(command);
  }
  HttpOutcome Outcome() { return *outcomes_.ReceiveOne(); }
  HttpOutcome Make(v1::HttpSpec http) {
    last_ = Start(std::move(http));
    return Outcome();
  }
  std::string Log(v1::LogStream stream) {
    const LogKey key{"default", last_.id(), ToTime(last_.assign_time())};
    std::string text;
    uint64_t after = 0;
    while (true) {
      ReadResult read = logs_->Read(key, after, 1 << 20).value();
      if (read.chunks.empty()) return text;
      for (const v1::LogChunk& chunk : read.chunks) {
        EXPECT_FALSE(chunk.has_cut());
        if (chunk.stream() == stream) text += chunk.data();
      }
      after = read.next_after_seq;
    }
  }
  std::string Body() { return Log(v1::LOG_STREAM_STDOUT); }
  std::string Lines() { return Log(v1::LOG_STREAM_STDERR); }

  RealClock clock_;
  CountingIdSource ids_;
  TempDir dir_;
  std::unique_ptr<LogStore> logs_;
  Mailbox<HttpOutcome> outcomes_{100};
  TransferLoop loop_;
  HttpJobRunner runner_;
  v1::Execution last_;
};

TEST_F(HttpJobRunnerTest, ReportsAnExpectedAnswerOnceItsLogIsDurable) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, "line 1\nline 2"); });
  const HttpOutcome outcome = Make(Get(peer));
  EXPECT_EQ(outcome.execution_id, last_.id());
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_RESPONDED);
  EXPECT_TRUE(absl::StrContains(outcome.output_json, R"("status":200)")) << outcome.output_json;
  EXPECT_TRUE(absl::StrContains(outcome.output_json, R"("body":"line 1\nline 2")"));
  EXPECT_EQ(Body(), "line 1\nline 2");
  EXPECT_EQ(outcome.end.last_seq(), 3u);  // One line of ours, two of the body.
  EXPECT_TRUE(absl::StartsWith(Lines(), "try 1 of 3: GET http://127.0.0.1:")) << Lines();
}

TEST_F(HttpJobRunnerTest, SendsHeadersAndBodyAndPutsNoSecretIntoTheLog) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(204, ""); });
  v1::HttpSpec spec = Get(peer);
  spec.set_method("POST");
  spec.set_body_data(std::string("\x00\xff", 2));
  v1::HttpHeader* header = spec.add_headers();
  header->set_name("Authorization");
  header->set_value("Bearer secret");
  EXPECT_EQ(Make(spec).end.reason(), v1::END_REASON_RESPONDED);
  EXPECT_TRUE(peer.requests().at(0).Has("Authorization: Bearer secret"));
  EXPECT_EQ(peer.requests().at(0).body, std::string("\x00\xff", 2));
  EXPECT_FALSE(absl::StrContains(Lines(), "secret")) << Lines();
}

TEST_F(HttpJobRunnerTest, TellsAnUnexpectedStatusAndKeepsItsAnswer) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(404, "no such thing"); });
  const HttpOutcome outcome = Make(Get(peer));
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_UNEXPECTED_STATUS);
  EXPECT_EQ(outcome.end.message(), "status 404 is not among the expected 200-299");
  EXPECT_EQ(Body(), "no such thing");
  EXPECT_EQ(peer.requests().size(), 1u);
  v1::HttpSpec spec = Get(peer);
  spec.set_expected_statuses("200-299,404");
  EXPECT_EQ(Make(spec).end.reason(), v1::END_REASON_RESPONDED);
}

TEST_F(HttpJobRunnerTest, TriesAgainAndLogsEachTry) {
  std::atomic<int> calls{0};
  HttpPeer peer([&](const PeerRequest&) {
    return ++calls < 3 ? HttpPeer::Answer(503, "busy") : HttpPeer::Answer(200, "done");
  });
  EXPECT_EQ(Make(Get(peer)).end.reason(), v1::END_REASON_RESPONDED);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(Body(), "done");
  const std::string lines = Lines();
  EXPECT_TRUE(absl::StrContains(lines, "try 1 of 3: ")) << lines;
  EXPECT_TRUE(absl::StrContains(lines, "503, 4 bytes")) << lines;
  EXPECT_TRUE(absl::StrContains(lines, "; again in ")) << lines;
  EXPECT_TRUE(absl::StrContains(lines, "try 3 of 3: ")) << lines;
}

TEST_F(HttpJobRunnerTest, GivesUpAfterItsTries) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(500, "broken"); });
  v1::HttpSpec spec = Get(peer);
  spec.mutable_retry()->set_max_tries(2);
  EXPECT_EQ(Make(spec).end.reason(), v1::END_REASON_UNEXPECTED_STATUS);
  EXPECT_EQ(peer.requests().size(), 2u);
  EXPECT_EQ(Body(), "broken");
}

TEST_F(HttpJobRunnerTest, SendsAPostOnceWhereItsConnectionBreaks) {
  HttpPeer peer([](const PeerRequest&) { return std::string(); });
  v1::HttpSpec spec = Get(peer);
  spec.set_method("POST");
  spec.mutable_retry()->set_max_tries(5);
  const HttpOutcome outcome = Make(spec);
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_NO_RESPONSE);
  EXPECT_TRUE(absl::StartsWith(outcome.end.message(), "OUTBOUND_CONNECTION_LOST: "))
      << outcome.end.message();
  EXPECT_EQ(peer.requests().size(), 1u);
  EXPECT_TRUE(outcome.output_json.empty());
}

TEST_F(HttpJobRunnerTest, TriesAGetAgainWhereItsConnectionBreaks) {
  HttpPeer peer([](const PeerRequest&) { return std::string(); });
  EXPECT_EQ(Make(Get(peer)).end.reason(), v1::END_REASON_NO_RESPONSE);
  EXPECT_GE(peer.requests().size(), 3u);
}

TEST_F(HttpJobRunnerTest, DoesNotTryARefusedAddressAgain) {
  v1::HttpSpec spec;
  spec.set_url("http://169.254.169.254/latest/meta-data/");
  const HttpOutcome outcome = Make(spec);
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_NO_RESPONSE);
  EXPECT_TRUE(absl::StartsWith(outcome.end.message(), "OUTBOUND_ADDRESS_REFUSED: "))
      << outcome.end.message();
  EXPECT_TRUE(absl::StartsWith(Lines(), "try 1 of 3: "));
  EXPECT_FALSE(absl::StrContains(Lines(), "try 2"));
}

TEST_F(HttpJobRunnerTest, EndsATryThatTakesTooLong) {
  HttpPeer peer([](const PeerRequest&) -> std::optional<std::string> { return std::nullopt; });
  v1::HttpSpec spec = Get(peer);
  spec.mutable_try_timeout()->set_nanos(20'000'000);
  spec.mutable_retry()->set_max_tries(2);
  const HttpOutcome outcome = Make(spec);
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_NO_RESPONSE);
  EXPECT_TRUE(absl::StartsWith(outcome.end.message(), "OUTBOUND_TIMEOUT: "));
  EXPECT_EQ(peer.requests().size(), 2u);
}

TEST_F(HttpJobRunnerTest, CutsAnAnswerAtItsLimit) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, std::string(5000, 'x')); });
  v1::HttpSpec spec = Get(peer);
  spec.set_max_response_bytes(100);
  const HttpOutcome outcome = Make(spec);
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_RESPONDED);
  EXPECT_TRUE(absl::StrContains(outcome.output_json, R"("response_truncated":true)"));
  EXPECT_EQ(Body().size(), 100u);
}

TEST_F(HttpJobRunnerTest, KeepsALargeBodyByteForByte) {
  std::string body;
  for (uint32_t i = 0; body.size() < (4 << 20) - 10; ++i)
    absl::StrAppend(&body, i * 7919, "\n\xff");
  HttpPeer peer([&](const PeerRequest&) { return HttpPeer::Answer(200, body); });
  v1::HttpSpec spec = Get(peer);
  spec.set_max_response_bytes(4 << 20);
  EXPECT_EQ(Make(spec).end.reason(), v1::END_REASON_RESPONDED);
  EXPECT_TRUE(Body() == body);
}

TEST_F(HttpJobRunnerTest, FollowsRedirectsOnlyWhereTheSpecSaysSo) {
  HttpPeer peer([](const PeerRequest& request) {
    return request.target == "/new" ? HttpPeer::Answer(200, "here")
                                    : HttpPeer::Answer(301, "", "Location: /new\r\n");
  });
  EXPECT_EQ(Make(Get(peer)).end.reason(), v1::END_REASON_UNEXPECTED_STATUS);
  v1::HttpSpec spec = Get(peer);
  spec.set_follow_redirects(true);
  EXPECT_EQ(Make(spec).end.reason(), v1::END_REASON_RESPONDED);
  EXPECT_TRUE(absl::StrContains(Lines(), "/new after 1 redirect")) << Lines();
}

TEST_F(HttpJobRunnerTest, GivesUpACallUnderWay) {
  std::promise<void> arrived;
  HttpPeer peer([&](const PeerRequest&) -> std::optional<std::string> {
    arrived.set_value();
    return std::nullopt;
  });
  last_ = Start(Get(peer));
  arrived.get_future().wait();
  GiveUp(last_, v1::END_REASON_CANCELLED);
  const HttpOutcome outcome = Outcome();
  EXPECT_EQ(outcome.end.reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(outcome.end.message(), "cancelled: no longer needed");
  EXPECT_EQ(Lines(), "given up: cancelled: no longer needed\n");
}

TEST_F(HttpJobRunnerTest, GivesUpBetweenTwoTries) {
  HttpPeer peer(
      [](const PeerRequest&) { return HttpPeer::Answer(503, "", "Retry-After: 3600\r\n"); });
  v1::HttpSpec spec = Get(peer);
  spec.mutable_retry()->mutable_max_backoff()->set_seconds(3600);
  last_ = Start(spec);
  // The first line is in the log before the wait.
  const LogKey key{"default", last_.id(), ToTime(last_.assign_time())};
  std::promise<void> waits;
  std::atomic<bool> told{false};
  const auto subscription = logs_->Subscribe(key, [&](uint64_t) {
    if (!told.exchange(true)) waits.set_value();
  });
  if (logs_->Summary(key)->durable_seq > 0 && !told.exchange(true)) waits.set_value();
  waits.get_future().wait();
  EXPECT_TRUE(absl::StrContains(Lines(), "again in 1h")) << Lines();
  GiveUp(last_, v1::END_REASON_RUN_TIMEOUT);
  EXPECT_EQ(Outcome().end.reason(), v1::END_REASON_RUN_TIMEOUT);
  EXPECT_EQ(peer.requests().size(), 1u);
}

TEST_F(HttpJobRunnerTest, ReportsACallOnceThoughItIsGivenUpAfterItsEnd) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  EXPECT_EQ(Make(Get(peer)).end.reason(), v1::END_REASON_RESPONDED);
  GiveUp(last_, v1::END_REASON_CANCELLED);
  const HttpOutcome next = Make(Get(peer));
  EXPECT_EQ(next.execution_id, last_.id());
}

TEST_F(HttpJobRunnerTest, ReportsNothingOfWhatTheControllersStopCutShort) {
  std::promise<void> arrived;
  HttpPeer peer([&](const PeerRequest&) -> std::optional<std::string> {
    arrived.set_value();
    return std::nullopt;
  });
  last_ = Start(Get(peer));
  arrived.get_future().wait();
  loop_.Stop();
  logs_->Shutdown(absl::Seconds(10));
  outcomes_.Close();
  EXPECT_FALSE(outcomes_.ReceiveOne().has_value());
}

}  // namespace
}  // namespace cronium::controller
