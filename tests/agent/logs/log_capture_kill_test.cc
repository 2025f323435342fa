// SPDX-License-Identifier: Apache-2.0
// The capturer is killed again and again while a job writes: nothing may be missing, repeated or
// changed.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "agent/logs/execution_spool.h"
#include "agent/logs/log_capture.h"
#include "common/clock.h"
#include "log_test_util.h"
#include "pattern.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

constexpr int64_t kNow = 1'700'000'000'000'000'000;

// Entries that could be read once must read the same for ever.
void ExpectSameStart(const ReadBack& before, const ReadBack& now) {
  ASSERT_LE(before.chunks.size(), now.chunks.size());
  for (size_t i = 0; i < before.chunks.size(); ++i) {
    ASSERT_EQ(before.chunks[i].SerializeAsString(), now.chunks[i].SerializeAsString()) << i;
  }
}

class LogCaptureKillTest : public testing::TestWithParam<unsigned> {};

TEST_P(LogCaptureKillTest, NothingIsLostOrRepeatedOverManyKills) {
  constexpr int kWrites = 6000;
  const unsigned seed = GetParam();
  TempFolder folder;
  const std::string run_dir = folder.path("run");
  const std::string spool_dir = folder.path("spool");
  const std::string id = "exec_1";
  const std::string spool_folder = spool_dir + "/exec_1";
  ASSERT_EQ(mkdir(run_dir.c_str(), 0755), 0);
  ASSERT_TRUE(MakeJobFifos(run_dir).ok());

  std::mt19937 random(seed);
  std::atomic<int64_t> total = 0;
  ReadBack before;
  int kills = 0;
  Helper writer({"write", run_dir, std::to_string(seed), std::to_string(kWrites)});
  while (writer.Running()) {
    {
      Helper capturer({"capture", spool_dir, run_dir, id});
      // Killed while it captures, and every third time while it starts. How long it lives is what
      // this test is about.
      if (kills % 3 != 0) capturer.AwaitReady();
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    }
    ++kills;
    if (kills % 8 != 0) continue;
    // What a reader sees now, with the same recovery that a restarted capturer does.
    auto spool = ExecutionSpool::Open(spool_folder, kNow, 1 << 20, &total);
    ASSERT_TRUE(spool.ok()) << spool.status();
    ReadBack now = ReadAll(
        [&spool](uint64_t after, size_t max_bytes) { return (*spool)->Read(after, max_bytes); },
        1 << 20);
    ASSERT_NO_FATAL_FAILURE(ExpectSameStart(before, now));
    before = std::move(now);
  }
  ASSERT_EQ(writer.exit_status(), 0);

  RealClock clock;
  auto capture = LogCapture::Create({.spool_dir = spool_dir}, &clock);
  ASSERT_TRUE(capture.ok()) << capture.status();
  ASSERT_TRUE((*capture)->Open(id, run_dir, {}).ok());
  std::promise<uint64_t> drained;
  ASSERT_TRUE((*capture)->CloseWhenDrained(id, [&](uint64_t seq) { drained.set_value(seq); }).ok());
  const uint64_t last_seq = drained.get_future().get();

  const ReadBack log = ReadAll(
      [&](uint64_t after, size_t max_bytes) { return (*capture)->Read(id, after, max_bytes); },
      1 << 20);
  EXPECT_EQ(log.last_seq, last_seq);
  ExpectSameStart(before, log);
  const auto [out, err] = Pattern::All(seed, kWrites);
  EXPECT_TRUE(log.streams[0] == out) << log.streams[0].size() << " bytes of " << out.size();
  EXPECT_TRUE(log.streams[1] == err) << log.streams[1].size() << " bytes of " << err.size();
  RecordProperty("kills", kills);
  std::cout << kills << " kills over " << out.size() + err.size() << " bytes\n";
  EXPECT_GT(kills, 3);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogCaptureKillTest, testing::Values(1u, 2u, 3u, 4u));

}  // namespace
}  // namespace cronium::agent
