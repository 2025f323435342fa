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
  cluster.PassInContact("n2", kPastTheLease);
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
  cluster.PassInContact("n1", absl::Hours(1));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(job).attempt(), 1);
}

// The Hello may be one that was under way since before the reboot, while the host has begun the job
// since: only the agent's own report says that it is gone.
TEST(NodeLoss, IsNotProvedByAHelloOfAnotherBootAlone) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  const std::string first = cluster.ExecutionOf(job);
  cluster.Connect("n1", 10, {}, "an older boot");
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_RUNNING);
  EXPECT_TRUE(cluster.last().sends[1].message.assignments().assignments(0).began());

  cluster.Connect("n1", 10, {{first, v1::EXECUTION_STATE_RUNNING}});
  cluster.PassInContact("n1", absl::Hours(1));
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_RUNNING);
}

// Of a job that is kept, no lease would ever tell.
TEST(NodeLoss, IsProvedByAHostThatIsRebootedAfterItsJournalWasLost) {
  Cluster cluster;
  v1::JobSpec spec = Cluster::Spec();
  spec.set_on_lost(v1::LOST_ACTION_KEEP);
  cluster.Connect("n1");
  const std::string job = cluster.Submit(std::move(spec));
  const std::string first = cluster.ExecutionOf(job);
  // It may have been begun under the journal that is gone, so the new one must not begin it.
  cluster.Connect("n1", 10, {}, "boot-1", "another journal");
  ASSERT_TRUE(cluster.last().sends[1].message.assignments().assignments(0).began());
  // That did not arrive, and the host lost power.
  cluster.Connect("n1", 10, {}, "boot-2", "another journal");
  const v1::Assignment& assignment = cluster.last().sends[1].message.assignments().assignments(0);
  EXPECT_EQ(assignment.execution_id(), first);
  EXPECT_TRUE(assignment.began());
  v1::ExecutionEnd end;
  end.set_reason(v1::END_REASON_NODE_LOST);
  cluster.Report("n1", first, v1::EXECUTION_STATE_LOST, end);
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
  ASSERT_EQ(cluster.last().sends.size(), 2u);
  const v1::Assignment& again = cluster.last().sends[1].message.assignments().assignments(0);
  EXPECT_EQ(again.execution_id(), execution);
  EXPECT_FALSE(again.began());
}

TEST(NodeLoss, IsForTheAgentToProveWhereTheHostStillRunsButTheJournalIsGone) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  const std::string first = cluster.ExecutionOf(job);
  cluster.Connect("n1", 10, {}, "boot-1", "another journal");
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_RUNNING);
  ASSERT_EQ(cluster.last().sends.size(), 2u);
  const v1::Assignment& assignment = cluster.last().sends[1].message.assignments().assignments(0);
  EXPECT_EQ(assignment.execution_id(), first);
  EXPECT_TRUE(assignment.began());
  v1::ExecutionEnd end;
  end.set_reason(v1::END_REASON_NODE_LOST);
  cluster.Report("n1", first, v1::EXECUTION_STATE_LOST, end);
  EXPECT_EQ(cluster.job(job).attempt(), 2);
}

TEST(NodeLoss, IsNotProvedByAnotherHostWithTheSameCertificate) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  const std::string first = cluster.ExecutionOf(job);
  cluster.Pass(absl::Seconds(10));
  cluster.Connect("n1", 10, {}, "boot of another host", "its journal");
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_RUNNING);
  // Its lease runs on, although the node is in contact.
  cluster.Pass(absl::Seconds(10));
  cluster.Connect("n1", 10, {}, "boot of another host", "its journal");
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_RUNNING);
  cluster.PassInContact("n1", kPastTheLease);
  EXPECT_EQ(cluster.execution(first).state(), v1::EXECUTION_STATE_LOST);
}

TEST(NodeLoss, OfTheContainerByItsEngineIsFollowedByAnotherAttempt) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  v1::ExecutionEnd end;
  end.set_reason(v1::END_REASON_RUNTIME_ERROR);
  cluster.Report("n1", cluster.ExecutionOf(job), v1::EXECUTION_STATE_LOST, end);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(job).attempt(), 2);
}

TEST(NodeLoss, IsSeenInASessionFromWhichNothingComes) {
  Cluster cluster;
  RunningJob(&cluster);
  cluster.Pass(absl::Seconds(40));
  ASSERT_EQ(cluster.last().ended_sessions.size(), 1u);
  EXPECT_EQ(ErrorReason(cluster.last().ended_sessions[0].reason), "SESSION_SILENT");
  EXPECT_EQ(cluster.node("n1").state(), v1::NODE_STATE_UNREACHABLE);
}

TEST(NodeLoss, OfALogsEndAloneEndsTheJobAsUncertain) {
  Cluster cluster;
  const std::string job = RunningJob(&cluster);
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Report("n1", execution, v1::EXECUTION_STATE_SUCCEEDED, Cluster::Exited(0, 50));
  cluster.Connect("n1");  // Its Hello names no log.
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(cluster.execution(execution).log().uncertain());
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
