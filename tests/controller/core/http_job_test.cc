// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/controller/core/cluster.h"

namespace cronium::controller {
namespace {

v1::JobSpec Http(const char* method = "GET") {
  v1::JobSpec spec;
  spec.mutable_http()->set_url("https://example.com/");
  spec.mutable_http()->set_method(method);
  FillSpecDefaults(&spec);
  return spec;
}

// The call that the last step started; an empty one where it started none.
HttpCommand Started(const Cluster& cluster) {
  for (const HttpCommand& command : cluster.last().http) {
    if (command.give_up == v1::END_REASON_UNSPECIFIED) return command;
  }
  return {};
}

void Tell(Cluster* cluster, const std::string& execution, v1::EndReason reason,
          const std::string& output = "") {
  HttpOutcome outcome;
  outcome.execution_id = execution;
  outcome.end.set_reason(reason);
  outcome.end.set_last_seq(3);
  outcome.output_json = output;
  cluster->Tell(std::move(outcome));
}

// What a controller that takes over the other's store makes of it.
struct Restarted {
  explicit Restarted(Cluster* before) { cluster.Restore(before->StoredState()); }
  Cluster cluster;
};

TEST(HttpJob, RunsWithoutANodeFromTheCommitOn) {
  Cluster cluster;
  const std::string job = cluster.Submit(Http());
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(job).node(), "");
  EXPECT_TRUE(cluster.job(job).has_start_time());
  const std::string execution = cluster.ExecutionOf(job);
  EXPECT_EQ(cluster.execution(execution).state(), v1::EXECUTION_STATE_RUNNING);
  // The call leaves with the output whose changes make the execution durable.
  const HttpCommand started = Started(cluster);
  EXPECT_EQ(started.execution.id(), execution);
  EXPECT_EQ(started.spec->http().url(), "https://example.com/");
  EXPECT_TRUE(cluster.last().sends.empty());
}

TEST(HttpJob, EndsAsItsCallCameOut) {
  Cluster cluster;
  const std::string good = cluster.Submit(Http());
  Tell(&cluster, cluster.ExecutionOf(good), v1::END_REASON_RESPONDED, "{\"status\":200}");
  EXPECT_EQ(cluster.job(good).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(cluster.job(good).end_reason(), v1::END_REASON_RESPONDED);
  EXPECT_FALSE(cluster.job(good).has_exit_code());
  EXPECT_EQ(cluster.execution(cluster.ExecutionOf(good)).log().last_seq(), 3u);
  EXPECT_EQ(std::get<PutOutput>(cluster.last().changes[0]).output_json, "{\"status\":200}");

  const std::string bad = cluster.Submit(Http());
  Tell(&cluster, cluster.ExecutionOf(bad), v1::END_REASON_UNEXPECTED_STATUS);
  EXPECT_EQ(cluster.job(bad).state(), v1::JOB_STATE_FAILED);
  const std::string silent = cluster.Submit(Http());
  Tell(&cluster, cluster.ExecutionOf(silent), v1::END_REASON_NO_RESPONSE);
  EXPECT_EQ(cluster.job(silent).state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(cluster.core().live_jobs(), 0u);
}

TEST(HttpJob, IsNotChangedByASecondOutcome) {
  Cluster cluster;
  const std::string job = cluster.Submit(Http());
  Tell(&cluster, cluster.ExecutionOf(job), v1::END_REASON_RESPONDED);
  Tell(&cluster, cluster.ExecutionOf(job), v1::END_REASON_NO_RESPONSE);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(cluster.last().empty());
}

TEST(HttpJob, WaitsForItsTurnAndSaysSo) {
  CoreOptions options;
  options.max_http_jobs = 1;
  Cluster cluster(options);
  const std::string first = cluster.Submit(Http());
  v1::JobSpec spec = Http();
  const std::string second = cluster.Submit(spec);
  spec.set_priority(5);
  const std::string urgent = cluster.Submit(spec);
  EXPECT_EQ(cluster.job(second).state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(cluster.core().wait_reasons().at(PlacementClass(spec)).reason, "HTTP_LIMIT");
  // Jobs in containers have nothing to do with it.
  cluster.Connect("n1");
  EXPECT_EQ(cluster.job(cluster.Submit()).state(), v1::JOB_STATE_RUNNING);

  Tell(&cluster, cluster.ExecutionOf(first), v1::END_REASON_RESPONDED);
  EXPECT_EQ(cluster.job(urgent).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(cluster.job(second).state(), v1::JOB_STATE_QUEUED);
}

TEST(HttpJob, TimesOutInTheQueue) {
  CoreOptions options;
  options.max_http_jobs = 1;
  Cluster cluster(options);
  cluster.Submit(Http());
  v1::JobSpec spec = Http();
  spec.mutable_timeouts()->mutable_queue()->set_seconds(10);
  const std::string job = cluster.Submit(spec);
  cluster.Pass(absl::Seconds(10));
  EXPECT_EQ(cluster.job(job).end_reason(), v1::END_REASON_QUEUE_TIMEOUT);
}

TEST(HttpJob, IsCancelledWhileItWaitsAndWhileItRuns) {
  CoreOptions options;
  options.max_http_jobs = 1;
  Cluster cluster(options);
  const std::string running = cluster.Submit(Http());
  const std::string waiting = cluster.Submit(Http());
  EXPECT_EQ(cluster.Cancel(waiting)->state(), v1::JOB_STATE_CANCELLED);

  const auto answer = cluster.Cancel(running);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->cancel_requested());
  ASSERT_EQ(cluster.last().http.size(), 1u);
  EXPECT_EQ(cluster.last().http[0].give_up, v1::END_REASON_CANCELLED);
  EXPECT_EQ(cluster.last().http[0].execution.id(), cluster.ExecutionOf(running));
  // Asking twice gives it up once.
  ASSERT_TRUE(cluster.Cancel(running).ok());
  EXPECT_TRUE(cluster.last().http.empty());
  Tell(&cluster, cluster.ExecutionOf(running), v1::END_REASON_CANCELLED);
  EXPECT_EQ(cluster.job(running).state(), v1::JOB_STATE_CANCELLED);
}

TEST(HttpJob, KeepsAnAnswerThatOvertookTheCancel) {
  Cluster cluster;
  const std::string job = cluster.Submit(Http());
  ASSERT_TRUE(cluster.Cancel(job).ok());
  Tell(&cluster, cluster.ExecutionOf(job), v1::END_REASON_RESPONDED);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST(HttpJob, IsGivenUpWhenItsRunTimeIsOver) {
  Cluster cluster;
  v1::JobSpec spec = Http();
  spec.mutable_timeouts()->mutable_run()->set_seconds(60);
  const std::string job = cluster.Submit(spec);
  cluster.Pass(absl::Seconds(59));
  EXPECT_TRUE(cluster.last().http.empty());
  cluster.Pass(absl::Seconds(1));
  ASSERT_EQ(cluster.last().http.size(), 1u);
  EXPECT_EQ(cluster.last().http[0].give_up, v1::END_REASON_RUN_TIMEOUT);
  Tell(&cluster, cluster.ExecutionOf(job), v1::END_REASON_RUN_TIMEOUT);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_TIMED_OUT);
}

TEST(HttpJob, IsAttemptedAgainAfterARestartWhereThatDoesNoHarm) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}) {
    Cluster before;
    const std::string job = before.Submit(Http(method));
    Restarted after(&before);
    EXPECT_EQ(after.cluster.execution(before.ExecutionOf(job)).state(), v1::EXECUTION_STATE_LOST);
    EXPECT_EQ(after.cluster.execution(before.ExecutionOf(job)).end_reason(),
              v1::END_REASON_OUTCOME_UNKNOWN);
    EXPECT_EQ(after.cluster.job(job).state(), v1::JOB_STATE_RUNNING) << method;
    EXPECT_EQ(after.cluster.job(job).attempt(), 2);
    EXPECT_NE(after.cluster.ExecutionOf(job), before.ExecutionOf(job));
  }
  Cluster before;
  v1::JobSpec repeatable = Http("POST");
  repeatable.mutable_http()->set_repeatable(true);
  const std::string job = before.Submit(repeatable);
  EXPECT_EQ(Restarted(&before).cluster.job(job).attempt(), 2);
}

TEST(HttpJob, EndsWithAnUnknownOutcomeAfterARestartWhereItMustNotBeSentTwice) {
  for (const char* method : {"POST", "PATCH", "PURGE"}) {
    Cluster before;
    const std::string job = before.Submit(Http(method));
    Restarted after(&before);
    EXPECT_EQ(after.cluster.job(job).state(), v1::JOB_STATE_FAILED) << method;
    EXPECT_EQ(after.cluster.job(job).end_reason(), v1::END_REASON_OUTCOME_UNKNOWN);
    EXPECT_EQ(after.cluster.job(job).attempt(), 1);
    EXPECT_EQ(after.cluster.core().live_jobs(), 0u);
  }
}

TEST(HttpJob, UsesUpItsAttempts) {
  Cluster before;
  v1::JobSpec once = Http();
  once.set_max_attempts(1);
  const std::string job = before.Submit(once);
  EXPECT_EQ(Restarted(&before).cluster.job(job).end_reason(), v1::END_REASON_OUTCOME_UNKNOWN);
}

TEST(HttpJob, ThatWasToBeCancelledIsCancelledAfterARestart) {
  Cluster before;
  const std::string job = before.Submit(Http());
  ASSERT_TRUE(before.Cancel(job).ok());
  EXPECT_EQ(Restarted(&before).cluster.job(job).state(), v1::JOB_STATE_CANCELLED);
}

TEST(HttpJob, ThatWaitedRunsAfterARestart) {
  CoreOptions options;
  options.max_http_jobs = 1;
  Cluster before(options);
  before.Submit(Http("POST"));
  const std::string waiting = before.Submit(Http("POST"));
  Restarted after(&before);
  EXPECT_EQ(after.cluster.job(waiting).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(after.cluster.job(waiting).attempt(), 1);
}

}  // namespace
}  // namespace cronium::controller
