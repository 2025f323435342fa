// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/execution_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "common/error.h"

namespace cronium::agent {

void PrintTo(Call call, std::ostream* out) { *out << CallName(call); }

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = ExecutionMachine::kSecondNs;
constexpr int64_t kPrepareTimeout = 60 * kSecond;
constexpr int64_t kRunTimeout = 3600 * kSecond;
constexpr int64_t kStopGrace = 10 * kSecond;

absl::Status ImageMissing() {
  return MakeError(absl::StatusCode::kNotFound, kImageNotFound, "no such image: nope");
}
absl::Status Unreachable() {
  return MakeError(absl::StatusCode::kUnavailable, kEngineUnreachable, "the engine is away");
}

// Plays the rest of the agent, by hand: gives inputs and keeps what the last one led to.
class ExecutionMachineTest : public ::testing::Test {
 protected:
  ExecutionMachineTest() { Make({.accepted_ns = now_}); }

  void Make(const ExecutionRecord& record, bool began = false) {
    v1::Assignment assignment;
    assignment.set_execution_id("exec_1");
    assignment.set_began(began);
    v1::Timeouts* timeouts = assignment.mutable_spec()->mutable_timeouts();
    timeouts->mutable_prepare()->set_seconds(kPrepareTimeout / kSecond);
    timeouts->mutable_run()->set_seconds(kRunTimeout / kSecond);
    timeouts->mutable_stop_grace()->set_seconds(kStopGrace / kSecond);
    assignment.mutable_spec()->mutable_container()->mutable_resources()->set_memory_bytes(1000);
    machine_ = std::make_unique<ExecutionMachine>(assignment, record);
    machine_->SetLeaseEnd(now_ + 600 * kSecond);
  }

  // ---- Inputs. Each replaces calls_ and reports_.
  void Took(Effects effects) {
    calls_ = effects.calls;
    saved_ = effects.save;
    reports_ = effects.reports;
    for (const auto& report : effects.reports) states_.push_back(report.state());
  }
  void Begin() { Took(machine_->Begin(now_)); }
  void RunReady(const absl::Status& status = absl::OkStatus()) {
    Took(machine_->OnRunReady(status, now_));
  }
  void Created(const absl::StatusOr<std::string>& id = std::string("c1")) {
    Took(machine_->OnCreated(id, now_));
  }
  void Image(const absl::Status& status) { Took(machine_->OnImage(status, now_)); }
  void StartAnswered(const absl::Status& status = absl::OkStatus()) {
    Took(machine_->OnStarted(status, now_));
  }
  void Init(StatusEvent::Kind kind, int code = 0, std::string word = "", std::string text = "") {
    Took(machine_->OnInitStatus({.kind = kind, .code = code, .word = word, .text = text}, now_));
  }
  void Exit(const ExitInfo& exit) { Took(machine_->OnExit(exit, now_)); }
  void LogClosed(uint64_t last_seq) { Took(machine_->OnLogClosed(last_seq, now_)); }
  void Removed(const absl::Status& status = absl::OkStatus()) {
    Took(machine_->OnRemoved(status, now_));
  }
  void Stop(v1::EndReason reason = v1::END_REASON_CANCELLED) {
    Took(machine_->Stop(reason, "", now_));
  }
  void Pass(int64_t ns) {
    now_ += ns;
    Took(machine_->OnTime(now_));
  }

  // ---- Ways to a place.
  void UntilCreating() {
    Begin();
    RunReady();
  }
  void UntilStarting() {
    UntilCreating();
    Created();
  }
  void UntilRunning() {
    UntilStarting();
    StartAnswered();
    Init(StatusEvent::Kind::kStarted);
  }
  void UntilEnded() {
    UntilRunning();
    Init(StatusEvent::Kind::kEndedExit, 0);
    Init(StatusEvent::Kind::kDrained);
    LogClosed(1);
    ASSERT_TRUE(machine_->ended());
  }

  // The end that the last input reported.
  const v1::ExecutionEnd& End() {
    static const v1::ExecutionEnd none;
    EXPECT_TRUE(!reports_.empty() && reports_.back().has_end()) << "no end was reported";
    return reports_.empty() ? none : reports_.back().end();
  }

  int64_t now_ = 10'000 * kSecond;
  std::unique_ptr<ExecutionMachine> machine_;
  std::vector<Call> calls_;
  std::vector<v1::ExecutionReport> reports_;
  std::vector<v1::ExecutionState> states_;
  bool saved_ = false;
};

// ---- By itself

TEST_F(ExecutionMachineTest, AJobIsReportedPreparingRunningAndEnded) {
  Begin();
  EXPECT_TRUE(saved_);
  EXPECT_THAT(calls_, ElementsAre(Call::kMakeRun));
  RunReady();
  EXPECT_THAT(calls_, ElementsAre(Call::kCreate));
  Created();
  EXPECT_THAT(calls_, ElementsAre(Call::kStart));
  StartAnswered();
  EXPECT_THAT(calls_, ElementsAre(Call::kWait));
  Init(StatusEvent::Kind::kStarted);
  Init(StatusEvent::Kind::kEndedExit, 3);
  EXPECT_EQ(machine_->state(), v1::EXECUTION_STATE_FINALIZING);
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(42);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(End().exit_code(), 3);
  EXPECT_EQ(End().last_seq(), 42u);
  EXPECT_FALSE(End().log_uncertain());
  EXPECT_THAT(states_, ElementsAre(v1::EXECUTION_STATE_PREPARING, v1::EXECUTION_STATE_RUNNING,
                                   v1::EXECUTION_STATE_FAILED));
}

TEST_F(ExecutionMachineTest, ExitCodeZeroIsSuccess) {
  UntilEnded();
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_SUCCEEDED);
}

