// SPDX-License-Identifier: Apache-2.0
// The manager with a real journal, a real capture and real files, on a runtime in memory.
#include "agent/execution/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "agent/runtime/fake_runtime.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/agent/execution/fake_init.h"

namespace cronium::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kJob[] = "exec_000000000001";
constexpr char kOther[] = "exec_000000000002";
// No test that passes waits for it.
constexpr std::chrono::seconds kPatience(30);
using Method = FakeRuntime::Method;

// The controller's end of the uplink: keeps what comes.
class FakeUplink : public Uplink {
 public:
  void SendReports(uint64_t session, std::vector<v1::ExecutionReport> reports) override {
    MutexLock lock(&mutex_);
    for (auto& report : reports) reports_.push_back(std::move(report));
    changed_.NotifyAll();
  }
  void SendConditions(std::vector<v1::NodeCondition> conditions) override {
    MutexLock lock(&mutex_);
    for (auto& condition : conditions) conditions_[condition.type()] = condition;
    changed_.NotifyAll();
  }

  std::vector<v1::ExecutionReport> Reports() {
    MutexLock lock(&mutex_);
    return reports_;
  }
  std::vector<v1::ExecutionState> States(const std::string& id) {
    std::vector<v1::ExecutionState> states;
    for (const auto& report : Reports()) {
      if (report.execution_id() == id) states.push_back(report.state());
    }
    return states;
  }
  void Clear() {
    MutexLock lock(&mutex_);
    reports_.clear();
  }

  // The first report that has passed `wanted`.
  v1::ExecutionReport Await(const std::function<bool(const v1::ExecutionReport&)>& wanted) {
    MutexLock lock(&mutex_);
    while (true) {
      for (const auto& report : reports_) {
        if (wanted(report)) return report;
      }
      if (!changed_.WaitFor(&mutex_, kPatience)) {
        ADD_FAILURE() << "no such report";
        return {};
      }
    }
  }
  v1::ExecutionReport AwaitState(const std::string& id, v1::ExecutionState state) {
    return Await(
        [&](const auto& report) { return report.execution_id() == id && report.state() == state; });
  }
  v1::ExecutionReport AwaitEnd(const std::string& id) {
    return Await(
        [&](const auto& report) { return report.execution_id() == id && report.has_end(); });
  }
  v1::NodeCondition AwaitCondition(const std::string& type, bool ok) {
    MutexLock lock(&mutex_);
    while (conditions_.count(type) == 0 || conditions_[type].ok() != ok) {
      if (!changed_.WaitFor(&mutex_, kPatience)) {
        ADD_FAILURE() << type << " did not become " << ok;
        return {};
      }
    }
    return conditions_[type];
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<v1::ExecutionReport> reports_;
  std::map<std::string, v1::NodeCondition> conditions_;
};

class ManagerTest : public ::testing::Test {
 protected:
  ManagerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "manager-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~ManagerTest() override {
    StopAgent();
    std::filesystem::remove_all(folder_);
  }

  // One life of the agent.
  void StartAgent() {
    runtime_ = engine_ == nullptr ? std::make_unique<FakeRuntime>()
                                  : std::make_unique<FakeRuntime>(engine_);
    engine_ = runtime_->engine();
    runtime_->AddImage("bash");
    init_.Attach(runtime_.get());
    if (prepare_runtime_) prepare_runtime_(runtime_.get());
    auto capture = LogCapture::Create({.spool_dir = folder_ + "/spool"}, &clock_);
    ASSERT_TRUE(capture.ok()) << capture.status();
    capture_ = *std::move(capture);
    ManagerOptions options;
    options.settings.cluster = "test";
    options.settings.node = "node-1";
    options.settings.inject_dir = "/inject";
    options.settings.gateway_socket_dir = "/api";
    options.settings.policy = policy_;
    options.state_dir = folder_;
    options.slots = slots_;
    options.boot_id = boot_id_;
    options.sweep_delay = absl::Milliseconds(500);
    auto manager = ExecutionManager::Create(
        options, {.clock = &clock_,
                  .runtime = runtime_.get(),
                  .capture = capture_.get(),
                  .read_disk_space = [this](const std::string&) -> absl::StatusOr<DiskSpace> {
                    return DiskSpace{.free_bytes = free_bytes_,
                                     .total_bytes = int64_t{100} << 30,
                                     .free_files = 1'000'000};
                  }});
    ASSERT_TRUE(manager.ok()) << manager.status();
    manager_ = *std::move(manager);
    sender_ = std::make_unique<LogSender>(LogSenderOptions(), manager_->log_source(), [] {});
    manager_->Start(&uplink_, sender_.get());
  }
  void StopAgent() {
    if (manager_ == nullptr) return;
    manager_->Shutdown();
    runtime_.reset();
    capture_.reset();
    sender_.reset();
    manager_.reset();
  }

