// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <string>

#include "job_run.h"

namespace cronium::agent::init {
namespace {

std::string In(int64_t ns) { return std::to_string(BootNs() + ns) + "\n"; }

// Long enough for a script to get to where the test wants it, on a busy machine too.
constexpr int64_t kSoon = 3'000 * kMs;

void WaitUntil(int64_t boottime_ns) {
  const timespec at = {.tv_sec = boottime_ns / 1'000'000'000,
                       .tv_nsec = boottime_ns % 1'000'000'000};
  while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

TEST(InitLease, EndsTheJobWithTermAndLetsItSayGoodbye) {
  JobRun job;
  job.WriteScript("#!/bin/bash\ntrap 'echo bye; exit 0' TERM\necho up\nread x <>$GO\n");
  job.WriteLease(In(kSoon));
  job.Start();
  EXPECT_EQ(job.out().ReadAll(), "up\nbye\n");
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadAll(), "lease_ended\nended exit 0\ndrained\n");
  EXPECT_EQ(job.Wait(), 137);
}

TEST(InitLease, KillsAJobThatIgnoresTermAfterTheGrace) {
  JobRun job;
  job.WriteScript("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1000; done\n");
  job.WriteLease(In(kSoon));
  job.Start({"--stop-grace-ms", "100"});
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadAll(), "lease_ended\nended signal 9\ndrained\n");
  EXPECT_EQ(job.Wait(), 137);
}

// docs/protocol.md P13: stopped beyond lease and grace together, as a suspended host is.
TEST(InitLease, OneThatResumesAfterItsGraceTooKillsAtOnce) {
  JobRun job;
  job.WriteScript(
      "#!/bin/bash\ntrap 'sleep 2; echo goodbye; exit 0' TERM\necho up\n"
      "while :; do sleep 0.05; done\n");
  const int64_t end = BootNs() + kSoon;
  constexpr int64_t kGrace = 4'000 * kMs;
  job.WriteLease(std::to_string(end));
  job.Start({"--stop-grace-ms", "4000"});
  EXPECT_EQ(job.out().ReadLine(), "up");
  job.status().AwaitStarted();
  ASSERT_EQ(kill(job.pid(), SIGSTOP), 0);
  WaitUntil(end + kGrace + 50 * kMs);
  ASSERT_EQ(kill(job.pid(), SIGCONT), 0);
  // A grace that began only now would let it say goodbye.
  EXPECT_EQ(job.out().ReadAll(), "");
  EXPECT_EQ(job.status().ReadAll(), "lease_ended\nended signal 9\ndrained\n");
  EXPECT_EQ(job.Wait(), 137);
}

TEST(InitLease, EndsAJobThatWasStopped) {
  JobRun job;
  job.WriteScript("#!/bin/sh\nkill -STOP $$\nsleep 1000\n");
  job.WriteLease(In(kSoon));
  job.Start({"--stop-grace-ms", "60000"});
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadAll(), "lease_ended\nended signal 15\ndrained\n");
  EXPECT_EQ(job.Wait(), 137);
}

TEST(InitLease, ThatWasRenewedLetsTheJobRunOn) {
  JobRun job;
  job.WriteScript("#!/bin/sh\necho up\nread x <$GO\necho on\n");
  const int64_t first_end = BootNs() + kSoon;
  job.WriteLease(std::to_string(first_end));
  job.Start();
  EXPECT_EQ(job.out().ReadLine(), "up");
  job.WriteLease(In(kHour));
  WaitUntil(first_end + 200 * kMs);
  job.Go();
  EXPECT_EQ(job.out().ReadAll(), "on\n");
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadAll(), "ended exit 0\ndrained\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitLease, ThatWasRenewedEndsAtItsNewTime) {
  JobRun job;
  job.WriteScript("#!/bin/sh\nsleep 1000\n");
  const int64_t second_end = BootNs() + 2 * kSoon;
  job.WriteLease(In(kSoon));
  job.Start();
  job.WriteLease(std::to_string(second_end));
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadLine(), "lease_ended");
  EXPECT_GE(BootNs(), second_end);
  EXPECT_EQ(job.Wait(), 137);
}

TEST(InitLease, ThatIsGarbledOrGoneByItsEndStandsAsLastKnown) {
  for (const char* text : {"garbage", ""}) {
    JobRun job;
    job.WriteScript("#!/bin/sh\nsleep 1000\n");
    job.WriteLease(In(kSoon));
    job.Start();
    job.status().AwaitStarted();
    if (*text != '\0') {
      job.WriteLease(text);
    } else {
      std::filesystem::remove(job.Path("lease"));
    }
    EXPECT_EQ(job.status().ReadLine(), "lease_ended");
    EXPECT_EQ(job.Wait(), 137);
  }
}

TEST(InitLease, ThatEndsWhileDrainingGivesUpOnAReaderThatIsNotReading) {
  JobRun job;
  job.WriteScript("#!/bin/sh\necho unread\nexit 4\n");
  job.WriteLease(In(kSoon));
  job.Start();
  EXPECT_EQ(job.Wait(), 4) << "the job ended by itself, and its code stands";
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadAll(), "ended exit 4\n");
}

TEST(InitLease, ThatEndsWhileDrainingStillWaitsForAReaderThatReads) {
  JobRun job;
  job.WriteScript("#!/bin/sh\nhead -c 60000 /dev/zero\n");
  const int64_t end = BootNs() + kSoon;
  job.WriteLease(std::to_string(end));
  job.Start();
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadLine(), "ended exit 0");
  WaitUntil(end + 50 * kMs);
  EXPECT_EQ(job.out().ReadAll().size(), 60000);
  EXPECT_EQ(job.status().ReadAll(), "drained\n");
  EXPECT_EQ(job.Wait(), 0);
}

}  // namespace
}  // namespace cronium::agent::init