TEST_F(ExecutionMachineTest, TheEndDoesNotWaitForTheEngineEvenWhereStartIsNotYetAnswered) {
  UntilStarting();
  Init(StatusEvent::Kind::kStarted);
  Init(StatusEvent::Kind::kEndedExit, 0);
  Init(StatusEvent::Kind::kDrained);
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
  StartAnswered();
  EXPECT_THAT(calls_, ElementsAre(Call::kWait));
  Exit({.exit_code = 0});
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  EXPECT_THAT(states_, ElementsAre(v1::EXECUTION_STATE_PREPARING, v1::EXECUTION_STATE_RUNNING,
                                   v1::EXECUTION_STATE_SUCCEEDED));
}

TEST_F(ExecutionMachineTest, TheContainerIsRemovedAfterItsExit) {
  UntilEnded();
  EXPECT_THAT(calls_, IsEmpty());
  Exit({.exit_code = 0});
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
}

TEST_F(ExecutionMachineTest, ARemovalThatFailsIsTriedAgain) {
  UntilEnded();
  Exit({.exit_code = 0});
  Removed(Unreachable());
  EXPECT_THAT(calls_, IsEmpty());
  Pass(ExecutionMachine::kRemoveRetryNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
}

TEST_F(ExecutionMachineTest, ItIsForgottenOnceRemovedAcknowledgedAndStored) {
  UntilEnded();
  Exit({.exit_code = 0});
  Removed();
  EXPECT_THAT(calls_, IsEmpty());
  Took(machine_->OnEndAcknowledged(now_));
  EXPECT_TRUE(saved_);
  EXPECT_THAT(calls_, IsEmpty());
  Took(machine_->OnLogStored(now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kForget));
  Pass(kSecond);
  EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(ExecutionMachineTest, AnAcknowledgedEndWaitsForTheContainersRemoval) {
  UntilEnded();
  Took(machine_->OnLogStored(now_));
  Took(machine_->OnEndAcknowledged(now_));
  EXPECT_THAT(calls_, IsEmpty());
  Exit({.exit_code = 0});
  Removed();
  EXPECT_THAT(calls_, ElementsAre(Call::kForget));
}

TEST_F(ExecutionMachineTest, WithoutInitsWordTheEnginesExitCounts) {
  UntilRunning();
  Exit({.exit_code = 4});
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(7);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(End().exit_code(), 4);
}

TEST_F(ExecutionMachineTest, AnEndBySignalWaitsForTheEngine) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedSignal, 11);
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, IsEmpty());
  Exit({.exit_code = 139});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_SIGNALLED);
  EXPECT_EQ(End().exit_code(), 139);
  EXPECT_THAT(End().message(), HasSubstr("SEGV"));
}

TEST_F(ExecutionMachineTest, AKillForMemoryIsOutOfMemory) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedSignal, 9);
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, IsEmpty());
  Exit({.exit_code = 137, .oom_killed = true});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_OUT_OF_MEMORY);
  EXPECT_THAT(End().message(), HasSubstr("1000 bytes"));
}

TEST_F(ExecutionMachineTest, AShellWhoseChildWasKilledForMemoryIsOutOfMemoryToo) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedExit, 137);
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, IsEmpty());
  Exit({.exit_code = 137, .oom_killed = true});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_OUT_OF_MEMORY);
}

TEST_F(ExecutionMachineTest, InitsWordOnMemoryCountsWhereTheEngineMissedIt) {
  UntilRunning();
  Init(StatusEvent::Kind::kOomKilled, 1);
  Init(StatusEvent::Kind::kEndedSignal, 9);
  Init(StatusEvent::Kind::kDrained);
  Exit({.exit_code = 137});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_OUT_OF_MEMORY);
}

TEST_F(ExecutionMachineTest, AScriptThatSurvivesAKillForMemoryEndedByItself) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedExit, 1);
  Exit({.exit_code = 1, .oom_killed = true});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
}

// The script cannot do that to cronium-init, which is pid 1.
TEST_F(ExecutionMachineTest, AKillFromOutsideIsARuntimeError) {
  UntilRunning();
  Exit({.exit_code = 137});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
}

TEST_F(ExecutionMachineTest, AStopFromOutsideIsARuntimeErrorHoweverTheScriptTakesIt) {
  for (const auto& [kind, code, exit_code] : {std::tuple{StatusEvent::Kind::kEndedSignal, 15, 143},
                                              std::tuple{StatusEvent::Kind::kEndedExit, 143, 143},
                                              std::tuple{StatusEvent::Kind::kEndedExit, 1, 1}}) {
    // An engine that is about to go may still answer, or not.
    for (const bool engine_lost : {false, true}) {
      Make({.accepted_ns = now_});
      UntilRunning();
      Init(StatusEvent::Kind::kStopped);
      Init(kind, code);
      Init(StatusEvent::Kind::kDrained);
      if (!machine_->ended()) Exit({.exit_code = exit_code, .engine_lost = engine_lost});
      LogClosed(1);
      EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR) << code;
    }
  }
}

