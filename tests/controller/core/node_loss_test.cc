// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/controller/core/cluster.h"

namespace cronium::controller {
namespace {

// Long enough for the default lost_after of 10 min, its grace and the stop grace.
constexpr absl::Duration kPastTheLease = absl::Minutes(11);

std::string RunningJob(Cluster* cluster, v1::JobSpec spec = Cluster::Spec()) {
  cluster->Connect("n1");
  const std::string job = cluster->Submit(std::move(spec));
  cluster->Report("n1", cluster->ExecutionOf(job), v1::EXECUTION_STATE_RUNNING);
  return job;
}

TEST(NodeLoss, ChangesNothingBeforeTheLeaseEnded) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  cluster.Disconnect("n1");
  EXPECT_EQ(cluster.node("n1").state(), v1::NODE_STATE_UNREACHABLE);
  cluster.Pass(absl::Minutes(10));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
}

TEST(NodeLoss, IsFollowedByAnotherAttemptElsewhere) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  const std::string first = cluster.ExecutionOf(job);
  cluster.Disconnect("n1");
  cluster.Connect("n2");
  cluster.Pass(kPastTheLease);
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_LOST);
  EXPECT_EQ(cluster.execution(first).end_reason(), v1::END_REASON_NODE_LOST);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(job).attempt(), 2);
  EXPECT_EQ(cluster.job(job).node(), "n2");
}

TEST(NodeLoss, EndsTheJobAfterItsLastAttempt) {
  Cluster cluster;
  v1::JobSpec spec = Cluster::Spec();
  spec.set_max_attempts(1);
  const std::string job = RunningJob(&cluster, spec);
  cluster.Disconnect("n1");
  cluster.Pass(kPastTheLease);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(cluster.job(job).end_reason(), v1::END_REASON_NODE_LOST);
}

TEST(NodeLoss, IsNeverDeclaredForAJobThatIsToBeKept) {
  Cluster cluster;
  v1::JobSpec spec = Cluster::Spec();
  spec.set_on_lost(v1::LOST_ACTION_KEEP);
  const std::string job = RunningJob(&cluster, spec);
  cluster.Disconnect("n1");
  cluster.Pass(absl::Hours(100));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
}

TEST(NodeLoss, IsAvertedByANodeThatComesBackInTime) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  cluster.Disconnect("n1");
  cluster.Pass(absl::Minutes(9));
  cluster.Connect("n1", 10, {{cluster.ExecutionOf(job), v1::EXECUTION_STATE_RUNNING}});
  cluster.Pass(absl::Hours(1));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(job).attempt(), 1);
}

TEST(NodeLoss, IsProvedByANodeThatComesBackWithoutWhatItRan) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  const std::string first = cluster.ExecutionOf(job);
  cluster.Disconnect("n1");
  cluster.Connect("n1", 10, {}, "boot-2");
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_LOST);
  EXPECT_NE(cluster.execution(first).message().find("rebooted"), std::string::npos);
  EXPECT_EQ(cluster.job(job).attempt(), 2);
}

TEST(NodeLoss, IsNotAssumedOfAnAssignmentThatMayNeverHaveArrived) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Disconnect("n1");
  cluster.Connect("n1");
  EXPECT_EQ(cluster.ExecutionOf(job), execution);
  EXPECT_EQ(cluster.last().sends[0].message.welcome().assignments(0).execution_id(), execution);
}

TEST(NodeLoss, EndsAJobWhoseLogDiedWithItsNodeAsUncertain) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  cluster.Report("n1", cluster.ExecutionOf(job), v1::EXECUTION_STATE_SUCCEEDED,
                 Cluster::Exited(0, 50));
  cluster.Disconnect("n1");
  cluster.Pass(kPastTheLease);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(cluster.execution(cluster.ExecutionOf(job)).log().uncertain());
}

}  // namespace
}  // namespace cronium::controller