  static v1::Assignment Assignment(const std::string& id) {
    v1::Assignment assignment;
    assignment.set_execution_id(id);
    assignment.set_job_id("job_000000000001");
    v1::JobSpec* spec = assignment.mutable_spec();
    spec->mutable_container()->set_image("bash");
    spec->mutable_container()->mutable_script()->set_content("echo hi");
    spec->mutable_timeouts()->mutable_prepare()->set_seconds(600);
    spec->mutable_timeouts()->mutable_run()->set_seconds(3600);
    spec->mutable_timeouts()->mutable_stop_grace()->set_seconds(10);
    spec->mutable_lost_after()->set_seconds(600);
    return assignment;
  }

  // A session begins; the controller wants these.
  void Welcome(const std::vector<std::string>& wanted,
               const std::vector<std::string>& forget = {}) {
    v1::Welcome welcome;
    v1::AssignmentBatch batch;
    for (const auto& id : wanted) {
      welcome.add_keep(id);
      *batch.add_assignments() = Assignment(id);
    }
    for (const auto& id : forget) welcome.add_forget(id);
    manager_->OnWelcome(++session_, welcome, clock_.BoottimeNs());
    manager_->OnAssignments(batch);
  }
  void Assign(const v1::Assignment& assignment) {
    v1::AssignmentBatch batch;
    *batch.add_assignments() = assignment;
    manager_->OnAssignments(batch);
  }
  void Cancel(const std::string& id) {
    v1::StopBatch batch;
    batch.add_stops()->set_execution_id(id);
    batch.mutable_stops(0)->set_reason(v1::END_REASON_CANCELLED);
    manager_->OnStops(batch);
  }
  NodeSnapshot Describe() {
    std::promise<NodeSnapshot> promise;
    manager_->Describe([&](NodeSnapshot snapshot) { promise.set_value(std::move(snapshot)); });
    return promise.get_future().get();
  }
  // What the runtime has answered, and everything that was posted before, is done.
  void Settle() {
    std::promise<void> answered;
    runtime_->Ping([&](const auto&) { answered.set_value(); });
    answered.get_future().get();
    // The second is answered only when what came with the first is committed and acted upon.
    Describe();
    Describe();
  }

  std::vector<std::string> Held() {
    std::vector<std::string> ids;
    for (const auto& held : Describe().held) ids.push_back(held.execution_id());
    return ids;
  }
  std::string RunDir(const std::string& id) { return folder_ + "/run/" + id; }
  int64_t Lease(const std::string& id) {
    const auto text = ReadFile(RunDir(id) + "/lease");
    int64_t end = 0;
    EXPECT_TRUE(text.ok() && absl::SimpleAtoi(*text, &end));
    return end;
  }
  JournalContent ReadJournal() {
    auto journal = Journal::Open(folder_ + "/journal.db");
    EXPECT_TRUE(journal.ok()) << journal.status();
    return *(*journal)->Load();
  }
  // The controller has stored the log.
  void StoreLog(const v1::ExecutionReport& end) {
    manager_->log_source()->Acknowledge(end.execution_id(), end.end().last_seq());
  }
  // A container ends while no agent runs.
  void ExitMeanwhile(const std::string& id, int exit_code) {
    FakeRuntime outside(engine_);
    EXPECT_TRUE(outside.Exit(id, {.exit_code = exit_code}));
  }
  // What the engine makes without the agent: a call that it gets round to late.
  void CreateOutside(const std::string& id) {
    FakeRuntime outside(engine_);
    std::promise<void> created;
    ContainerConfig config;
    config.name = id;
    config.image = "bash";
    config.entrypoint = {"x"};
    config.labels = {{"cronium.cluster", "test"}, {"cronium.node", "node-1"}};
    outside.Create(config, [&](const auto&) { created.set_value(); });
    created.get_future().get();
  }
  void RunToEnd(const std::string& id, int exit_code) {
    uplink_.AwaitState(id, v1::EXECUTION_STATE_RUNNING);
    init_.End(id, exit_code);
  }

