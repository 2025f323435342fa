// SPDX-License-Identifier: Apache-2.0
// What is removed and what stays, on the real stores and with a clock that stands still.
#include "controller/retention/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/proto_time.h"
#include "controller/store/sqlite/sqlite_store.h"
#include "tests/controller/logs/log_test_support.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);

class CollectorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = SqliteStore::Open({dir_.path() + "/db"});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    logs_ = MustOpen(dir_.path() + "/logs");
  }

  Collected Sweep(const std::vector<std::string>& settings = {}) {
    Collector::Actions actions;
    actions.collect_jobs = [this](const CollectJobs& jobs) {
      batches_.push_back(static_cast<int>(jobs.jobs.size()));
      std::vector<Change> changes;
      for (const auto& job : jobs.jobs) changes.emplace_back(DeleteEndedJob{job.job_id});
      return store_->Commit(changes).status();
    };
    actions.reclaim = [this](ReclaimSpace space) {
      const Change change = space;
      return store_->Commit({&change, 1}).status();
    };
    Collector collector(*RetentionPolicy::Parse(settings), &clock_, store_.get(), logs_.get(),
                        std::move(actions));
    Collected collected;
    const absl::Status status = collector.Sweep(&collected);
    EXPECT_TRUE(status.ok()) << status;
    return collected;
  }

  struct JobOptions {
    bool ended = true;
    std::string name_space = "default";
    std::string log = "a line\n";
    size_t output_bytes = 0;
  };

  // A job that ran just now; its id.
  std::string Run(const JobOptions& options) {
    const std::string number = absl::StrCat(absl::Dec(++jobs_, absl::kZeroPad12));
    v1::Job job;
    job.set_id("job_" + number);
    job.set_namespace_(options.name_space);
    job.set_request_id("request-" + number);
    job.set_state(v1::JOB_STATE_RUNNING);
    SetTime(clock_.Now(), job.mutable_create_time());
    v1::Execution execution;
    execution.set_id("exec_" + number);
    execution.set_job_id(job.id());
    execution.set_state(v1::EXECUTION_STATE_RUNNING);
    *execution.mutable_assign_time() = job.create_time();
    std::vector<Change> changes = {InsertJob{job}, PutExecution{execution}};
    if (options.output_bytes > 0) {
      changes.emplace_back(PutOutput{execution.id(), std::string(options.output_bytes, '1')});
    }
    if (options.ended) {
      execution.set_state(v1::EXECUTION_STATE_SUCCEEDED);
      changes.emplace_back(PutExecution{execution});
      job.set_state(v1::JOB_STATE_SUCCEEDED);
      *job.mutable_end_time() = job.create_time();
      changes.emplace_back(UpdateJob{job});
    }
    EXPECT_TRUE(store_->Commit(changes).ok());
    const LogKey key{options.name_space, execution.id(), clock_.Now()};
    EXPECT_TRUE(Append(*logs_, key, {Chunk(1, options.log)}).ok());
    keys_[job.id()] = key;
    return job.id();
  }
  std::string Run() { return Run(JobOptions()); }

  bool HasJob(const std::string& id) { return store_->GetJob(id).ok(); }
  bool HasLog(const std::string& id) {
    const auto state = logs_->Summary(keys_.at(id));
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() && state->durable_seq > 0;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<LogStore> logs_;
  std::vector<int> batches_;
  std::map<std::string, LogKey> keys_;
  int jobs_ = 0;
};

TEST_F(CollectorTest, LogsGoBeforeTheirJobsAndJobsAfterTheirAge) {
  const std::string job = Run();
  clock_.Advance(14 * kDay);
  EXPECT_EQ(Sweep().log_hours, 0) << "counted from the end of its hour";
  clock_.Advance(absl::Hours(2));
  const Collected logs = Sweep();
  EXPECT_EQ(logs.log_hours, 1);
  EXPECT_GT(logs.log_bytes, 0);
  EXPECT_EQ(logs.jobs, 0);
  EXPECT_TRUE(HasJob(job));
  EXPECT_FALSE(HasLog(job));
  clock_.Advance(16 * kDay);
  const Collected jobs = Sweep();
  EXPECT_EQ(jobs.jobs, 1);
  EXPECT_FALSE(HasJob(job));
}

TEST_F(CollectorTest, AJobThatLivesAndItsLogStayHoweverOld) {
  const std::string job = Run({.ended = false});
  const std::string neighbour = Run();
  clock_.Advance(400 * kDay);
  Sweep({"*:jobs=0,job-bytes=0,log-bytes=0"});
  EXPECT_TRUE(HasJob(job));
  EXPECT_TRUE(HasLog(job));
  EXPECT_FALSE(HasJob(neighbour)) << "of the same hour";
}