TEST_F(ExecutionMachineTest, AScriptThatEndsWellAfterAStopFromOutsideHasEndedWell) {
  UntilRunning();
  Init(StatusEvent::Kind::kStopped);
  Init(StatusEvent::Kind::kEndedExit, 0);
  Init(StatusEvent::Kind::kDrained);
  LogClosed(1);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_SUCCEEDED);
}

TEST_F(ExecutionMachineTest, AScriptThatEndsItselfBySignalIsSignalled) {
  for (const int signal : {9, 15}) {
    Make({.accepted_ns = now_});
    UntilRunning();
    Init(StatusEvent::Kind::kEndedSignal, signal);
    Init(StatusEvent::Kind::kDrained);
    Exit({.exit_code = 128 + signal});
    LogClosed(1);
    EXPECT_EQ(End().reason(), v1::END_REASON_SIGNALLED) << signal;
  }
}

// One that restarts makes up a code for a container that it lost: 0, 137 or 255.
TEST_F(ExecutionMachineTest, AContainerThatWasLostWithItsEngineIsARuntimeErrorWhateverItsCode) {
  for (const int code : {0, 137, 255}) {
    Make({.accepted_ns = now_});
    UntilRunning();
    Exit({.exit_code = code, .engine_lost = true});
    LogClosed(1);
    EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR) << code;
    // The agent had the FIFOs open all the time.
    EXPECT_FALSE(End().log_uncertain());
  }
}

TEST_F(ExecutionMachineTest, AScriptThatEndedByItselfWhileTheEngineWasAwayIsNotAttemptedAgain) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedSignal, 11);
  Init(StatusEvent::Kind::kDrained);
  Exit({.exit_code = 139, .engine_lost = true});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_SIGNALLED);
}

TEST_F(ExecutionMachineTest, AContainerRemovedFromOutsideIsARuntimeError) {
  UntilRunning();
  Took(machine_->OnExit(absl::NotFoundError("no such container"), now_));
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_THAT(End().message(), HasSubstr("removed from outside"));
}

TEST_F(ExecutionMachineTest, AWaitThatFailsIsRepeated) {
  UntilRunning();
  Took(machine_->OnExit(Unreachable(), now_));
  EXPECT_THAT(calls_, IsEmpty());
  Pass(ExecutionMachine::kRetryNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kWait));
}

// ---- A job that writes to the status FIFO itself

TEST_F(ExecutionMachineTest, AJobThatClaimsToHaveEndedIsRemovedSoonAfter) {
  UntilEnded();
  Pass(ExecutionMachine::kInitExitNs - 1);
  EXPECT_THAT(calls_, IsEmpty());
  Pass(1);
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
}

TEST_F(ExecutionMachineTest, DrainedBeforeTheEndMeansNothing) {
  UntilRunning();
  Init(StatusEvent::Kind::kDrained);
  Init(StatusEvent::Kind::kEndedExit, 0);
  EXPECT_THAT(calls_, IsEmpty());
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
}

TEST_F(ExecutionMachineTest, WhereInitAndTheEngineDifferTheEngineCounts) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedExit, 0);
  Exit({.exit_code = 9});
  LogClosed(1);
  EXPECT_EQ(End().exit_code(), 9);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_FAILED);
}

TEST_F(ExecutionMachineTest, AClaimedEndDoesNotEscapeTheRunTimeout) {
  UntilRunning();
  machine_->SetLeaseEnd(ExecutionMachine::kNever);
  Init(StatusEvent::Kind::kEndedExit, 0);
  Pass(kRunTimeout);
  EXPECT_EQ(machine_->record().stop_reason, v1::END_REASON_RUN_TIMEOUT);
  Pass(kStopGrace);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
  Exit({.exit_code = 137});
  LogClosed(1);
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_RUN_TIMEOUT);
}

// ---- Preparing

TEST_F(ExecutionMachineTest, AMissingImageIsPreparedAndTheContainerCreatedAgain) {
  UntilCreating();
  Created(ImageMissing());
  EXPECT_THAT(calls_, ElementsAre(Call::kPrepareImage));
  Image(absl::OkStatus());
  EXPECT_THAT(calls_, ElementsAre(Call::kCreate));
  Created();
  EXPECT_THAT(calls_, ElementsAre(Call::kStart));
}

TEST_F(ExecutionMachineTest, AnImageThatCannotBeHadIsUnavailable) {
  UntilCreating();
  Created(ImageMissing());
  Image(ImageMissing());
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_IMAGE_UNAVAILABLE);
  EXPECT_THAT(End().message(), HasSubstr("nope"));
  EXPECT_FALSE(End().has_exit_code());
}

TEST_F(ExecutionMachineTest, ARefusedCreateIsAFailedStart) {
  UntilCreating();
  Created(absl::InvalidArgumentError("bad mount"));
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_START_FAILED);
  EXPECT_EQ(End().message(), "bad mount");
}

