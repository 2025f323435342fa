// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_capture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "log_test_util.h"
#include "pattern.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = StatusEvent::Kind;

// No passing test waits so long.
constexpr std::chrono::seconds kPatience(60);

class LogCaptureTest : public testing::Test {
 protected:
  void SetUp() override { Create({}); }

  void Create(LogCaptureOptions options) {
    capture_.reset();
    options.spool_dir = folder_.path("spool");
    auto capture = LogCapture::Create(options, &clock_);
    ASSERT_TRUE(capture.ok()) << capture.status();
    capture_ = *std::move(capture);
    capture_->SetDataListener([this](const std::string&) {
      MutexLock lock(&mutex_);
      changed_.NotifyAll();
    });
  }

  std::string RunDir(const std::string& id) {
    const std::string run_dir = folder_.path(id);
    mkdir(run_dir.c_str(), 0755);
    EXPECT_TRUE(MakeJobFifos(run_dir).ok());
    return run_dir;
  }
  void Open(const std::string& id = "exec_1") {
    const absl::Status status = capture_->Open(id, RunDir(id), Callbacks());
    ASSERT_TRUE(status.ok()) << status;
  }
  LogCallbacks Callbacks() {
    return {.on_status =
                [this](const StatusEvent& event) {
                  MutexLock lock(&mutex_);
                  events_.push_back(event.kind);
                  changed_.NotifyAll();
                },
            .on_problem =
                [this](const absl::Status& problem) {
                  MutexLock lock(&mutex_);
                  problems_.push_back(problem);
                  changed_.NotifyAll();
                }};
  }
  // A FIFO as the job has it.
  UniqueFd Fifo(const std::string& name, const std::string& id = "exec_1") {
    return UniqueFd(open(folder_.path(absl::StrCat(id, "/", name)).c_str(), O_RDWR | O_CLOEXEC));
  }
  void Write(const UniqueFd& fd, const std::string& data) {
    ASSERT_TRUE(WriteAll(fd.get(), data).ok());
  }

  // Waits until the condition holds; looks again when the capture tells of something.
  template <typename Condition>
  bool Await(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      MutexLock lock(&mutex_);
      changed_.WaitFor(&mutex_, std::chrono::milliseconds(1));
    }
    return true;
  }
  bool AwaitSeq(uint64_t seq, const std::string& id = "exec_1") {
    return Await([&] { return capture_->State(id)->last_seq >= seq; });
  }
  bool AwaitEvents(size_t count) {
    return Await([&] {
      MutexLock lock(&mutex_);
      return events_.size() >= count;
    });
  }
  uint64_t Drain(const std::string& id = "exec_1") {
    std::promise<uint64_t> promise;
    auto drained = promise.get_future();
    EXPECT_TRUE(capture_->CloseWhenDrained(id, [&](uint64_t seq) { promise.set_value(seq); }).ok());
    if (drained.wait_for(kPatience) != std::future_status::ready) abort();
    return drained.get();
  }
  ReadBack All(const std::string& id = "exec_1") {
    return ReadAll([&](uint64_t after, size_t max) { return capture_->Read(id, after, max); },
                   1 << 20);
  }

  TempFolder folder_;
  RealClock clock_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Kind> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Status> problems_ ABSL_GUARDED_BY(mutex_);
  // Last: its thread calls what is above.
  std::unique_ptr<LogCapture> capture_;
};