  std::string folder_;
  RealClock clock_;
  NodePolicy policy_;
  int slots_ = 8;
  std::string boot_id_ = "boot-1";
  std::function<void(FakeRuntime*)> prepare_runtime_;
  std::shared_ptr<FakeEngine> engine_;
  FakeInit init_;
  FakeUplink uplink_;
  uint64_t session_ = 0;
  std::atomic<int64_t> free_bytes_ = int64_t{50} << 30;
  std::unique_ptr<FakeRuntime> runtime_;
  std::unique_ptr<LogCapture> capture_;
  std::unique_ptr<ExecutionManager> manager_;
  std::unique_ptr<LogSender> sender_;
};

TEST_F(ManagerTest, AJobRunsAndLeavesNothingBehind) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  EXPECT_EQ(*ReadFile(RunDir(kJob) + "/script"), "echo hi");
  init_.Print(kJob, "one\ntwo\n");
  init_.End(kJob, 3);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(end.end().exit_code(), 3);
  EXPECT_EQ(end.end().last_seq(), 2u);
  EXPECT_THAT(uplink_.States(kJob),
              ElementsAre(v1::EXECUTION_STATE_PREPARING, v1::EXECUTION_STATE_RUNNING,
                          v1::EXECUTION_STATE_FAILED));
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  StoreLog(end);
  manager_->OnReportAck(end.report_seq());
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(RunDir(kJob)));
  EXPECT_THAT(*capture_->ListSpooled(), IsEmpty());
  StopAgent();
  EXPECT_THAT(ReadJournal().executions, IsEmpty());
  EXPECT_THAT(ReadJournal().reports, IsEmpty());
}

TEST_F(ManagerTest, TheEndIsReportedWhileTheEngineStillTakesTheContainerDown) {
  StartAgent();
  Welcome({kJob});
  init_.Print(kJob, "hi\n");
  init_.EndScript(kJob, 0);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().exit_code(), 0);
  EXPECT_EQ(runtime_->State(kJob), ContainerState::kRunning);
}

TEST_F(ManagerTest, TheJournalHasAnExecutionBeforeTheEngineHearsOfIt) {
  prepare_runtime_ = [](FakeRuntime* runtime) { runtime->Hold(Method::kCreate); };
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_PREPARING);
  StopAgent();
  const JournalContent content = ReadJournal();
  ASSERT_THAT(content.executions, SizeIs(1));
  EXPECT_EQ(content.executions[0].record.state, v1::EXECUTION_STATE_PREPARING);
  EXPECT_THAT(content.reports, SizeIs(1));
}

TEST_F(ManagerTest, ADiskBelowItsReserveIsAConditionThatGoesAwayByItself) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  free_bytes_ = 100 << 20;
  const v1::NodeCondition full = uplink_.AwaitCondition("DiskReady", false);
  EXPECT_EQ(full.reason(), "DISK_FULL");
  EXPECT_THAT(full.message(), HasSubstr(folder_));
  EXPECT_THAT(full.message(), HasSubstr("has 100 MiB free, and 2048 MiB have to stay free"));
  init_.Print(kJob, "goes on\n");
  init_.End(kJob, 0);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().last_seq(), 1u);
  free_bytes_ = int64_t{50} << 30;
  uplink_.AwaitCondition("DiskReady", true);
}

TEST_F(ManagerTest, ARepeatedAssignmentStartsNothing) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  Assign(Assignment(kJob));
  Settle();
  RunToEnd(kJob, 0);
  uplink_.AwaitEnd(kJob);
  Assign(Assignment(kJob));
  Settle();
  EXPECT_THAT(uplink_.States(kJob), SizeIs(3));
}

TEST_F(ManagerTest, TheLogOutlivesTheAcknowledgedEndUntilItIsStored) {
  StartAgent();
  Welcome({kJob});
  init_.Print(kJob, "hi\n");
  init_.End(kJob, 0);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  manager_->OnReportAck(end.report_seq());
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
  // The next Welcome does not name it: the controller only waits for its log.
  Welcome({});
  Settle();
  EXPECT_EQ(capture_->State(kJob)->last_seq, 1u);
  StoreLog(end);
  Settle();
  EXPECT_FALSE(capture_->State(kJob).ok());
}