TEST_F(CollectorTest, PastTheCountTheOldestGo) {
  std::vector<std::string> jobs;
  for (int i = 0; i < 5; ++i) {
    jobs.push_back(Run());
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(Sweep({"*:jobs=2"}).jobs, 3);
  EXPECT_FALSE(HasJob(jobs[2]));
  EXPECT_TRUE(HasJob(jobs[3]));
  EXPECT_EQ(Sweep({"*:jobs=2"}).jobs, 0);
}

TEST_F(CollectorTest, PastTheBytesTheOldestGo) {
  const std::string large = Run({.output_bytes = 3000});
  clock_.Advance(absl::Seconds(1));
  const std::string small = Run({.output_bytes = 1000});
  EXPECT_EQ(Sweep({"*:job-bytes=8KiB"}).jobs, 0);
  const Collected collected = Sweep({"*:job-bytes=3KiB"});
  EXPECT_EQ(collected.jobs, 1);
  EXPECT_GE(collected.job_bytes, 3000);
  EXPECT_FALSE(HasJob(large));
  EXPECT_TRUE(HasJob(small));
}

TEST_F(CollectorTest, JobsGoInSmallBatches) {
  for (int i = 0; i < 250; ++i) Run();
  clock_.Advance(31 * kDay);
  EXPECT_EQ(Sweep().jobs, 250);
  EXPECT_THAT(batches_, ElementsAre(100, 100, 50));
}

TEST_F(CollectorTest, PastTheBytesOfLogsTheOldestHoursGoButNotTheLastOnes) {
  // Random enough that it is as large on disk.
  std::string noise;
  for (uint64_t i = 0, x = 1; i < 12'000; ++i) {
    absl::StrAppend(&noise, x = x * 6364136223846793005 + 1, "\n");
  }
  const std::string first = Run({.log = noise});
  clock_.Advance(absl::Hours(1));
  const std::string second = Run({.log = noise});
  clock_.Advance(absl::Hours(1));
  const std::string third = Run({.log = noise});
  EXPECT_EQ(Sweep({"*:log-bytes=300KiB"}).log_hours, 1);
  EXPECT_FALSE(HasLog(first));
  EXPECT_TRUE(HasLog(second));
  EXPECT_TRUE(HasLog(third));
  EXPECT_EQ(Sweep({"*:log-bytes=0"}).log_hours, 0)
      << "the hour that goes on and the one before are left alone";
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Sweep({"*:log-bytes=0"}).log_hours, 2);
  EXPECT_FALSE(HasLog(third));
}

TEST_F(CollectorTest, LogsGoOnceNoJobOfTheirHourIsLeft) {
  const std::string first = Run();
  clock_.Advance(absl::Hours(3));
  const std::string second = Run();
  clock_.Advance(absl::Hours(3));
  const Collected collected = Sweep({"*:jobs=1"});
  EXPECT_EQ(collected.jobs, 1);
  EXPECT_EQ(collected.log_hours, 1);
  EXPECT_FALSE(HasLog(first));
  EXPECT_TRUE(HasLog(second));
  Sweep({"*:jobs=0"});
  EXPECT_FALSE(HasLog(second)) << "also where no job is left at all";
}

TEST_F(CollectorTest, EachNamespaceHasItsLimits) {
  const std::string mine = Run();
  const std::string theirs = Run({.name_space = "nightly"});
  clock_.Advance(kDay);
  Sweep({"*:job-age=1h", "nightly:job-age=7d"});
  EXPECT_FALSE(HasJob(mine));
  EXPECT_TRUE(HasJob(theirs));
}

TEST_F(CollectorTest, WhatARemovalThatWasCutOffLeftIsRemovedByTheNext) {
  Run();
  const std::string left = dir_.path() + "/logs/default/.removed-20200101T00";
  std::filesystem::create_directories(left + "/exec_x");
  Sweep();
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(CollectorTest, LargeUnusedSpaceGoesBackToTheFileSystem) {
  for (int i = 0; i < 40; ++i) Run({.output_bytes = 4 << 20});
  clock_.Advance(31 * kDay);
  const Collected collected = Sweep();
  EXPECT_GE(collected.reclaimed_bytes, 60 << 20);
  EXPECT_LE(*store_->GetUnusedBytes(), Collector::kKeptUnusedBytes);
}

TEST_F(CollectorTest, AReaderOfARemovedLogComesToItsEnd) {
  const std::string job = Run();
  const LogKey key = keys_.at(job);
  const auto subscription = logs_->Subscribe(key, [](uint64_t) {});
  ASSERT_TRUE(subscription.ok());
  clock_.Advance(40 * kDay);
  Sweep();
  const auto page = logs_->Read(key, 0, 1000);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->chunks, IsEmpty());
  EXPECT_TRUE(page->at_end);
}

}  // namespace
}  // namespace cronium::controller
