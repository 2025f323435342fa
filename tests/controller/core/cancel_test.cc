// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/controller/core/cluster.h"

namespace cronium::controller {
namespace {

v1::ExecutionEnd Cancelled() {
  v1::ExecutionEnd end;
  end.set_reason(v1::END_REASON_CANCELLED);
  end.set_exit_code(143);
  return end;
}

TEST(Cancel, EndsAQueuedJobAtOnce) {
  Cluster cluster;
  const std::string job = cluster.Submit();
  const auto answer = cluster.Cancel(job);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(cluster.job(job).end_reason(), v1::END_REASON_CANCELLED);
  cluster.Connect("n1");
  EXPECT_EQ(cluster.core().queued_jobs(), 0u);
  EXPECT_TRUE(cluster.ExecutionOf(job).empty());
}

TEST(Cancel, StopsARunningJobAndEndsItWhenTheNodeSaysSo) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const auto answer = cluster.Cancel(job);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->state(), v1::JOB_STATE_RUNNING);
  EXPECT_TRUE(answer->cancel_requested());
  ASSERT_EQ(cluster.last().sends.size(), 1u);
  const v1::Stop& stop = cluster.last().sends[0].message.stops().stops(0);
  EXPECT_EQ(stop.execution_id(), cluster.ExecutionOf(job));
  EXPECT_EQ(stop.reason(), v1::END_REASON_CANCELLED);

  cluster.Report("n1", cluster.ExecutionOf(job), v1::EXECUTION_STATE_CANCELLED, Cancelled());
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(cluster.job(job).exit_code(), 143);
  EXPECT_EQ(cluster.job(job).state_message(), "cancelled: no longer needed");
}

TEST(Cancel, IsSentOnceHoweverOftenItIsAsked) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  EXPECT_TRUE(cluster.Cancel(job).ok());
  EXPECT_TRUE(cluster.Cancel(job).ok());
  EXPECT_TRUE(cluster.last().sends.empty());
}

TEST(Cancel, ReachesANodeThatWasAwayWithItsNextSession) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Disconnect("n1");
  EXPECT_TRUE(cluster.Cancel(job).ok());
  EXPECT_TRUE(cluster.last().sends.empty());
  cluster.Connect("n1", 10, {{execution, v1::EXECUTION_STATE_RUNNING}});
  const v1::Welcome& welcome = cluster.last().sends[0].message.welcome();
  ASSERT_EQ(welcome.stops_size(), 1);
  EXPECT_EQ(welcome.stops(0).execution_id(), execution);
}

TEST(Cancel, LeavesTheEndOfAScriptThatHasEndedByItself) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  cluster.Report("n1", cluster.ExecutionOf(job), v1::EXECUTION_STATE_SUCCEEDED,
                 Cluster::Exited(0, 5));
  const auto answer = cluster.Cancel(job);
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer->cancel_requested());
  cluster.Tell(LogDurable{cluster.ExecutionOf(job), 5});
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST(Cancel, OfAJobThatIsNotLiveSaysSo) {
  Cluster cluster;
  EXPECT_EQ(ErrorReason(cluster.Cancel("job_000000000009").status()), "JOB_NOT_LIVE");
}

TEST(Cancel, PreventsAnotherAttemptWhenTheNodeIsLost) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  EXPECT_TRUE(cluster.Cancel(job).ok());
  cluster.Disconnect("n1");
  cluster.Pass(absl::Minutes(11));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_CANCELLED);
}

}  // namespace
}  // namespace cronium::controller