// ---- Stopping

TEST_F(ManagerTest, ACancelledJobIsToldToStopAndReportedOnceItsContainerIsGone) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  init_.Print(kJob, "so far\n");
  Cancel(kJob);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(end.end().exit_code(), 143);
  EXPECT_EQ(end.end().last_seq(), 1u);
  EXPECT_EQ(runtime_->State(kJob), std::nullopt);
}

TEST_F(ManagerTest, AJobThatIgnoresTermIsKilled) {
  StartAgent();
  runtime_->SetSignalsEnd(false);
  v1::Assignment assignment = Assignment(kJob);
  assignment.mutable_spec()->mutable_timeouts()->mutable_stop_grace()->set_seconds(0);
  assignment.mutable_spec()->mutable_timeouts()->mutable_stop_grace()->set_nanos(20'000'000);
  Welcome({});
  Assign(assignment);
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  Cancel(kJob);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().exit_code(), 137);
  EXPECT_THAT(runtime_->Calls(), Contains(std::string("kill ") + kJob + " 15"));
}

TEST_F(ManagerTest, ARunTimeoutEndsIt) {
  StartAgent();
  v1::Assignment assignment = Assignment(kJob);
  assignment.mutable_spec()->mutable_timeouts()->mutable_run()->set_seconds(0);
  assignment.mutable_spec()->mutable_timeouts()->mutable_run()->set_nanos(20'000'000);
  Welcome({});
  Assign(assignment);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().reason(), v1::END_REASON_RUN_TIMEOUT);
}

TEST_F(ManagerTest, ACancelWhileTheContainerIsMadeLeavesNoContainer) {
  StartAgent();
  runtime_->Hold(Method::kCreate);
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_PREPARING);
  Cancel(kJob);
  Settle();
  runtime_->Release(Method::kCreate);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(runtime_->State(kJob), std::nullopt);
  EXPECT_THAT(runtime_->Calls(), Not(Contains(std::string("start ") + kJob)));
}

// ---- Refusals

TEST_F(ManagerTest, WhatTheOperatorForbidsIsRefusedWithoutAContainer) {
  policy_.allow_bridge_network = false;
  StartAgent();
  v1::Assignment assignment = Assignment(kJob);
  assignment.mutable_spec()->mutable_container()->set_network(v1::NETWORK_MODE_BRIDGE);
  Welcome({});
  Assign(assignment);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_START_FAILED);
  EXPECT_THAT(end.end().message(), HasSubstr("--allow-bridge-network=false"));
  EXPECT_THAT(runtime_->Calls(), Not(Contains(HasSubstr("create"))));
  manager_->OnReportAck(end.report_seq());
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
}

TEST_F(ManagerTest, MoreThanTwiceTheSlotsIsRefused) {
  slots_ = 1;
  StartAgent();
  Welcome({"exec_000000000011", "exec_000000000012", "exec_000000000013"});
  const v1::ExecutionReport end = uplink_.AwaitEnd("exec_000000000013");
  EXPECT_EQ(end.end().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_THAT(end.end().message(), HasSubstr("--slots"));
}

TEST_F(ManagerTest, AnIdThatIsNotOneOfOursIsIgnored) {
  StartAgent();
  Welcome({"../../etc/passwd"});
  EXPECT_THAT(Held(), IsEmpty());
}

TEST_F(ManagerTest, AnImageThatIsNowhereIsUnavailable) {
  StartAgent();
  v1::Assignment assignment = Assignment(kJob);
  assignment.mutable_spec()->mutable_container()->set_image("nope");
  Welcome({});
  Assign(assignment);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_IMAGE_UNAVAILABLE);
  EXPECT_THAT(end.end().message(), HasSubstr("nope"));
}

// ---- Reports

TEST_F(ManagerTest, ReportsThatWereNotAcknowledgedGoOutAgainInOrder) {
  StartAgent();
  Welcome({kJob});
  RunToEnd(kJob, 0);
  const uint64_t last = uplink_.AwaitEnd(kJob).report_seq();
  manager_->OnSessionClosed(session_);
  uplink_.Clear();
  Welcome({kJob});
  uplink_.AwaitEnd(kJob);
  std::vector<uint64_t> seqs;
  for (const auto& report : uplink_.Reports()) seqs.push_back(report.report_seq());
  EXPECT_THAT(seqs, ElementsAre(last - 2, last - 1, last));
}

