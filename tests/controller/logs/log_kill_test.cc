// SPDX-License-Identifier: Apache-2.0
// Kills at any time and at each point where something is persisted: what was acknowledged is there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/fault.h"
#include "controller/logs/log_store.h"
#include "tests/controller/logs/log_test_support.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

struct Report {
  uint32_t execution;
  uint64_t durable_seq;
};

constexpr uint32_t kExecutions = 3;
constexpr int kCrashed = 137;
// Hours long ago, whose logs are removed again.
constexpr int kOldHours = 5;

LogKey KeyOf(uint32_t execution) {
  return Key(absl::StrCat("exec_", absl::Dec(execution, absl::kZeroPad12)));
}

LogKey OldKey(uint32_t hour) {
  LogKey key = Key("exec_00000000old1");
  key.assign_time = absl::FromUnixSeconds(1'600'000'000) + absl::Hours(hour);
  return key;
}

// What entry seq of the child's logs holds. Hardly to be compressed, so that the files grow fast.
std::string LineOf(uint32_t execution, uint64_t seq) {
  std::string line = absl::StrCat(execution, ":", seq, " ");
  std::minstd_rand random(static_cast<uint32_t>(seq * kExecutions + execution));
  for (uint64_t left = (seq * 7919 + execution) % 400; left > 0; --left) {
    line.push_back(static_cast<char>('!' + random() % 90));
  }
  return line + "\n";
}

// Retention removes the logs of an hour, whatever is left of them.
void RemoveOldHour(LogStore* store, uint32_t hour) {
  const LogKey key = OldKey(hour);
  const auto summary = store->Summary(key);
  if (!summary.ok()) _exit(4);
  if (!Append(*store, key, {Chunk(summary->durable_seq + 1, "old\n")}).ok()) _exit(5);
  const auto partitions = store->ListPartitions();
  if (!partitions.ok()) _exit(6);
  for (const LogPartition& partition : *partitions) {
    if (partition.hour > key.assign_time) continue;
    if (!store->RemovePartition(partition).ok()) _exit(7);
  }
}

// Appends to three logs, one of them with a small limit, without end; reports every
// acknowledgement. Now and then removes what is old.
void AppendAndReport(const std::string& dir, int fd) {
  auto store = LogStore::Open({.dir = dir, .max_group_bytes = 20'000});
  if (!store.ok()) _exit(1);
  uint64_t next[kExecutions];
  for (uint32_t e = 0; e < kExecutions; ++e) next[e] = (*store)->Summary(KeyOf(e))->durable_seq + 1;
  std::deque<std::future<Appended>> results;
  for (uint32_t round = 0;; ++round) {
    const uint32_t execution = round % kExecutions;
    std::string data;
    const uint64_t first = next[execution];
    for (uint32_t lines = round % 11 + 1; lines > 0; --lines) {
      data += LineOf(execution, next[execution]++);
    }
    auto promise = std::make_shared<std::promise<Appended>>();
    results.push_back(promise->get_future());
    (void)(*store)->Append(KeyOf(execution), execution == 2 ? 1 : kNoLimit, {Chunk(first, data)},
                           [=](Appended result) {
                             if (!result.ok() || result->rewind) _exit(2);
                             const Report report{execution, result->durable_seq};
                             if (write(fd, &report, sizeof(report)) != sizeof(report)) _exit(3);
                             promise->set_value(std::move(result));
                           });
    if (results.size() > 40) {
      results.front().wait();
      results.pop_front();
    }
    if (round % 200 == 50) RemoveOldHour(store->get(), round / 200 % kOldHours);
  }
}

class LogKillTest : public testing::Test {
 protected:
  // A process that appends until `kill_after` reports have come, or until it ends by itself at a
  // point that `arm` has set up in it.
  void RunChild(int kill_after, const std::function<void()>& arm) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(fds[0]);
      if (arm) arm();
      AppendAndReport(dir_.path(), fds[1]);
      _exit(0);
    }
    close(fds[1]);
    Report report;
    const auto take = [&] {
      if (read(fds[0], &report, sizeof(report)) != sizeof(report)) return false;
      uint64_t& acknowledged = acknowledged_[report.execution];
      acknowledged = std::max(acknowledged, report.durable_seq);
      return true;
    };
    if (!arm) {
      for (int reports = 0; reports < kill_after; ++reports) ASSERT_TRUE(take());
      kill(child, SIGKILL);
    }
    while (take()) {
    }
    close(fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (arm) {
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kCrashed) << status;
    } else {
      ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    }
  }

  void CheckStore() {
    auto store = MustOpen(dir_.path());
    for (uint32_t e = 0; e < kExecutions; ++e) {
      const auto chunks = ReadAll(*store, KeyOf(e));
      uint64_t seq = 1;
      int cuts = 0;
      for (const auto& chunk : chunks) {
        ASSERT_EQ(chunk.first_seq(), seq);
        if (chunk.has_cut()) {
          ++cuts;
          seq = chunk.cut().last_seq() + 1;
        }
        for (const Entry& entry : Entries({chunk})) ASSERT_EQ(entry.data, LineOf(e, seq++));
      }
      ASSERT_GE(seq - 1, acknowledged_[e]) << "execution " << e;
      ASSERT_EQ(store->Summary(KeyOf(e))->durable_seq, seq - 1);
      ASSERT_LE(cuts, e == 2 ? 1 : 0);
    }
    // What was being removed is there as a whole, or its space comes back.
    ASSERT_TRUE(store->ListPartitions().ok());
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path() + "/default")) {
      ASSERT_FALSE(absl::StartsWith(entry.path().filename().string(), ".")) << entry.path();
    }
    for (uint32_t hour = 0; hour < kOldHours; ++hour) {
      const uint64_t last = store->Summary(OldKey(hour))->durable_seq;
      const auto entries = Entries(ReadAll(*store, OldKey(hour)));
      ASSERT_EQ(entries.size(), last);
    }
  }

  const TempDir dir_ = TempDir::InMemory();
  uint64_t acknowledged_[kExecutions] = {};
};

TEST_F(LogKillTest, EverythingAcknowledgedIsThereAfterEachOfManyKills) {
  for (int kill_at = 1; kill_at <= 24; ++kill_at) {
    SCOPED_TRACE(absl::StrCat("kill ", kill_at));
    ASSERT_NO_FATAL_FAILURE(RunChild(kill_at * kill_at, nullptr));
    ASSERT_NO_FATAL_FAILURE(CheckStore());
  }
}

class LogDeathTest : public LogKillTest, public testing::WithParamInterface<const char*> {};

TEST_P(LogDeathTest, EverythingAcknowledgedIsThereAfterADeathAtThePoint) {
  for (const int pass : {1, 2, 3}) {
    SCOPED_TRACE(absl::StrCat(GetParam(), ", pass ", pass));
    ASSERT_NO_FATAL_FAILURE(RunChild(0, [pass] {
      auto passes = std::make_shared<std::atomic<int>>(0);
      SetFaultHook([pass, passes](absl::string_view name) {
        if (name == GetParam() && ++*passes == pass) _exit(kCrashed);
        return false;
      });
    }));
    ASSERT_NO_FATAL_FAILURE(CheckStore());
  }
}

INSTANTIATE_TEST_SUITE_P(Points, LogDeathTest,
                         testing::Values("controller.logs.write", "controller.logs.synced",
                                         "controller.logs.removed", "controller.logs.index",
                                         "controller.logs.indexed", "controller.logs.segment"),
                         [](const auto& info) {
                           return std::string(absl::StripPrefix(info.param, "controller.logs."));
                         });

}  // namespace
}  // namespace cronium::controller
