// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/controller/core/cluster.h"

namespace cronium::controller {
namespace {

TEST(LifeOfAJob, IsAcceptedAndWaitsUntilANodeJoins) {
  Cluster cluster;
  const std::string job = cluster.Submit();
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(cluster.core().wait_reasons().begin()->second.reason, "NO_NODES");

  cluster.Connect("n1");
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(job).node(), "n1");
}

TEST(LifeOfAJob, IsAssignedInTheSameOutputThatMakesItsExecutionDurable) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  ASSERT_EQ(cluster.last().sends.size(), 1u);
  const v1::Assignment& assignment = cluster.last().sends[0].message.assignments().assignments(0);
  EXPECT_EQ(assignment.execution_id(), cluster.ExecutionOf(job));
  EXPECT_EQ(assignment.attempt(), 1);
  EXPECT_EQ(cluster.last().sends[0].specs.size(), 1u);
}

TEST(LifeOfAJob, RunsAndEndsWithItsExitCode) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Report("n1", execution, v1::EXECUTION_STATE_PREPARING);
  cluster.Report("n1", execution, v1::EXECUTION_STATE_RUNNING);
  EXPECT_TRUE(cluster.job(job).has_start_time());
  cluster.Finish("n1", execution, 3);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(cluster.job(job).exit_code(), 3);
  EXPECT_EQ(cluster.job(job).end_reason(), v1::END_REASON_EXITED);
  EXPECT_EQ(cluster.execution(execution).state(), v1::EXECUTION_STATE_FAILED);
}

TEST(LifeOfAJob, DoesNotEndBeforeItsLogIsWhole) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Report("n1", execution, v1::EXECUTION_STATE_RUNNING);
  cluster.Tell(LogDurable{execution, 99});
  cluster.Report("n1", execution, v1::EXECUTION_STATE_SUCCEEDED, Cluster::Exited(0, 100));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.execution(execution).state(), v1::EXECUTION_STATE_FINALIZING);

  cluster.Tell(LogDurable{execution, 100});
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(cluster.execution(execution).log().last_seq(), 100u);
}

TEST(LifeOfAJob, FreesItsNodeOnceTheScriptEndedThoughTheLogIsStillToCome) {
  Cluster cluster;
  cluster.Connect("n1", /*slots=*/1);
  const std::string first = cluster.Submit();
  const std::string second = cluster.Submit();
  EXPECT_EQ(cluster.job(second).state(), v1::JOB_STATE_QUEUED);
  cluster.Report("n1", cluster.ExecutionOf(first), v1::EXECUTION_STATE_SUCCEEDED,
                 Cluster::Exited(0, 5));
  EXPECT_EQ(cluster.job(first).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(second).state(), v1::JOB_STATE_RUNNING);
}

TEST(LifeOfAJob, IsNotChangedByARepeatedOrLateReport) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Report("n1", execution, v1::EXECUTION_STATE_RUNNING);
  cluster.Report("n1", execution, v1::EXECUTION_STATE_PREPARING);
  EXPECT_EQ(cluster.execution(execution).state(), v1::EXECUTION_STATE_RUNNING);
  cluster.Finish("n1", execution, 0);
  cluster.Finish("n1", execution, 7);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(cluster.last().changes.empty());
  // The agent is still told that it may forget the report.
  ASSERT_EQ(cluster.last().sends.size(), 1u);
  EXPECT_TRUE(cluster.last().sends[0].message.has_report_ack());
}

TEST(LifeOfAJob, IsCreatedOnceForOneRequestId) {
  Cluster cluster;
  const auto first = cluster.TrySubmit(Cluster::Spec(), "request-1");
  const auto second = cluster.TrySubmit(Cluster::Spec(), "request-1");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->id(), second->id());
  EXPECT_EQ(cluster.core().live_jobs(), 1u);
}

TEST(LifeOfAJob, IsRefusedWithARetryTimeWhenTheBacklogIsFull) {
  CoreOptions options;
  options.max_live_jobs = 2;
  Cluster cluster(options);
  cluster.Submit();
  cluster.Submit();
  const absl::Status refused = cluster.TrySubmit().status();
  EXPECT_EQ(ErrorReason(refused), "QUEUE_FULL");
  EXPECT_GT(RetryDelay(refused), absl::ZeroDuration());
}

TEST(LifeOfAJob, IsRefusedWhenItIsPinnedToAnUnknownNode) {
  Cluster cluster;
  v1::JobSpec spec = Cluster::Spec();
  spec.mutable_placement()->set_node("nowhere");
  const absl::Status refused = cluster.TrySubmit(spec).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.message().find("spec.placement.node"), std::string::npos) << refused;
}

TEST(LifeOfAJob, TimesOutInTheQueue) {
  Cluster cluster;
  v1::JobSpec spec = Cluster::Spec();
  spec.mutable_timeouts()->mutable_queue()->set_seconds(30);
  const std::string job = cluster.Submit(spec);
  cluster.Pass(absl::Seconds(29));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_QUEUED);
  EXPECT_TRUE(cluster.core().next_due().has_value());
  cluster.Pass(absl::Seconds(1));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_TIMED_OUT);
  EXPECT_EQ(cluster.job(job).end_reason(), v1::END_REASON_QUEUE_TIMEOUT);
  cluster.Connect("n1");
  EXPECT_TRUE(cluster.ExecutionOf(job).empty());
}

TEST(LifeOfAJob, KnowsTheConditionThatTheScriptSet) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Tell(ScriptCondition{execution, true});
  EXPECT_TRUE(cluster.last().empty()) << "it is durable already";
  cluster.Finish("n1", execution);
  EXPECT_TRUE(cluster.execution(execution).condition());
  cluster.Tell(ScriptCondition{execution, false});
  EXPECT_TRUE(cluster.last().empty());
}

TEST(LifeOfAJob, GoesOnAfterARestartOfTheController) {
  Cluster before;
  before.Connect("n1");
  const std::string running = before.Submit();
  const std::string finalizing = before.Submit();
  before.Report("n1", before.ExecutionOf(finalizing), v1::EXECUTION_STATE_SUCCEEDED,
                Cluster::Exited(0, 10));

  Cluster after;
  Output loaded;
  after.mutable_core().Load(before.StoredState(), {{before.ExecutionOf(finalizing), 10}},
                            after.now(), &loaded);
  // The log was whole already: the job's end was all that was missing.
  bool ended = false;
  for (const v1::Job& job : loaded.jobs) {
    if (job.id() == finalizing) ended = job.state() == v1::JOB_STATE_SUCCEEDED;
  }
  EXPECT_TRUE(ended);
  after.Connect("n1", 10, {{before.ExecutionOf(running), v1::EXECUTION_STATE_RUNNING}});
  const v1::Welcome& welcome = after.last().sends[0].message.welcome();
  ASSERT_EQ(welcome.keep_size(), 1);
  EXPECT_EQ(welcome.keep(0), before.ExecutionOf(running));
  after.Finish("n1", before.ExecutionOf(running));
  EXPECT_EQ(after.job(running).state(), v1::JOB_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace cronium::controller