TEST_F(ManagerTest, NothingIsSentBetweenSessions) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  manager_->OnSessionClosed(session_);
  Settle();
  uplink_.Clear();
  init_.End(kJob, 0);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  EXPECT_THAT(uplink_.Reports(), IsEmpty());
  EXPECT_THAT(Held(), ElementsAre(kJob));
  Welcome({kJob});
  uplink_.AwaitEnd(kJob);
}

TEST_F(ManagerTest, AReportSeqDoesNotRepeatAfterARestart) {
  StartAgent();
  Welcome({kJob});
  RunToEnd(kJob, 0);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  manager_->OnReportAck(end.report_seq());
  Settle();
  StopAgent();
  uplink_.Clear();
  StartAgent();
  Welcome({kOther});
  EXPECT_EQ(uplink_.AwaitState(kOther, v1::EXECUTION_STATE_PREPARING).report_seq(),
            end.report_seq() + 1);
}

// ---- Reconciliation

TEST_F(ManagerTest, WhatTheControllerDoesNotWantIsStoppedAndForgottenWithoutAReport) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  uplink_.Clear();
  Welcome({});
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_THAT(uplink_.Reports(), IsEmpty());
}

TEST_F(ManagerTest, AnEndThatTheControllerHasIsForgotten) {
  StartAgent();
  Welcome({kJob});
  RunToEnd(kJob, 0);
  uplink_.AwaitEnd(kJob);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  uplink_.Clear();
  Welcome({}, /*forget=*/{kJob});
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_THAT(uplink_.Reports(), IsEmpty());
}

// ---- Restarts

TEST_F(ManagerTest, ARunningJobIsAttachedAgainAndItsLogIsWhole) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  init_.Print(kJob, "before\n");
  StopAgent();
  init_.Print(kJob, "while away\n");
  StartAgent();
  EXPECT_THAT(Held(), ElementsAre(kJob));
  Welcome({kJob});
  init_.Print(kJob, "after\n");
  init_.End(kJob, 7);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().exit_code(), 7);
  EXPECT_EQ(end.end().last_seq(), 3u);
  EXPECT_FALSE(end.end().log_uncertain());
}

TEST_F(ManagerTest, AJobThatEndedWhileTheAgentWasAwayIsReported) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  StopAgent();
  // cronium-init stays until this was read.
  init_.EndScript(kJob, 9);
  StartAgent();
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(end.end().exit_code(), 9);
  EXPECT_FALSE(end.end().log_uncertain());
}

TEST_F(ManagerTest, AContainerThatWasKilledWhileTheAgentWasAwayIsARuntimeError) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  StopAgent();
  ExitMeanwhile(kJob, 0);
  StartAgent();
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_TRUE(end.end().log_uncertain());
}

TEST_F(ManagerTest, AContainerThatIsGoneAfterARestartIsARuntimeError) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  StopAgent();
  engine_ = nullptr;
  StartAgent();
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_TRUE(end.end().log_uncertain());
}

TEST_F(ManagerTest, AnAgentThatDiedBeforeItsContainerWasMadeMakesItWhenItComesBack) {
  prepare_runtime_ = [](FakeRuntime* runtime) { runtime->Hold(Method::kCreate); };
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_PREPARING);
  StopAgent();
  EXPECT_TRUE(std::filesystem::exists(RunDir(kJob) + "/script"));
  prepare_runtime_ = nullptr;
  StartAgent();
  Welcome({kJob});
  RunToEnd(kJob, 5);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(end.end().exit_code(), 5);
}

TEST_F(ManagerTest, AContainerThatWasPerhapsStartedAndIsGoneIsNotBegunAgain) {
  prepare_runtime_ = [](FakeRuntime* runtime) { runtime->Hold(Method::kStart); };
  StartAgent();
  Welcome({kJob});
  EXPECT_TRUE(runtime_->AwaitState(kJob, ContainerState::kCreated));
  Settle();
  StopAgent();
  EXPECT_TRUE(std::filesystem::exists(RunDir(kJob) + "/lease"));
  prepare_runtime_ = nullptr;
  engine_ = nullptr;
  StartAgent();
  Welcome({kJob});
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_THAT(runtime_->Calls(), Not(Contains(std::string("start ") + kJob)));
}

