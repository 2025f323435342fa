// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/controller/core/cluster.h"

namespace cronium::controller {
namespace {

TEST(Session, OfANewerAgentFencesTheOlder) {
  Cluster cluster;
  cluster.Connect("n1");
  const uint64_t older = cluster.session("n1");
  const std::string job = cluster.Submit();
  const std::string execution = cluster.ExecutionOf(job);
  cluster.Connect("n1", 10, {{execution, v1::EXECUTION_STATE_RUNNING}});
  ASSERT_EQ(cluster.last().ended_sessions.size(), 1u);
  EXPECT_EQ(cluster.last().ended_sessions[0].connection, older);
  EXPECT_EQ(ErrorReason(cluster.last().ended_sessions[0].reason), "SESSION_SUPERSEDED");

  NodeReports late;
  late.node = "n1";
  late.connection = older;
  v1::ExecutionReport* report = late.reports.add_reports();
  report->set_execution_id(execution);
  report->set_state(v1::EXECUTION_STATE_FAILED);
  cluster.Tell(std::move(late));
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_TRUE(cluster.last().empty());

  cluster.Tell(CloseSession{"n1", older});
  EXPECT_EQ(cluster.node("n1").state(), v1::NODE_STATE_READY);
}

TEST(Session, HasAnEpochThatGrows) {
  Cluster cluster;
  cluster.Connect("n1");
  const uint64_t first = cluster.last().sends[0].message.welcome().session_epoch();
  cluster.Connect("n1");
  EXPECT_GT(cluster.last().sends[0].message.welcome().session_epoch(), first);
}

TEST(Session, EchoesTheSendTimeOfEachHeartbeat) {
  Cluster cluster;
  cluster.Connect("n1");
  NodeHeartbeat heartbeat{"n1", cluster.session("n1"), {}};
  heartbeat.heartbeat.set_send_boottime_ns(12345);
  cluster.Tell(std::move(heartbeat));
  ASSERT_EQ(cluster.last().sends.size(), 1u);
  EXPECT_EQ(cluster.last().sends[0].message.heartbeat_ack().send_boottime_ns(), 12345);
  // Nothing to persist: a heartbeat costs no commit.
  EXPECT_TRUE(cluster.last().changes.empty());
}

TEST(Session, TellsTheAgentToForgetWhatIsNotWantedThere) {
  Cluster cluster;
  cluster.Connect("n1", 10, {{"exec_zzzzzzzzzzzz", v1::EXECUTION_STATE_RUNNING}});
  const v1::Welcome& welcome = cluster.last().sends[0].message.welcome();
  ASSERT_EQ(welcome.forget_size(), 1);
  EXPECT_EQ(welcome.forget(0), "exec_zzzzzzzzzzzz");
}

TEST(Session, WithABadConditionTakesNoJobsAndSaysWhy) {
  Cluster cluster;
  cluster.Connect("n1");
  NodeHeartbeat bad{"n1", cluster.session("n1"), {}};
  v1::NodeCondition* condition = bad.heartbeat.add_conditions();
  condition->set_type("RuntimeReady");
  condition->set_ok(false);
  condition->set_reason("ENGINE_UNREACHABLE");
  condition->set_message("connection refused");
  cluster.Tell(bad);
  EXPECT_EQ(cluster.node("n1").state(), v1::NODE_STATE_NOT_READY);
  const std::string job = cluster.Submit();
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_QUEUED);
  const WaitReason& wait = cluster.core().wait_reasons().begin()->second;
  EXPECT_EQ(wait.reason, "NODE_NOT_READY");
  EXPECT_NE(wait.message.find("ENGINE_UNREACHABLE"), std::string::npos) << wait.message;

  bad.heartbeat.mutable_conditions(0)->set_ok(true);
  cluster.Tell(bad);
  EXPECT_EQ(cluster.job(job).state(), v1::JOB_STATE_RUNNING);
}

}  // namespace
}  // namespace cronium::controller