TEST_F(ExecutionMachineTest, ARefusedStartIsAFailedStartAndTheContainerIsRemovedFirst) {
  UntilStarting();
  StartAnswered(absl::FailedPreconditionError("no such device"));
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_START_FAILED);
}

TEST_F(ExecutionMachineTest, AnInterpreterThatIsNotInTheImageIsAFailedStartInInitsWords) {
  UntilStarting();
  Init(StatusEvent::Kind::kError, 0, "exec", "python9: command not found in PATH");
  StartAnswered();
  Init(StatusEvent::Kind::kDrained);
  Exit({.exit_code = 127});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_START_FAILED);
  EXPECT_EQ(End().message(), "python9: command not found in PATH");
  EXPECT_EQ(End().exit_code(), 127);
  EXPECT_THAT(states_, ElementsAre(v1::EXECUTION_STATE_PREPARING, v1::EXECUTION_STATE_FAILED));
}

TEST_F(ExecutionMachineTest, AnEngineThatIsAwayIsTriedAgainForAWhile) {
  UntilCreating();
  Created(Unreachable());
  EXPECT_THAT(calls_, IsEmpty());
  Pass(ExecutionMachine::kRetryNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kCreate));
  Created();
  EXPECT_THAT(calls_, ElementsAre(Call::kStart));
}

TEST_F(ExecutionMachineTest, AnEngineThatStaysAwayIsARuntimeError) {
  UntilCreating();
  for (int i = 0; i < 10; ++i) {
    Created(Unreachable());
    Pass(ExecutionMachine::kRetryNs);
  }
  Created(Unreachable());
  // One of the calls may have worked.
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed(Unreachable());
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_EQ(End().message(), "the engine is away");
}

TEST_F(ExecutionMachineTest, ARunFolderThatCannotBeMadeIsARuntimeError) {
  Begin();
  RunReady(absl::ResourceExhaustedError("no space left"));
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_EQ(End().message(), "no space left");
}

TEST_F(ExecutionMachineTest, AStartThatMayHaveWorkedIsNotRepeated) {
  UntilStarting();
  StartAnswered(absl::DeadlineExceededError("no answer"));
  EXPECT_THAT(calls_, ElementsAre(Call::kWait));
  Init(StatusEvent::Kind::kStarted);
  EXPECT_THAT(reports_, ::testing::SizeIs(1));
  Exit({.exit_code = 0});
  LogClosed(1);
  EXPECT_EQ(End().exit_code(), 0);
}

TEST_F(ExecutionMachineTest, AStartThatDidNotWorkForWantOfAnAnswerIsARuntimeError) {
  UntilStarting();
  StartAnswered(absl::DeadlineExceededError("no answer"));
  Took(machine_->OnExit(absl::FailedPreconditionError("never started"), now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_EQ(End().message(), "no answer");
}

TEST_F(ExecutionMachineTest, WhatDoesNotStartInTimeEndsWithAPrepareTimeout) {
  UntilCreating();
  Created(ImageMissing());
  EXPECT_EQ(machine_->NextWakeNs(), now_ + kPrepareTimeout);
  Pass(kPrepareTimeout);
  EXPECT_THAT(calls_, ElementsAre(Call::kCancelImage, Call::kCloseLog));
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_PREPARE_TIMEOUT);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_TIMED_OUT);
}

// ---- Stopping

TEST_F(ExecutionMachineTest, AStopWhileTheImageIsPreparedEndsAtOnce) {
  UntilCreating();
  Created(ImageMissing());
  Stop();
  EXPECT_THAT(calls_, ElementsAre(Call::kCancelImage, Call::kCloseLog));
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_CANCELLED);
  Image(absl::CancelledError());
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(ExecutionMachineTest, AStopWhileTheContainerIsCreatedRemovesItUnstarted) {
  UntilCreating();
  Stop();
  EXPECT_THAT(calls_, IsEmpty());
  Created();
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
  EXPECT_FALSE(End().has_exit_code());
  EXPECT_THAT(states_, ElementsAre(v1::EXECUTION_STATE_PREPARING, v1::EXECUTION_STATE_CANCELLED));
}

TEST_F(ExecutionMachineTest, AStopOfOneWhoseCreateIsHeldEndsAtOnce) {
  UntilCreating();
  Took(machine_->HoldCreate(now_));
  Pass(30 * kSecond);
  EXPECT_THAT(calls_, IsEmpty());
  Stop();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
}

TEST_F(ExecutionMachineTest, AStopIsTermThenKillAndReportedOnceTheContainerIsGone) {
  UntilRunning();
  Stop();
  EXPECT_TRUE(saved_);
  EXPECT_THAT(calls_, ElementsAre(Call::kTerminate));
  EXPECT_EQ(machine_->NextWakeNs(), now_ + kStopGrace);
  Pass(kStopGrace);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
  Init(StatusEvent::Kind::kEndedSignal, 9);
  Exit({.exit_code = 137});
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog, Call::kRemove));
  LogClosed(5);
  EXPECT_THAT(reports_, IsEmpty());
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(End().exit_code(), 137);
  EXPECT_EQ(End().last_seq(), 5u);
}

