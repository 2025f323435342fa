// SPDX-License-Identifier: Apache-2.0
#include "agent/session/session_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/session/grpc_connector.h"
#include "common/mutex.h"
#include "tests/agent/session/fake_controller.h"

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The manager's side: keeps what came down, as one line each.
class FakeEvents : public SessionEvents {
 public:
  NodeSnapshot snapshot;

  void Describe(std::function<void(NodeSnapshot)> answer) override { answer(snapshot); }
  void OnWelcome(uint64_t session, v1::Welcome welcome, int64_t contact_ns) override {
    MutexLock lock(&mutex_);
    session_ = session;
    contact_ns_ = contact_ns;
    Add(absl::StrCat("welcome ", welcome.session_epoch()));
  }
  void OnAssignments(v1::AssignmentBatch batch) override {
    MutexLock lock(&mutex_);
    Add(absl::StrCat("assign ", batch.assignments(0).execution_id()));
  }
  void OnStops(v1::StopBatch batch) override {
    MutexLock lock(&mutex_);
    Add(absl::StrCat("stop ", batch.stops(0).execution_id()));
  }
  void OnReportAck(uint64_t seq) override {
    MutexLock lock(&mutex_);
    Add(absl::StrCat("ack ", seq));
  }
  void OnContact(int64_t contact_ns) override {
    MutexLock lock(&mutex_);
    contact_ns_ = contact_ns;
    Add("contact");
  }
  void OnSessionClosed(uint64_t session) override {
    MutexLock lock(&mutex_);
    Add("closed");
  }

  // Waits until `line` has come `times` times.
  void Await(const std::string& line, int times = 1) {
    MutexLock lock(&mutex_);
    while (std::count(lines_.begin(), lines_.end(), line) < times) {
      if (!changed_.WaitFor(&mutex_, std::chrono::seconds(30))) {
        ADD_FAILURE() << "no " << line;
        return;
      }
    }
  }
  std::vector<std::string> lines() {
    MutexLock lock(&mutex_);
    return lines_;
  }
  uint64_t session() {
    MutexLock lock(&mutex_);
    return session_;
  }
  int64_t contact_ns() {
    MutexLock lock(&mutex_);
    return contact_ns_;
  }