TEST_F(ManagerTest, OneThatWasPerhapsStartedAndIsThereIsReplacedAndBegunOnce) {
  prepare_runtime_ = [](FakeRuntime* runtime) { runtime->Hold(Method::kStart); };
  StartAgent();
  Welcome({kJob});
  EXPECT_TRUE(runtime_->AwaitState(kJob, ContainerState::kCreated));
  Settle();
  StopAgent();
  prepare_runtime_ = nullptr;
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  // Its lease was ended with the first container, and goes on with the second.
  const int64_t lease = Lease(kJob);
  EXPECT_GT(lease, 1);
  manager_->OnContact(lease - 600'000'000'000 + 61'000'000'000);
  Settle();
  EXPECT_EQ(Lease(kJob), lease + 61'000'000'000);
  init_.Print(kJob, "hi\n");
  init_.End(kJob, 5);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(end.end().exit_code(), 5);
  EXPECT_EQ(end.end().last_seq(), 1u);
  std::vector<std::string> calls = runtime_->Calls();
  std::erase_if(calls, [](const std::string& call) { return !call.ends_with(kJob); });
  calls.resize(3);
  EXPECT_THAT(calls, ElementsAre(std::string("remove ") + kJob, std::string("create ") + kJob,
                                 std::string("start ") + kJob));
}

TEST_F(ManagerTest, AListThatFailsIsNoAbsence) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  StopAgent();
  prepare_runtime_ = [](FakeRuntime* runtime) {
    runtime->FailNext(Method::kListOurs,
                      MakeError(absl::StatusCode::kUnavailable, kEngineUnreachable, "away"));
  };
  StartAgent();
  Welcome({kJob});
  init_.End(kJob, 0);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().reason(), v1::END_REASON_EXITED);
}

TEST_F(ManagerTest, TheLogOfARunningJobGoesOnWhileARestartedAgentFindsNoEngine) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  StopAgent();
  prepare_runtime_ = [](FakeRuntime* runtime) { runtime->Hold(Method::kListOurs); };
  StartAgent();
  Welcome({kJob});
  // More than the FIFO holds: it returns only once the agent reads.
  const std::string line(1000, 'x');
  for (int i = 0; i < 3000; ++i) init_.Print(kJob, line + "\n");
  runtime_->Release(Method::kListOurs);
  init_.End(kJob, 0);
  EXPECT_EQ(uplink_.AwaitEnd(kJob).end().last_seq(), 3000u);
}

TEST_F(ManagerTest, AnEndThatWasNotAcknowledgedIsReportedAgainAfterARestart) {
  StartAgent();
  Welcome({kJob});
  init_.Print(kJob, "hi\n");
  init_.End(kJob, 4);
  const uint64_t seq = uplink_.AwaitEnd(kJob).report_seq();
  StopAgent();
  uplink_.Clear();
  StartAgent();
  EXPECT_THAT(Held(), ElementsAre(kJob));
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.report_seq(), seq);
  EXPECT_EQ(end.end().exit_code(), 4);
  // Its log can be read for as long as it is not stored.
  EXPECT_EQ(manager_->log_source()->State(kJob)->last_seq, 1u);
  StoreLog(end);
  manager_->OnReportAck(seq);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
}

TEST_F(ManagerTest, WhatRanBeforeARebootIsLost) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  init_.Print(kJob, "hi\n");
  StopAgent();
  ExitMeanwhile(kJob, 137);
  boot_id_ = "boot-2";
  StartAgent();
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.state(), v1::EXECUTION_STATE_LOST);
  EXPECT_EQ(end.end().message(), "the host was rebooted");
  EXPECT_TRUE(end.end().log_uncertain());
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
}

TEST_F(ManagerTest, AContainerOfOursThatNobodyWantsIsRemovedAfterTheWelcome) {
  prepare_runtime_ = [](FakeRuntime* runtime) {
    std::promise<void> created;
    ContainerConfig config;
    config.name = kOther;
    config.image = "bash";
    config.entrypoint = {"x"};
    config.labels = {{"cronium.cluster", "test"}, {"cronium.node", "node-1"}};
    runtime->Create(config, [&](const auto&) { created.set_value(); });
    created.get_future().get();
  };
  StartAgent();
  Settle();
  EXPECT_EQ(runtime_->State(kOther), ContainerState::kCreated);
  Welcome({});
  EXPECT_TRUE(runtime_->AwaitState(kOther, std::nullopt));
}