TEST_F(ExecutionMachineTest, AStoppedJobIsNotReportedOnInitsWordAlone) {
  UntilRunning();
  Stop();
  Init(StatusEvent::Kind::kEndedExit, 0);
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, IsEmpty());
  Exit({.exit_code = 0});
  LogClosed(1);
  Removed(Unreachable());
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(End().exit_code(), 0);
}

TEST_F(ExecutionMachineTest, AJobThatEndedByItselfJustBeforeTheStopEndedByItself) {
  UntilRunning();
  Init(StatusEvent::Kind::kEndedExit, 0);
  Stop();
  Exit({.exit_code = 0});
  LogClosed(1);
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
}

TEST_F(ExecutionMachineTest, TermWaitsUntilInitCanForwardIt) {
  UntilStarting();
  Stop();
  EXPECT_THAT(calls_, IsEmpty());
  StartAnswered();
  EXPECT_THAT(calls_, ElementsAre(Call::kWait));
  Init(StatusEvent::Kind::kStarted);
  EXPECT_THAT(calls_, ElementsAre(Call::kTerminate));
}

TEST_F(ExecutionMachineTest, AContainerThatNeverSaysStartedIsKilledAfterTheGrace) {
  UntilStarting();
  StartAnswered();
  Stop();
  EXPECT_THAT(calls_, IsEmpty());
  Pass(kStopGrace);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
}

TEST_F(ExecutionMachineTest, SignalsThatDoNotArriveAreSentAgain) {
  UntilRunning();
  Stop();
  Took(machine_->OnSignalSent(Call::kTerminate, Unreachable(), now_));
  Pass(ExecutionMachine::kRetryNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kTerminate));
  Pass(kStopGrace);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
  Pass(ExecutionMachine::kKillRepeatNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
}

TEST_F(ExecutionMachineTest, ARunTimeoutEndsAsTimedOut) {
  UntilRunning();
  machine_->SetLeaseEnd(ExecutionMachine::kNever);
  Pass(kRunTimeout);
  EXPECT_THAT(calls_, ElementsAre(Call::kTerminate));
  Exit({.exit_code = 143});
  LogClosed(1);
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_RUN_TIMEOUT);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_TIMED_OUT);
}

TEST_F(ExecutionMachineTest, TheFirstReasonToStopStands) {
  UntilRunning();
  Stop(v1::END_REASON_CANCELLED);
  machine_->SetLeaseEnd(now_);
  Stop(v1::END_REASON_RUN_TIMEOUT);
  Pass(kRunTimeout);
  EXPECT_EQ(machine_->record().stop_reason, v1::END_REASON_CANCELLED);
}

TEST_F(ExecutionMachineTest, AStopOfAnEndedJobChangesNothing) {
  UntilEnded();
  Stop();
  EXPECT_FALSE(saved_);
  EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(ExecutionMachineTest, AStopBeforeTheEngineIsKnownEndsWhatWasNeverBegun) {
  Stop();
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
  Took(machine_->OnLogStored(now_));
  Took(machine_->OnEndAcknowledged(now_));
  EXPECT_THAT(calls_, IsEmpty());
  Took(machine_->Recover(std::nullopt, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kForget));
}

// ---- Leases

TEST_F(ExecutionMachineTest, WithoutALeaseFileNothingIsStartedAndTheContainerIsRemoved) {
  UntilStarting();
  Took(machine_->OnStartWithheld(absl::ResourceExhaustedError("lease: no space left"), now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_EQ(End().message(), "lease: no space left");
}

TEST_F(ExecutionMachineTest, NothingStartsUnderAnEndedLease) {
  UntilCreating();
  machine_->SetLeaseEnd(now_ + kSecond);
  now_ += kSecond;
  Created();
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_LEASE_ENDED);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_LOST);
}

TEST_F(ExecutionMachineTest, AfterTheLeasesEndInitHasTheFirstTurnAndThenItIsKilled) {
  UntilRunning();
  machine_->SetLeaseEnd(now_ + kSecond);
  Pass(kSecond);
  EXPECT_THAT(calls_, IsEmpty());
  Pass(kStopGrace);
  EXPECT_THAT(calls_, IsEmpty());
  Pass(ExecutionMachine::kLeaseKillDelayNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
}

TEST_F(ExecutionMachineTest, WhatInitEndedAtTheLeasesEndIsLost) {
  UntilRunning();
  machine_->SetLeaseEnd(now_ + kSecond);
  Pass(kSecond);
  Init(StatusEvent::Kind::kLeaseEnded);
  Init(StatusEvent::Kind::kEndedSignal, 15);
  Exit({.exit_code = 137});
  LogClosed(1);
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_LEASE_ENDED);
  EXPECT_EQ(machine_->record().state, v1::EXECUTION_STATE_LOST);
}

TEST_F(ExecutionMachineTest, AClaimedEndOfALeaseThatRunsOnIsNotBelieved) {
  UntilRunning();
  Init(StatusEvent::Kind::kLeaseEnded);
  Init(StatusEvent::Kind::kEndedExit, 1);
  Init(StatusEvent::Kind::kDrained);
  Exit({.exit_code = 1});
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
}

TEST_F(ExecutionMachineTest, ARenewedLeaseGoesOn) {
  UntilRunning();
  machine_->SetLeaseEnd(now_ + kSecond);
  Pass(0);
  machine_->SetLeaseEnd(now_ + 100 * kSecond);
  Pass(kSecond);
  EXPECT_EQ(machine_->record().stop_reason, v1::END_REASON_UNSPECIFIED);
}

// ---- After a restart of the agent

TEST_F(ExecutionMachineTest, ARunningContainerIsAttachedAgain) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = now_ - kSecond});
  Took(machine_->Recover(ContainerState::kRunning, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun, Call::kWait));
  RunReady();
  Init(StatusEvent::Kind::kStarted);
  EXPECT_THAT(states_, IsEmpty());
  Init(StatusEvent::Kind::kEndedExit, 0);
  Init(StatusEvent::Kind::kDrained);
  LogClosed(9);
  EXPECT_EQ(End().last_seq(), 9u);
  EXPECT_FALSE(End().log_uncertain());
}

