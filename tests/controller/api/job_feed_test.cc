// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_feed.h"

#include <gtest/gtest.h>

namespace cronium::controller {
namespace {

v1::Job Job(const std::string& id, const std::string& name_space = "default") {
  v1::Job job;
  job.set_id(id);
  job.set_namespace_(name_space);
  return job;
}

TEST(JobFeed, TellsWatchersOfAJobAndOfItsNamespace) {
  JobFeed feed;
  std::string one;
  std::string all;
  const auto of_job =
      feed.Subscribe("default", {"job_a", "job_b"}, [&](const v1::Job& job) { one += job.id(); });
  const auto of_namespace =
      feed.Subscribe("default", {}, [&](const v1::Job& job) { all += job.id(); });
  feed.Publish(Job("job_a"));
  feed.Publish(Job("job_c"));
  feed.Publish(Job("job_d", "other"));
  EXPECT_EQ(one, "job_a");
  EXPECT_EQ(all, "job_ajob_c");
}

// What a watch tells its caller to go on from: an end that is known and not yet committed comes
// after it.
TEST(JobFeed, KnowsUntilWhenAllEndsWereTold) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  JobFeed feed(start);
  v1::Job job = Job("job_a");
  job.set_state(v1::JOB_STATE_RUNNING);
  feed.Publish(job);
  EXPECT_EQ(feed.EndsToldUntil(), start);
  job.set_state(v1::JOB_STATE_FAILED);
  job.mutable_end_time()->set_seconds(1005);
  feed.Publish(job);
  EXPECT_EQ(feed.EndsToldUntil(), absl::FromUnixSeconds(1005));
}

TEST(JobFeed, IsQuietOnceTheSubscriptionIsGone) {
  JobFeed feed;
  int calls = 0;
  auto subscription = feed.Subscribe("default", {"job_a"}, [&](const v1::Job&) { ++calls; });
  feed.Publish(Job("job_a"));
  subscription.reset();
  feed.Publish(Job("job_a"));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace cronium::controller