TEST_F(LogCaptureTest, KeepsTheOrderOfBothStreams) {
  Open();
  const UniqueFd out = Fifo("stdout");
  const UniqueFd err = Fifo("stderr");
  for (int i = 0; i < 20; ++i) {
    Write(i % 2 == 0 ? out : err, absl::StrCat("line ", i, "\n"));
    ASSERT_TRUE(AwaitSeq(i + 1));
  }
  const ReadBack log = All();
  ASSERT_EQ(log.chunks.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(log.chunks[i].data(), absl::StrCat("line ", i, "\n"));
}

TEST_F(LogCaptureTest, AnUnfinishedLineIsSeenAtOnce) {
  Open();
  const UniqueFd out = Fifo("stdout");
  Write(out, "Password: ");
  ASSERT_TRUE(AwaitSeq(1));
  EXPECT_EQ(All().streams[0], "Password: ");
  Write(out, "ok\n");
  ASSERT_TRUE(AwaitSeq(2));
  EXPECT_EQ(All().streams[0], "Password: ok\n");
}

TEST_F(LogCaptureTest, EveryByteOfAProcessComesThrough) {
  for (unsigned seed : {11u, 12u, 13u}) {
    const std::string id = absl::StrCat("exec_", seed);
    Open(id);
    Helper writer({"write", folder_.path(id), std::to_string(seed), "400"});
    EXPECT_EQ(writer.Wait(), 0);
    const uint64_t last_seq = Drain(id);
    const ReadBack log = All(id);
    const auto [out, err] = Pattern::All(seed, 400);
    EXPECT_TRUE(log.streams[0] == out) << log.streams[0].size() << " bytes of " << out.size();
    EXPECT_TRUE(log.streams[1] == err) << log.streams[1].size() << " bytes of " << err.size();
    EXPECT_EQ(log.last_seq, last_seq);
  }
}

TEST_F(LogCaptureTest, LinesOf1MiBBlankLinesAndBrokenUtf8ComeBackByteForByte) {
  Open();
  const std::string data = std::string(1 << 20, 'm') + "\n\n\n\xff\xfe\xc3\n" +
                           std::string("\0\r\0", 3) + "\n" + std::string(1 << 20, 'n') + "\nend";
  const UniqueFd out = Fifo("stdout");
  std::thread writer([&] { (void)WriteAll(out.get(), data); });
  writer.join();
  Drain();
  EXPECT_TRUE(All().streams[0] == data);
}

TEST_F(LogCaptureTest, DrainTakesWhatALeftoverFifoHolds) {
  Open();
  {
    const UniqueFd out = Fifo("stdout");
    const UniqueFd status = Fifo("status");
    Write(out, std::string(60'000, 'x') + "\nlast words");
    Write(status, "started 1\nended exit 0\ndrained\n");
  }  // As when the container is gone.
  EXPECT_EQ(Drain(), 2u);
  EXPECT_EQ(All().streams[0], std::string(60'000, 'x') + "\nlast words");
  MutexLock lock(&mutex_);
  EXPECT_THAT(events_, ElementsAre(Kind::kStarted, Kind::kEndedExit, Kind::kDrained));
}

TEST_F(LogCaptureTest, DrainingAnEmptyLogEndsWithSeqZero) {
  Open();
  EXPECT_EQ(Drain(), 0u);
  EXPECT_EQ(Drain(), 0u) << "a second time at once";
  EXPECT_TRUE(All().chunks.empty());
}

TEST_F(LogCaptureTest, ARestartGoesOnWhereTheFirstOneStopped) {
  Open();
  const UniqueFd out = Fifo("stdout");
  const UniqueFd status = Fifo("status");
  Write(out, "one\n");
  Write(status, "started 1\n");
  ASSERT_TRUE(AwaitSeq(1));
  ASSERT_TRUE(AwaitEvents(1));
  capture_.reset();
  Write(out, "two\n");
  Write(status, "drained\n");
  Create({});
  Open();
  ASSERT_TRUE(AwaitSeq(2));
  ASSERT_TRUE(AwaitEvents(3));
  EXPECT_EQ(Drain(), 2u);
  EXPECT_EQ(All().streams[0], "one\ntwo\n");
  MutexLock lock(&mutex_);
  EXPECT_THAT(events_, ElementsAre(Kind::kStarted, Kind::kStarted, Kind::kDrained));
}

TEST_F(LogCaptureTest, ASpoolCanBeOpenedWithoutItsFifos) {
  EXPECT_EQ(capture_->OpenSpoolOnly("exec_1").code(), absl::StatusCode::kNotFound);
  Open();
  Write(Fifo("stdout"), "one\n");
  EXPECT_EQ(Drain(), 1u);
  Create({});
  EXPECT_THAT(*capture_->ListSpooled(), ElementsAre("exec_1"));
  ASSERT_TRUE(capture_->OpenSpoolOnly("exec_1").ok());
  EXPECT_EQ(Drain(), 1u);
  EXPECT_EQ(All().streams[0], "one\n");
}

TEST_F(LogCaptureTest, RemoveDeletesTheSpool) {
  Open();
  Write(Fifo("stdout"), "one\n");
  ASSERT_TRUE(AwaitSeq(1));
  ASSERT_TRUE(capture_->Remove("exec_1").ok());
  EXPECT_NE(access(folder_.path("spool/exec_1").c_str(), F_OK), 0);
  EXPECT_EQ(capture_->Read("exec_1", 0, 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(capture_->Stats().spool_bytes, 0);
  EXPECT_EQ(capture_->Stats().executions, 0);
  EXPECT_TRUE(capture_->Remove("exec_1").ok());
  EXPECT_TRUE(capture_->ListSpooled()->empty());
  Open();
  EXPECT_EQ(capture_->State("exec_1")->last_seq, 0u);
}

TEST_F(LogCaptureTest, AtItsLimitTheJobWaitsAndAnAcknowledgementLetsItGoOn) {
  constexpr int64_t kLimit = 256 * 1024;
  constexpr int64_t kFlood = 4 << 20;
  Create({.max_execution_spool_bytes = kLimit, .turn_bytes = 32 * 1024, .punch_step_bytes = 4096});
  Open();
  Helper writer({"flood", folder_.path("exec_1"), std::to_string(kFlood)});
  ASSERT_TRUE(Await([&] { return capture_->State("exec_1")->blocked; }));
  EXPECT_TRUE(writer.Running());
  ReadBack log;
  while (static_cast<int64_t>(log.streams[0].size()) < kFlood) {
    ASSERT_TRUE(Await([&] {
      const LogState state = *capture_->State("exec_1");
      return state.blocked || state.last_seq > log.last_seq;
    }));
    const LogState state = *capture_->State("exec_1");
    EXPECT_LE(state.spool_bytes, kLimit + 4096);
    EXPECT_LE(AllocatedBytes(folder_.path("spool/exec_1/stdout")), kLimit + 64 * 1024);
    const auto chunks = capture_->Read("exec_1", log.last_seq, 64 * 1024);
    ASSERT_TRUE(chunks.ok()) << chunks.status();
    Append(&log, *chunks);
    ASSERT_FALSE(HasFatalFailure());
    capture_->Acknowledge("exec_1", log.last_seq);
  }
  EXPECT_EQ(writer.Wait(), 0);
  EXPECT_GT(capture_->Stats().blocked_total, 0);
  EXPECT_EQ(capture_->Stats().blocked_executions, 0);
  EXPECT_EQ(Drain(), log.last_seq);
}

TEST_F(LogCaptureTest, ALimitOfAllBlocksTheFloodAndLeavesTheQuietItsShare) {
  Create({.max_execution_spool_bytes = 1 << 20,
          .max_spool_bytes = 1 << 20,
          .reserved_execution_spool_bytes = 64 * 1024});
  Open("flood");
  Helper writer({"flood", folder_.path("flood"), std::to_string(8 << 20)});
  ASSERT_TRUE(Await([&] { return capture_->State("flood")->blocked; }));
  Open("quiet");
  const UniqueFd out = Fifo("stdout", "quiet");
  Write(out, "I have little to say\n");
  EXPECT_TRUE(AwaitSeq(1, "quiet"));
  EXPECT_TRUE(capture_->State("flood")->blocked);
  EXPECT_EQ(capture_->Stats().blocked_executions, 1);
  // The container is gone: the rest is taken although the limit is reached.
  writer.Kill();
  EXPECT_GT(Drain("flood"), 0u);
}

TEST_F(LogCaptureTest, AFloodLeavesTurnsToOthers) {
  Create({.turn_bytes = 4096});
  std::promise<void> first_turn, go_on;
  Mutex mutex;
  std::vector<std::string> turns;
  capture_->SetDataListener([&](const std::string& id) {
    bool first;
    {
      MutexLock lock(&mutex);
      turns.push_back(id);
      first = turns.size() == 1;
    }
    if (!first) return;
    first_turn.set_value();
    go_on.get_future().wait();
  });
  const std::string flood = RunDir("flood");
  const std::string quiet = RunDir("quiet");
  const UniqueFd flood_out = Fifo("stdout", "flood");
  const UniqueFd quiet_out = Fifo("stdout", "quiet");
  Write(flood_out, std::string(60'000, '\n'));
  Write(quiet_out, "line\n");
  ASSERT_TRUE(capture_->Open("flood", flood, {}).ok());
  first_turn.get_future().wait();
  ASSERT_TRUE(capture_->Open("quiet", quiet, {}).ok());
  go_on.set_value();
  ASSERT_TRUE(AwaitSeq(60'000, "flood"));
  ASSERT_TRUE(AwaitSeq(1, "quiet"));
  MutexLock lock(&mutex);
  const auto at = std::find(turns.begin(), turns.end(), "quiet") - turns.begin();
  EXPECT_LE(at, 3) << "of " << turns.size() << " turns";
}

TEST_F(LogCaptureTest, ADiscardedLogIsTakenAndDropped) {
  Create({.max_execution_spool_bytes = 128 * 1024, .punch_step_bytes = 4096});
  Open();
  Helper writer({"flood", folder_.path("exec_1"), std::to_string(8 << 20)});
  ASSERT_TRUE(Await([&] { return capture_->State("exec_1")->blocked; }));
  capture_->Discard("exec_1");
  EXPECT_EQ(writer.Wait(), 0);
  const uint64_t last_seq = Drain();
  EXPECT_EQ(capture_->State("exec_1")->acknowledged_seq, last_seq);
  EXPECT_EQ(capture_->Stats().spool_bytes, 0);
}

// EFBIG stands for every error of the disk.
TEST_F(LogCaptureTest, ADiskThatFailsMakesTheJobWaitAndLosesNothing) {
  Create({.retry_delay = absl::Milliseconds(5)});
  Open();
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  struct rlimit small = limit;
  small.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Helper writer({"flood", folder_.path("exec_1"), std::to_string(4 << 20)});
  const bool failed = Await([&] { return !capture_->State("exec_1")->problem.ok(); });
  const LogState state = *capture_->State("exec_1");
  const bool running = writer.Running();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ASSERT_TRUE(failed);
  EXPECT_TRUE(running);
  EXPECT_LE(state.spool_bytes, (1 << 20) + 64 * 1024);
  EXPECT_THAT(state.problem.message(), HasSubstr("exec_1/stdout"));
  EXPECT_EQ(writer.Wait(), 0);
  EXPECT_TRUE(Await([&] { return capture_->State("exec_1")->problem.ok(); }));
  Drain();
  EXPECT_EQ(capture_->Stats().failing_executions, 0);
  EXPECT_GE(capture_->Stats().errors_total, 1);
  EXPECT_GE(All().streams[0].size(), size_t{4} << 20);
  MutexLock lock(&mutex_);
  ASSERT_EQ(problems_.size(), 2u);
  EXPECT_FALSE(problems_[0].ok());
  EXPECT_TRUE(problems_[1].ok());
}

TEST_F(LogCaptureTest, WhatCannotWorkIsRefused) {
  EXPECT_EQ(LogCapture::Create({.spool_dir = "relative"}, &clock_).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto second = LogCapture::Create({.spool_dir = folder_.path("spool")}, &clock_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another agent"));
  Open();
  EXPECT_EQ(capture_->Open("exec_1", folder_.path("exec_1"), {}).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(capture_->Open("../x", folder_.path("exec_1"), {}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(capture_->Open("exec_2", folder_.path("nowhere"), {}).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(capture_->CloseWhenDrained("exec_3", nullptr).code(), absl::StatusCode::kNotFound);
}

TEST_F(LogCaptureTest, AFileInPlaceOfAFifoIsRefused) {
  const std::string run_dir = RunDir("exec_1");
  ASSERT_EQ(unlink((run_dir + "/stderr").c_str()), 0);
  ASSERT_TRUE(WriteFileAtomic(run_dir + "/stderr", "", 0666).ok());
  EXPECT_EQ(capture_->Open("exec_1", run_dir, {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MakeJobFifos(run_dir).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LogCaptureTest, CapturesManyExecutionsAtOnce) {
  constexpr int kCount = 40;
  std::vector<std::unique_ptr<Helper>> writers;
  for (int i = 0; i < kCount; ++i) {
    const std::string id = absl::StrCat("exec_", i);
    Open(id);
    writers.push_back(std::make_unique<Helper>(
        std::vector<std::string>{"write", folder_.path(id), std::to_string(100 + i), "30"}));
  }
  for (int i = 0; i < kCount; ++i) {
    const std::string id = absl::StrCat("exec_", i);
    EXPECT_EQ(writers[i]->Wait(), 0);
    EXPECT_EQ(Drain(id), All(id).last_seq);
    const auto [out, err] = Pattern::All(100 + i, 30);
    EXPECT_TRUE(All(id).streams[0] == out && All(id).streams[1] == err) << id;
    EXPECT_TRUE(capture_->Remove(id).ok());
  }
  EXPECT_EQ(capture_->Stats().spool_bytes, 0);
}

// A rest lasts for as long as no passing test waits: what comes through came because it ended.
class LogCaptureRestTest : public LogCaptureTest {
 protected:
  void SetUp() override {
    Create({.turn_bytes = 4096,
            .small_turn_bytes = 4096,
            .free_small_turns = 2,
            .small_turn_rest = absl::Hours(1),
            .max_rest = absl::Hours(1)});
  }

  // Opens them while the capture is held up: so their first turns are of one round.
  void OpenTogether(const std::map<std::string, std::string>& outputs) {
    std::promise<void> held, go_on;
    const std::string holder = RunDir("holder");
    const LogCallbacks hold = {.on_status = [&](const StatusEvent&) {
      held.set_value();
      go_on.get_future().wait();
    }};
    Write(Keep("status", "holder"), "started 1\n");
    ASSERT_TRUE(capture_->Open("holder", holder, hold).ok());
    held.get_future().wait();
    for (const auto& [id, output] : outputs) {
      const std::string run_dir = RunDir(id);
      Write(Keep("stdout", id), output);
      ASSERT_TRUE(capture_->Open(id, run_dir, Callbacks()).ok());
    }
    go_on.set_value();
  }
  // A FIFO that stays open as long as the test.
  const UniqueFd& Keep(const std::string& name, const std::string& id) {
    fifos_.push_back(Fifo(name, id));
    return fifos_.back();
  }
  bool AwaitRest() {
    return Await([&] { return capture_->Stats().rests_total == 1; });
  }

  std::deque<UniqueFd> fifos_;
};

TEST_F(LogCaptureRestTest, ARestAfterManySmallTurnsEndsWithWhatAStatusFifoSays) {
  OpenTogether({{"a", "1\n"}, {"b", "1\n"}, {"c", "1\n"}});
  ASSERT_TRUE(AwaitRest());
  Write(Keep("stdout", "a"), "2\n");
  Write(Keep("status", "b"), "drained\n");
  EXPECT_TRUE(AwaitEvents(1));
  EXPECT_TRUE(AwaitSeq(2, "a"));
  EXPECT_EQ(capture_->Stats().rests_total, 1) << "one small turn is not many";
}

TEST_F(LogCaptureRestTest, ARestEndsWithWhatACallerAsks) {
  OpenTogether({{"a", "1\n"}, {"b", "1\n"}, {"c", "1\n"}});
  ASSERT_TRUE(AwaitRest());
  Write(Keep("stdout", "a"), "2\n");
  EXPECT_EQ(Drain("a"), 2u);
}

TEST_F(LogCaptureRestTest, ARestEndsWithTheCapture) {
  OpenTogether({{"a", "1\n"}, {"b", "1\n"}, {"c", "1\n"}});
  ASSERT_TRUE(AwaitRest());
  capture_.reset();
}

TEST_F(LogCaptureRestTest, WhileAFifoHasMoreThereIsNoRest) {
  OpenTogether({{"a", "1\n"}, {"b", "1\n"}, {"c", "1\n"}, {"flood", std::string(40'960, '\n')}});
  EXPECT_TRUE(AwaitSeq(40'960, "flood"));
  EXPECT_EQ(capture_->Stats().rests_total, 0);
}

TEST_F(LogCaptureRestTest, LargeTurnsDoNotMakeItRest) {
  const std::string large(4096, '\n');
  OpenTogether({{"a", large}, {"b", large}, {"c", large}, {"d", "1\n"}});
  for (const std::string id : {"a", "b", "c", "d"}) EXPECT_TRUE(AwaitSeq(1, id));
  Write(Keep("stdout", "d"), "2\n");
  EXPECT_TRUE(AwaitSeq(2, "d"));
  EXPECT_EQ(capture_->Stats().rests_total, 0);
}

}  // namespace
}  // namespace cronium::agent