TEST_F(ExecutionMachineTest, ACreatedContainerIsNotTheOneThatRanAndOnlyGoes) {
  // Removed at the end of its run, just before the agent died; an earlier create came late.
  Make({.state = v1::EXECUTION_STATE_RUNNING,
        .accepted_ns = 1,
        .started_ns = 1,
        .stop_reason = v1::END_REASON_CANCELLED,
        .stop_ns = now_});
  Took(machine_->Recover(ContainerState::kCreated, now_, /*may_have_begun=*/true));
  EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun)) << "it is not started, and the log is read";
  RunReady();
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Init(StatusEvent::Kind::kStarted);
  Init(StatusEvent::Kind::kEndedSignal, 15);
  Init(StatusEvent::Kind::kDrained);
  Removed();
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(7);
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
  EXPECT_EQ(End().last_seq(), 7u);
}

TEST_F(ExecutionMachineTest, AContainerOfAnotherIdIsNotTheOneThatMayHaveRun) {
  for (const ContainerState state : {ContainerState::kCreated, ContainerState::kRunning}) {
    Make({.state = v1::EXECUTION_STATE_PREPARING, .container_id = "c1", .accepted_ns = now_});
    Took(machine_->Recover(state, now_, /*may_have_begun=*/true, "c2"));
    EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun)) << "not started, nor waited for";
    RunReady();
    EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  }
  Make({.state = v1::EXECUTION_STATE_PREPARING, .container_id = "c1", .accepted_ns = now_});
  Took(machine_->Recover(ContainerState::kCreated, now_, /*may_have_begun=*/false, "c2"));
  EXPECT_THAT(calls_, ElementsAre(Call::kMakeRun)) << "nothing was begun: it is taken";
  EXPECT_EQ(machine_->record().container_id, "c2");
}

TEST_F(ExecutionMachineTest, ARestartDoesNotRenewTheRunTimeout) {
  Make({.state = v1::EXECUTION_STATE_RUNNING,
        .accepted_ns = 1,
        .started_ns = now_ - kRunTimeout + kSecond});
  Took(machine_->Recover(ContainerState::kRunning, now_));
  EXPECT_EQ(machine_->NextWakeNs(), now_ + kSecond);
}

TEST_F(ExecutionMachineTest, OneThatStartedWhileTheAgentDiedIsReportedRunning) {
  Make({.state = v1::EXECUTION_STATE_PREPARING, .accepted_ns = 1});
  Took(machine_->Recover(ContainerState::kRunning, now_));
  EXPECT_THAT(states_, ElementsAre(v1::EXECUTION_STATE_RUNNING));
}

TEST_F(ExecutionMachineTest, AStopGoesOnAfterARestart) {
  Make({.state = v1::EXECUTION_STATE_RUNNING,
        .accepted_ns = 1,
        .started_ns = 1,
        .stop_reason = v1::END_REASON_CANCELLED,
        .stop_ns = now_ - kStopGrace});
  Took(machine_->Recover(ContainerState::kRunning, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun, Call::kWait, Call::kKill));
}

TEST_F(ExecutionMachineTest, OneThatEndedMeanwhileIsReportedWithItsExitCode) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
  Took(machine_->Recover(ContainerState::kEnded, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun, Call::kWait));
  RunReady();
  // Init ends by itself only when all has been read, this included.
  Init(StatusEvent::Kind::kStarted);
  Init(StatusEvent::Kind::kEndedExit, 5);
  Init(StatusEvent::Kind::kDrained);
  Exit({.exit_code = 5});
  LogClosed(9);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(End().exit_code(), 5);
  EXPECT_FALSE(End().log_uncertain());
}

TEST_F(ExecutionMachineTest, OneThatWasKilledMeanwhileIsARuntimeErrorWithAnUncertainLog) {
  for (const int code : {0, 137, 255}) {
    Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
    Took(machine_->Recover(ContainerState::kEnded, now_));
    RunReady();
    Init(StatusEvent::Kind::kStarted);
    Exit({.exit_code = code});
    LogClosed(9);
    EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR) << code;
    EXPECT_TRUE(End().log_uncertain()) << code;
  }
}

TEST_F(ExecutionMachineTest, OneThatWasKilledBeforeItsLogWasReadHasAnUncertainLog) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
  Took(machine_->Recover(ContainerState::kEnded, now_));
  RunReady();
  Init(StatusEvent::Kind::kStarted);
  Init(StatusEvent::Kind::kEndedExit, 0);
  Exit({.exit_code = 0});
  LogClosed(9);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
  EXPECT_TRUE(End().log_uncertain());
}