TEST_F(ManagerTest, AContainerThatTheEngineMakesAfterItsExecutionWasGivenUpIsFoundAndRemoved) {
  StartAgent();
  runtime_->FailNext(Method::kStart,
                     MakeError(absl::StatusCode::kDeadlineExceeded, kEngineTimeout, "no answer"));
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  StoreLog(end);
  manager_->OnReportAck(end.report_seq());
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
  CreateOutside(kJob);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
}

TEST_F(ManagerTest, SoIsOneThatComesWhileItsExecutionIsStillHeldAndOneAfterARestart) {
  StartAgent();
  runtime_->FailNext(Method::kStart,
                     MakeError(absl::StatusCode::kDeadlineExceeded, kEngineTimeout, "no answer"));
  Welcome({kJob});
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  ASSERT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
  CreateOutside(kJob);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt)) << "its end is not acknowledged yet";
  StoreLog(end);
  manager_->OnReportAck(end.report_seq());
  Settle();
  StopAgent();
  StartAgent();
  Welcome({});
  Settle();
  CreateOutside(kJob);
  EXPECT_TRUE(runtime_->AwaitState(kJob, std::nullopt));
}

TEST_F(ManagerTest, AContainerThatTheJournalLostIsEndedAndReportedAsLost) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  StopAgent();
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::remove(folder_ + "/journal.db" + suffix);
  }
  uplink_.Clear();
  StartAgent();
  Settle();
  Welcome({});
  v1::Assignment began = Assignment(kJob);
  began.set_began(true);
  Assign(began);
  const v1::ExecutionReport end = uplink_.AwaitEnd(kJob);
  EXPECT_EQ(end.state(), v1::EXECUTION_STATE_LOST);
  EXPECT_TRUE(end.end().log_uncertain());
  EXPECT_EQ(runtime_->State(kJob), std::nullopt);
  EXPECT_THAT(runtime_->Calls(), Not(Contains(std::string("start ") + kJob)));
}

// ---- Leases

TEST_F(ManagerTest, TheLeaseFileFollowsTheEchoedHeartbeats) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  const int64_t first = Lease(kJob);
  // lost_after is 600 s: a step of a second is not worth a file, one of 61 s is.
  const int64_t contact = first - 600'000'000'000;
  manager_->OnContact(contact + 1'000'000'000);
  Settle();
  EXPECT_EQ(Lease(kJob), first);
  manager_->OnContact(contact + 61'000'000'000);
  Settle();
  EXPECT_EQ(Lease(kJob), first + 61'000'000'000);
  // An echo that comes late changes nothing.
  manager_->OnContact(contact);
  Settle();
  EXPECT_EQ(Lease(kJob), first + 61'000'000'000);
}

TEST_F(ManagerTest, AKeptJobHasALeaseThatDoesNotEnd) {
  StartAgent();
  v1::Assignment assignment = Assignment(kJob);
  assignment.mutable_spec()->set_on_lost(v1::LOST_ACTION_KEEP);
  Welcome({});
  Assign(assignment);
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  EXPECT_EQ(*ReadFile(RunDir(kJob) + "/lease"), "keep");
}

TEST_F(ManagerTest, ARestartDoesNotRenewALease) {
  StartAgent();
  Welcome({kJob});
  uplink_.AwaitState(kJob, v1::EXECUTION_STATE_RUNNING);
  const int64_t first = Lease(kJob);
  StopAgent();
  StartAgent();
  Settle();
  EXPECT_EQ(Lease(kJob), first);
}

// ---- Conditions

TEST_F(ManagerTest, ADeadEngineIsAConditionThatGoesAway) {
  prepare_runtime_ = [](FakeRuntime* runtime) {
    runtime->FailNext(Method::kPing, MakeError(absl::StatusCode::kUnavailable, kEngineUnreachable,
                                               "no such socket"));
  };
  StartAgent();
  const v1::NodeCondition condition = uplink_.AwaitCondition("RuntimeReady", false);
  EXPECT_EQ(condition.reason(), "ENGINE_UNREACHABLE");
  EXPECT_EQ(condition.message(), "no such socket");
  uplink_.AwaitCondition("RuntimeReady", true);
  EXPECT_EQ(Describe().engine.name, "fake");
}

}  // namespace
}  // namespace cronium::agent