 private:
  void Add(std::string line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    lines_.push_back(std::move(line));
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  uint64_t session_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t contact_ns_ ABSL_GUARDED_BY(mutex_) = 0;
};

class SessionClientTest : public ::testing::Test {
 protected:
  SessionClientTest() {
    std::string name = (std::filesystem::temp_directory_path() / "session-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    controller_ = std::make_unique<FakeController>("unix:" + folder_ + "/controller.sock");
    controller_->Start();
    options_.min_backoff = absl::Milliseconds(1);
    options_.max_backoff = absl::Milliseconds(20);
  }
  ~SessionClientTest() override {
    client_.reset();
    controller_.reset();
    std::filesystem::remove_all(folder_);
  }

  void StartClient() {
    client_ = std::make_unique<SessionClient>(
        options_, &clock_, GrpcSessionConnector(controller_->channels(), "node-1"), &events_,
        [this](uint64_t epoch) { epochs_.push_back(epoch); });
    client_->Start();
  }
  void Welcome(uint64_t epoch, absl::Duration period = absl::Seconds(60)) {
    v1::SessionResponse response;
    response.mutable_welcome()->set_session_epoch(epoch);
    const int64_t ns = absl::ToInt64Nanoseconds(period);
    response.mutable_welcome()->mutable_heartbeat_period()->set_seconds(ns / 1'000'000'000);
    response.mutable_welcome()->mutable_heartbeat_period()->set_nanos(ns % 1'000'000'000);
    controller_->session().Send(response);
  }
  // Until the session is open and its first heartbeat came.
  void OpenSession(uint64_t epoch = 1, absl::Duration period = absl::Seconds(60)) {
    ASSERT_TRUE(controller_->session().Next().has_hello());
    Welcome(epoch, period);
    events_.Await(absl::StrCat("welcome ", epoch));
    ASSERT_TRUE(controller_->session().Next().has_heartbeat());
  }
  void Ack(int64_t send_ns) {
    v1::SessionResponse response;
    response.mutable_heartbeat_ack()->set_send_boottime_ns(send_ns);
    controller_->session().Send(response);
  }
  static std::vector<v1::ExecutionReport> Reports(int count) {
    std::vector<v1::ExecutionReport> reports(count);
    for (int i = 0; i < count; ++i) reports[i].set_report_seq(i + 1);
    return reports;
  }

  std::string folder_;
  RealClock clock_;
  FakeEvents events_;
  SessionOptions options_;
  std::vector<uint64_t> epochs_;
  std::unique_ptr<FakeController> controller_;
  std::unique_ptr<SessionClient> client_;
};

TEST_F(SessionClientTest, TheHelloSaysWhatTheNodeIsAndHolds) {
  options_.facts.set_boot_id("boot-1");
  options_.capacity.set_slots(4);
  options_.labels["zone"] = "a";
  events_.snapshot.held.emplace_back().set_execution_id("exec_1");
  events_.snapshot.conditions.emplace_back().set_type("RuntimeReady");
  events_.snapshot.engine = {"docker", "20.10"};
  StartClient();
  const v1::SessionRequest request = controller_->session().Next();
  const v1::Hello& hello = request.hello();
  EXPECT_EQ(hello.protocol_version(), 1);
  EXPECT_EQ(hello.facts().boot_id(), "boot-1");
  EXPECT_EQ(hello.facts().engine_version(), "20.10");
  EXPECT_THAT(hello.facts().runtimes(), ElementsAre("docker"));
  EXPECT_EQ(hello.capacity().slots(), 4);
  EXPECT_EQ(hello.labels().at("zone"), "a");
  EXPECT_EQ(hello.held(0).execution_id(), "exec_1");
  EXPECT_EQ(hello.conditions(0).type(), "RuntimeReady");
  EXPECT_EQ(controller_->session().metadata("cronium-dev-node"), "node-1");
}

TEST_F(SessionClientTest, AWelcomeIsTheEchoOfTheHello) {
  const int64_t before = clock_.BoottimeNs();
  StartClient();
  controller_->session().Next();
  const int64_t received = clock_.BoottimeNs();
  Welcome(7);
  events_.Await("welcome 7");
  EXPECT_GE(events_.contact_ns(), before);
  EXPECT_LE(events_.contact_ns(), received);
  EXPECT_THAT(epochs_, ElementsAre(7));
}

TEST_F(SessionClientTest, WhatComesDownIsPassedOnInOrder) {
  StartClient();
  OpenSession();
  v1::SessionResponse response;
  response.mutable_assignments()->add_assignments()->set_execution_id("exec_1");
  controller_->session().Send(response);
  response.mutable_stops()->add_stops()->set_execution_id("exec_1");
  controller_->session().Send(response);
  response.mutable_report_ack()->set_report_seq(5);
  controller_->session().Send(response);
  events_.Await("ack 5");
  EXPECT_THAT(events_.lines(), ElementsAre("welcome 1", "assign exec_1", "stop exec_1", "ack 5"));
}

TEST_F(SessionClientTest, HeartbeatsKeepComingAndTheirEchoIsContact) {
  StartClient();
  OpenSession(1, absl::Milliseconds(50));
  for (int i = 1; i <= 3; ++i) {
    const v1::SessionRequest beat = controller_->session().Next();
    ASSERT_TRUE(beat.has_heartbeat());
    Ack(beat.heartbeat().send_boottime_ns());
    events_.Await("contact", i);
    EXPECT_EQ(events_.contact_ns(), beat.heartbeat().send_boottime_ns());
  }
}

TEST_F(SessionClientTest, AnEchoOfATimeThatWasNotSentIsNoContact) {
  StartClient();
  OpenSession();
  Ack(clock_.BoottimeNs() + 1'000'000'000'000);
  v1::SessionResponse response;
  response.mutable_report_ack()->set_report_seq(1);
  controller_->session().Send(response);
  events_.Await("ack 1");
  EXPECT_THAT(events_.lines(), ElementsAre("welcome 1", "ack 1"));
}

TEST_F(SessionClientTest, AConditionThatChangesIsSentAtOnce) {
  StartClient();
  OpenSession();
  std::vector<v1::NodeCondition> conditions(1);
  conditions[0].set_type("RuntimeReady");
  conditions[0].set_reason("ENGINE_UNREACHABLE");
  client_->SendConditions(conditions);
  const v1::SessionRequest beat = controller_->session().Next();
  EXPECT_EQ(beat.heartbeat().conditions(0).reason(), "ENGINE_UNREACHABLE");
}

TEST_F(SessionClientTest, ReportsGoOutInOrderAtMost256AtATime) {
  StartClient();
  OpenSession();
  client_->SendReports(events_.session(), Reports(600));
  uint64_t next = 1;
  for (int size : {256, 256, 88}) {
    const v1::SessionRequest request = controller_->session().Next();
    EXPECT_EQ(request.reports().reports_size(), size);
    for (const auto& report : request.reports().reports()) EXPECT_EQ(report.report_seq(), next++);
  }
}

TEST_F(SessionClientTest, ReportsOfAnOlderSessionAreDropped) {
  StartClient();
  OpenSession(1);
  const uint64_t older = events_.session();
  controller_->session().End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting"));
  OpenSession(2);
  client_->SendReports(older, Reports(1));
  client_->SendReports(events_.session(), Reports(2));
  EXPECT_EQ(controller_->session().Next().reports().reports_size(), 2);
}

TEST_F(SessionClientTest, ASessionThatEndsIsOpenedAgain) {
  StartClient();
  OpenSession(1);
  controller_->session().End(grpc::Status(grpc::StatusCode::ABORTED, "superseded"));
  OpenSession(2);
  EXPECT_THAT(events_.lines(), ElementsAre("welcome 1", "closed", "welcome 2"));
}

TEST_F(SessionClientTest, AControllerThatDrainsIsLeftAndComeBackTo) {
  StartClient();
  OpenSession(1);
  v1::SessionResponse response;
  response.mutable_drain();
  controller_->session().Send(response);
  OpenSession(2);
  EXPECT_THAT(events_.lines(), ElementsAre("welcome 1", "closed", "welcome 2"));
}

TEST_F(SessionClientTest, AControllerThatIsNotThereYetIsFoundOnceItIs) {
  controller_->Stop();
  StartClient();
  controller_->Start();
  OpenSession();
}

TEST_F(SessionClientTest, AControllerThatRestartsIsFoundAgain) {
  StartClient();
  OpenSession(1);
  controller_->Stop();
  events_.Await("closed");
  controller_->Start();
  OpenSession(2);
}

TEST_F(SessionClientTest, AControllerThatSaysNoWelcomeIsTriedAgain) {
  options_.welcome_timeout = absl::Milliseconds(50);
  StartClient();
  ASSERT_TRUE(controller_->session().Next().has_hello());
  ASSERT_TRUE(controller_->session().Next().has_hello());
  EXPECT_THAT(events_.lines(), IsEmpty());
}

TEST_F(SessionClientTest, AControllerThatAnswersNoHeartbeatIsLeft) {
  options_.silence_timeout = absl::Milliseconds(1);
  StartClient();
  OpenSession(1, absl::Milliseconds(50));
  events_.Await("closed");
}

TEST_F(SessionClientTest, AChannelThatCannotBeMadeIsTriedAgain) {
  std::atomic<int> tries = 0;
  ChannelFactory works = controller_->channels();
  client_ = std::make_unique<SessionClient>(
      options_, &clock_,
      GrpcSessionConnector(
          [&tries, works]() -> absl::StatusOr<std::shared_ptr<grpc::Channel>> {
            if (++tries < 3) return absl::NotFoundError("node.crt: cannot open");
            return works();
          },
          "node-1"),
      &events_, [](uint64_t) {});
  client_->Start();
  OpenSession();
  EXPECT_EQ(tries, 3);
}

TEST_F(SessionClientTest, ShutdownSendsWhatIsQueuedAndEndsTheStream) {
  StartClient();
  OpenSession();
  client_->SendReports(events_.session(), Reports(1));
  client_->Shutdown();
  EXPECT_EQ(controller_->session().Next().reports().reports_size(), 1);
  controller_->session().AwaitEnded(1);
}

TEST_F(SessionClientTest, ShutdownDoesNotWaitForAControllerThatIsAway) {
  controller_->Stop();
  StartClient();
  client_->Shutdown();
}

}  // namespace
}  // namespace cronium::agent