TEST_F(ExecutionMachineTest, OneThatAnEngineStoppedMeanwhileIsARuntimeError) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
  Took(machine_->Recover(ContainerState::kEnded, now_));
  RunReady();
  Init(StatusEvent::Kind::kStopped);
  Init(StatusEvent::Kind::kEndedSignal, 15);
  Init(StatusEvent::Kind::kDrained);
  Exit({.exit_code = 143});
  LogClosed(9);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
}

TEST_F(ExecutionMachineTest, OneWhoseLeaseEndedMeanwhileIsLost) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
  machine_->SetLeaseEnd(now_ - 60 * kSecond);
  Took(machine_->Recover(ContainerState::kEnded, now_));
  RunReady();
  Exit({.exit_code = 137});
  LogClosed(9);
  EXPECT_EQ(End().reason(), v1::END_REASON_LEASE_ENDED);
}

TEST_F(ExecutionMachineTest, OneWhoseContainerIsGoneIsARuntimeErrorWithAnUncertainLog) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
  Took(machine_->Recover(std::nullopt, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun));
  RunReady();
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(3);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_EQ(End().last_seq(), 3u);
  EXPECT_TRUE(End().log_uncertain());
}

TEST_F(ExecutionMachineTest, OneThatWasRemovedAfterAStopEndsAsStopped) {
  Make({.state = v1::EXECUTION_STATE_RUNNING,
        .accepted_ns = 1,
        .started_ns = 1,
        .stop_reason = v1::END_REASON_CANCELLED,
        .stop_ns = 1});
  Took(machine_->Recover(std::nullopt, now_));
  RunReady();
  LogClosed(3);
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
}

TEST_F(ExecutionMachineTest, OneThatWasBeingPreparedIsPreparedAgain) {
  Make({.state = v1::EXECUTION_STATE_PREPARING, .accepted_ns = now_ - kSecond});
  Took(machine_->Recover(std::nullopt, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kMakeRun));
  RunReady();
  EXPECT_THAT(calls_, ElementsAre(Call::kCreate));
  EXPECT_THAT(states_, IsEmpty());
}

TEST_F(ExecutionMachineTest, OneThatWasCreatedIsStarted) {
  Make({.state = v1::EXECUTION_STATE_PREPARING, .accepted_ns = now_ - kSecond});
  Took(machine_->Recover(ContainerState::kCreated, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kMakeRun));
  RunReady();
  EXPECT_THAT(calls_, ElementsAre(Call::kStart));
}

// An engine takes back a create whose caller died; the listing may come in between.
TEST_F(ExecutionMachineTest, OneThatWasCreatedAndIsGoneWhenItIsToStartIsCreatedAgainOnce) {
  const absl::Status gone =
      MakeError(absl::StatusCode::kNotFound, kContainerNotFound, "No such container");
  Make({.state = v1::EXECUTION_STATE_PREPARING, .accepted_ns = now_ - kSecond});
  Took(machine_->Recover(ContainerState::kCreated, now_));
  RunReady();
  StartAnswered(gone);
  EXPECT_THAT(calls_, ElementsAre(Call::kCreate));
  Created("container-2");
  EXPECT_THAT(calls_, ElementsAre(Call::kStart));
  StartAnswered(gone);
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
}

// A created container whose start an agent may have asked for before it died: the engine may carry
// that out at any time.
class ReplacedContainerTest : public ExecutionMachineTest {
 protected:
  ReplacedContainerTest() {
    Make({.state = v1::EXECUTION_STATE_PREPARING, .container_id = "c1", .accepted_ns = now_});
    Took(machine_->Recover(ContainerState::kCreated, now_, /*may_have_begun=*/true, "c1"));
    EXPECT_THAT(calls_, ElementsAre(Call::kReopenRun)) << "before it goes, to hear it";
  }

  void UntilRemoved() {
    RunReady();
    EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
    EXPECT_EQ(machine_->container(), "c1");
    Removed();
    EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
    EXPECT_EQ(machine_->state(), v1::EXECUTION_STATE_PREPARING);
  }
};

TEST_F(ReplacedContainerTest, IsFollowedByAnotherWhereItNeverBegan) {
  UntilRemoved();
  LogClosed(0);
  EXPECT_THAT(calls_, ElementsAre(Call::kDropRun));
  Took(machine_->OnRunDropped(now_));
  EXPECT_TRUE(saved_);
  EXPECT_EQ(machine_->record().container_id, "");
  EXPECT_THAT(calls_, ElementsAre(Call::kMakeRun));
  RunReady();
  EXPECT_THAT(calls_, ElementsAre(Call::kCreate));
  Created("c2");
  EXPECT_THAT(calls_, ElementsAre(Call::kStart));
  EXPECT_EQ(machine_->container(), "c2");
  StartAnswered();
  Init(StatusEvent::Kind::kStarted);
  Stop();
  Exit({.exit_code = 143});
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog, Call::kRemove));
}

TEST_F(ReplacedContainerTest, IsTheLastWhereItsScriptMayHaveBegun) {
  RunReady();
  Init(StatusEvent::Kind::kStarting);
  Removed();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_THAT(End().message(), HasSubstr("started while its agent came back"));
  EXPECT_FALSE(End().log_uncertain());
}

TEST_F(ReplacedContainerTest, IsTheLastWhereItWroteSomething) {
  UntilRemoved();
  LogClosed(1);
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_EQ(End().last_seq(), 1u);
}

TEST_F(ReplacedContainerTest, CountsWhereItHasRunToItsEndMeanwhile) {
  RunReady();
  Init(StatusEvent::Kind::kStarting);
  Init(StatusEvent::Kind::kStarted);
  Init(StatusEvent::Kind::kEndedExit, 3);
  Init(StatusEvent::Kind::kDrained);
  EXPECT_THAT(calls_, ElementsAre(Call::kCloseLog));
  LogClosed(5);
  EXPECT_EQ(End().reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(End().exit_code(), 3);
  EXPECT_EQ(End().last_seq(), 5u);
  Removed();
  EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(ReplacedContainerTest, IsRemovedForCertainBeforeAnythingElse) {
  RunReady();
  Removed(Unreachable());
  EXPECT_THAT(calls_, IsEmpty());
  Pass(ExecutionMachine::kRemoveRetryNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed(Unreachable());
  Stop();
  EXPECT_THAT(calls_, IsEmpty()) << "nor is an end said";
  Pass(ExecutionMachine::kRemoveRetryNs);
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  LogClosed(0);
  EXPECT_EQ(End().reason(), v1::END_REASON_CANCELLED);
}

TEST_F(ReplacedContainerTest, IsNotReplacedWhereItsLogIsGone) {
  RunReady(absl::DataLossError("the spool is gone"));
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_TRUE(End().log_uncertain());
}

TEST_F(ExecutionMachineTest, OneWhoseSpoolIsDamagedIsStoppedAndItsLogUncertain) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = now_});
  Took(machine_->Recover(ContainerState::kRunning, now_));
  RunReady(absl::DataLossError("index is damaged"));
  Pass(kStopGrace);
  EXPECT_THAT(calls_, ElementsAre(Call::kKill));
  Exit({.exit_code = 137});
  Removed();
  EXPECT_EQ(End().reason(), v1::END_REASON_RUNTIME_ERROR);
  EXPECT_TRUE(End().log_uncertain());
}

TEST_F(ExecutionMachineTest, TheContainerOfOneThatIsReportedIsOnlyRemoved) {
  Make({.state = v1::EXECUTION_STATE_SUCCEEDED, .accepted_ns = 1, .started_ns = 1, .last_seq = 4});
  Took(machine_->Recover(ContainerState::kEnded, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  EXPECT_THAT(states_, IsEmpty());
}

TEST_F(ExecutionMachineTest, WhatRanIsLostWithAReboot) {
  Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = 1, .started_ns = 1});
  Took(machine_->LoseToReboot(12, now_));
  EXPECT_EQ(End().reason(), v1::END_REASON_NODE_LOST);
  EXPECT_EQ(End().message(), "the host was rebooted");
  EXPECT_EQ(End().last_seq(), 12u);
  EXPECT_TRUE(End().log_uncertain());
  EXPECT_THAT(states_, ElementsAre(v1::EXECUTION_STATE_LOST));
  Took(machine_->Recover(ContainerState::kEnded, now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
}

// A container that was only created says nothing: it may be one that the engine made late, after
// the one that ran was removed.
TEST_F(ExecutionMachineTest, TheLogOfOneThatTheJournalHasLostIsUncertainWhateverIsThere) {
  for (const auto& found : std::vector<std::optional<ContainerState>>{
           std::nullopt, ContainerState::kCreated, ContainerState::kEnded}) {
    Make({.state = v1::EXECUTION_STATE_RUNNING, .accepted_ns = now_}, /*began=*/true);
    Stop(v1::END_REASON_NODE_LOST);
    Took(machine_->Recover(found, now_));
    if (found != ContainerState::kCreated) RunReady(absl::DataLossError("the spool is gone"));
    if (found == ContainerState::kEnded) Exit({.exit_code = 0});
    if (found.has_value()) Removed();
    EXPECT_EQ(End().reason(), v1::END_REASON_NODE_LOST);
    EXPECT_TRUE(End().log_uncertain());
  }
}

// ---- Not wanted

TEST_F(ExecutionMachineTest, ADiscardedJobIsRemovedByForceAndForgottenWithoutAReport) {
  UntilRunning();
  Took(machine_->Discard(now_));
  EXPECT_TRUE(saved_);
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
  Removed();
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(calls_, ElementsAre(Call::kForget));
}

TEST_F(ExecutionMachineTest, ADiscardWaitsForACreateThatIsUnderWay) {
  UntilCreating();
  Took(machine_->Discard(now_));
  EXPECT_THAT(calls_, IsEmpty());
  Created();
  EXPECT_THAT(calls_, ElementsAre(Call::kRemove));
}

TEST_F(ExecutionMachineTest, ADiscardedEndIsForgottenWithoutAnAcknowledgement) {
  UntilEnded();
  Exit({.exit_code = 0});
  Removed();
  Took(machine_->Discard(now_));
  EXPECT_THAT(calls_, ElementsAre(Call::kForget));
}

}  // namespace
}  // namespace cronium::agent
