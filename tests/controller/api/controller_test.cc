// SPDX-License-Identifier: Apache-2.0
// The whole controller in this process, with an agent that the test plays.
#include "controller/process/controller.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "common/error.h"
#include "common/file.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status.h"
#include "controller/process/certificates.h"
#include "controller/process/init.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "cronium/v1/node_service.grpc.pb.h"
#include "cronium/v1/runtime_service.grpc.pb.h"
#include "cronium/v1/variable_service.grpc.pb.h"
#include "tests/controller/api/controller_fixture.h"
#include "tests/controller/api/sim_agent.h"

namespace cronium::controller {
namespace {

TEST_F(ControllerTest, RunsAJobAndShowsItsLogAndResult) {
  SimAgent agent(Channel(), "n1");
  const std::string job = Create();
  const v1::Assignment assignment = agent.NextAssignment();
  EXPECT_EQ(assignment.job_id(), job);
  EXPECT_EQ(assignment.spec().container().script().content(), "echo hello");
  EXPECT_FALSE(assignment.token().empty());
  const std::string execution = assignment.execution_id();
  agent.Report(execution, v1::EXECUTION_STATE_RUNNING);
  agent.SendLog(execution, 1, "one\ntwo\n");
  agent.SendLog(execution, 3, "oops\n", v1::LOG_STREAM_STDERR);
  agent.Report(execution, v1::EXECUTION_STATE_SUCCEEDED, /*last_seq=*/3);
  EXPECT_EQ(Wait(job).state(), v1::JOB_STATE_SUCCEEDED);

  grpc::ClientContext context;
  v1::GetJobResultRequest request;
  request.set_job_id(job);
  v1::GetJobResultResponse response;
  ASSERT_TRUE(jobs_->GetJobResult(&context, request, &response).ok());
  EXPECT_EQ(response.result().text(), "one\ntwo\n--- STDERR ---\noops\n");
  EXPECT_EQ(response.result().output().streams().stdout(), "one\ntwo\n");
  EXPECT_EQ(response.result().log().last_seq(), 3u);
}

TEST_F(ControllerTest, ShowsAJobAsEndedOnlyWithItsWholeLog) {
  SimAgent agent(Channel(), "n1");
  const std::string job = Create();
  const std::string execution = agent.NextAssignment().execution_id();
  agent.Report(execution, v1::EXECUTION_STATE_SUCCEEDED, /*last_seq=*/2);
  agent.SendLog(execution, 1, "one\n");
  EXPECT_EQ(agent.NextAck().durable_seq(), 1u);
  EXPECT_EQ(Get(job).job().state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Get(job).executions(0).state(), v1::EXECUTION_STATE_FINALIZING);
  agent.SendLog(execution, 2, "two\n");
  EXPECT_EQ(Wait(job).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Get(job).executions(0).log().last_seq(), 2u);
}

TEST_F(ControllerTest, FollowsALogLiveAndEndsWithTheJob) {
  SimAgent agent(Channel(), "n1");
  const std::string job = Create();
  const std::string execution = agent.NextAssignment().execution_id();
  agent.SendLog(execution, 1, "before\n");
  EXPECT_EQ(agent.NextAck().durable_seq(), 1u);

  grpc::ClientContext context;
  v1::FollowLogsRequest request;
  request.set_job_id(job);
  request.set_follow(true);
  auto reader = jobs_->FollowLogs(&context, request);
  v1::FollowLogsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.chunks(0).data(), "before\n");
  agent.SendLog(execution, 2, "after\n");
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.chunks(0).data(), "after\n");
  EXPECT_EQ(response.chunks(0).first_seq(), 2u);
  agent.Report(execution, v1::EXECUTION_STATE_FAILED, 2, v1::END_REASON_EXITED, 7);
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.job().state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(response.job().exit_code(), 7);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ControllerTest, FollowsAJobFromBeforeItHasANode) {
  const std::string job = Create();
  grpc::ClientContext context;
  v1::FollowLogsRequest request;
  request.set_job_id(job);
  request.set_follow(true);
  auto reader = jobs_->FollowLogs(&context, request);
  SimAgent agent(Channel(), "n1");
  // The job was queued before the session, so that it comes with or after the Welcome.
  std::string execution;
  while (execution.empty()) execution = Get(job).job().execution_id();
  agent.SendLog(execution, 1, "hello\n");
  v1::FollowLogsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.chunks(0).data(), "hello\n");
}

TEST_F(ControllerTest, ALogStreamEndsAlsoWhereItsEndAndAnAnswerComeTogether) {
  for (int i = 0; i < 50; ++i) {
    SimAgent agent(Channel(), "n1");
    agent.SendLog("exec-that-is-unknown", 1, "answered at once\n");
    int acks = 0;
    const grpc::Status ended = agent.EndLogs(&acks);
    EXPECT_TRUE(ended.ok()) << ended.error_message();
    EXPECT_EQ(acks, 1);
  }
}

TEST_F(ControllerTest, AnswersRepeatedAndMissingLogEntries) {
  SimAgent agent(Channel(), "n1");
  Create();
  const std::string execution = agent.NextAssignment().execution_id();
  agent.SendLog(execution, 1, "a\nb\n");
  EXPECT_EQ(agent.NextAck().durable_seq(), 2u);
  agent.SendLog(execution, 2, "b\nc\n");
  EXPECT_EQ(agent.NextAck().durable_seq(), 3u);
  agent.SendLog(execution, 9, "z\n");
  const v1::LogAck gap = agent.NextAck();
  EXPECT_TRUE(gap.rewind());
  EXPECT_EQ(gap.durable_seq(), 3u);
  agent.SendLog("exec_zzzzzzzzzzzz", 1, "x\n");
  EXPECT_TRUE(agent.NextAck().unknown());
}

TEST_F(ControllerTest, KeepsEverythingOverARestart) {
  std::string job;
  std::string execution;
  {
    SimAgent agent(Channel(), "n1");
    job = Create();
    execution = agent.NextAssignment().execution_id();
    agent.Report(execution, v1::EXECUTION_STATE_RUNNING);
    agent.SendLog(execution, 1, "one\n");
    EXPECT_EQ(agent.NextAck().durable_seq(), 1u);
  }
  Restart();
  EXPECT_EQ(Get(job).job().state(), v1::JOB_STATE_RUNNING);
  // The new agent's journal does not know the execution that had begun on its host: it is asked to
  // look for it, not to begin it, and its word that it is gone is followed by another attempt.
  SimAgent agent(Channel(), "n1");
  const v1::Assignment began = agent.NextAssignment();
  EXPECT_EQ(began.execution_id(), execution);
  EXPECT_TRUE(began.began());
  agent.Report(execution, v1::EXECUTION_STATE_LOST, 1, v1::END_REASON_NODE_LOST);
  const v1::Assignment second = agent.NextAssignment();
  EXPECT_EQ(second.job_id(), job);
  EXPECT_EQ(second.attempt(), 2);
  EXPECT_EQ(Get(job).executions(0).state(), v1::EXECUTION_STATE_LOST);
  EXPECT_EQ(Get(job).executions(0).log().last_seq(), 1u);
}

TEST_F(ControllerTest, StopsARunningJobOnCancel) {
  SimAgent agent(Channel(), "n1");
  const std::string job = Create();
  const std::string execution = agent.NextAssignment().execution_id();
  grpc::ClientContext context;
  v1::CancelJobRequest request;
  request.set_job_id(job);
  v1::CancelJobResponse response;
  ASSERT_TRUE(jobs_->CancelJob(&context, request, &response).ok());
  EXPECT_TRUE(response.job().cancel_requested());
  EXPECT_EQ(agent.NextStop().execution_id(), execution);
  agent.Report(execution, v1::EXECUTION_STATE_CANCELLED, 0, v1::END_REASON_CANCELLED, 143);
  EXPECT_EQ(Wait(job).state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(ControllerTest, EndsTheOlderOfTwoSessionsOfANode) {
  SimAgent older(Channel(), "n1");
  SimAgent newer(Channel(), "n1");
  EXPECT_EQ(ErrorReason(FromGrpcStatus(older.ReadToEnd())), "SESSION_SUPERSEDED");
}

TEST_F(ControllerTest, CreatesOneJobForOneRequestId) {
  v1::CreateJobRequest request = HelloJob();
  request.set_request_id("r1");
  const std::string job = Create(request);
  EXPECT_EQ(Create(request), job);
  Restart();
  EXPECT_EQ(Create(request), job);
  request.mutable_spec()->set_priority(5);
  EXPECT_EQ(ErrorReason(CreateStatus(request)), "REQUEST_ID_REUSED");
}

TEST_F(ControllerTest, NamesTheFieldOfABadRequest) {
  v1::CreateJobRequest request = HelloJob();
  request.mutable_spec()->mutable_container()->clear_image();
  const absl::Status status = CreateStatus(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("spec.container.image"), std::string::npos) << status;
}

TEST_F(ControllerTest, SaysWhyAJobWaits) {
  const v1::Job job = Get(Create()).job();
  EXPECT_EQ(job.state_reason(), "NO_NODES");
  EXPECT_FALSE(job.state_message().empty());
}

TEST_F(ControllerTest, ListsJobsPageByPageNewestFirst) {
  std::vector<std::string> created;
  for (int i = 0; i < 5; ++i) created.push_back(Create());
  std::vector<std::string> listed;
  v1::ListJobsRequest request;
  request.set_page_size(2);
  do {
    grpc::ClientContext context;
    v1::ListJobsResponse response;
    ASSERT_TRUE(jobs_->ListJobs(&context, request, &response).ok());
    for (const v1::Job& job : response.jobs()) listed.push_back(job.id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  std::reverse(listed.begin(), listed.end());
  EXPECT_EQ(listed, created);
}

TEST_F(ControllerTest, ServesVariablesToScriptsAndPeopleAlike) {
  SimAgent agent(Channel(), "n1");
  Create();
  const v1::Assignment assignment = agent.NextAssignment();
  auto runtime = v1::RuntimeService::NewStub(Channel());
  grpc::ClientContext write_context;
  write_context.AddMetadata("cronium-dev-node", "n1");
  write_context.AddMetadata("cronium-execution-token", assignment.token());
  v1::WriteVariableRequest write;
  write.set_key("a/b");
  write.set_value_json("{\"n\": 9007199254740993}");
  v1::WriteVariableResponse written;
  const grpc::Status status = runtime->WriteVariable(&write_context, write, &written);
  ASSERT_TRUE(status.ok()) << status.error_message();

  auto variables = v1::VariableService::NewStub(Channel());
  grpc::ClientContext read_context;
  v1::GetVariableRequest read;
  read.set_key("a/b");
  v1::GetVariableResponse response;
  ASSERT_TRUE(variables->GetVariable(&read_context, read, &response).ok());
  EXPECT_EQ(response.variable().value_json(), "{\"n\": 9007199254740993}");
  EXPECT_EQ(response.variable().etag(), written.etag());
  EXPECT_EQ(response.variable().updater(), assignment.execution_id());
}

TEST_F(ControllerTest, ReadsVariablesOfManyExecutionsInOneCallAndRefusesEachByItself) {
  SimAgent agent(Channel(), "n1");
  Create();
  const v1::Assignment live = agent.NextAssignment();
  Create();
  const v1::Assignment ended = agent.NextAssignment();
  agent.Report(ended.execution_id(), v1::EXECUTION_STATE_SUCCEEDED, /*last_seq=*/0);
  Wait(ended.job_id());
  auto runtime = v1::RuntimeService::NewStub(Channel());
  for (const char* key : {"small", "big-1", "big-2", "big-3"}) {
    grpc::ClientContext context;
    context.AddMetadata("cronium-dev-node", "n1");
    context.AddMetadata("cronium-execution-token", live.token());
    v1::WriteVariableRequest write;
    write.set_key(key);
    write.set_value_json(
        key == std::string("small") ? "1" : "\"" + std::string((1 << 20) - 10, 'x') + "\"");
    v1::WriteVariableResponse written;
    ASSERT_TRUE(runtime->WriteVariable(&context, write, &written).ok());
  }
  const auto read = [&](const std::string& node, const v1::ReadVariablesRequest& request,
                        v1::ReadVariablesResponse* response) {
    grpc::ClientContext context;
    if (!node.empty()) context.AddMetadata("cronium-dev-node", node);
    return FromGrpcStatus(runtime->ReadVariables(&context, request, response));
  };
  const auto add = [](int token, const std::string& key, v1::ReadVariablesRequest* request) {
    request->add_items()->set_execution_token(token);
    request->mutable_items(request->items_size() - 1)->set_key(key);
  };
  v1::ReadVariablesRequest request;
  for (const std::string& token : {live.token(), ended.token(), std::string("forged")}) {
    request.add_execution_tokens(token);
  }
  add(0, "small", &request);
  add(1, "small", &request);
  add(2, "small", &request);
  add(0, "missing", &request);
  add(0, "", &request);
  v1::ReadVariablesResponse response;
  ASSERT_TRUE(read("n1", request, &response).ok());
  ASSERT_EQ(response.items_size(), 5);
  EXPECT_EQ(response.items(0).variable().value_json(), "1");
  EXPECT_FALSE(response.items(0).variable().etag().empty());
  const auto reason = [&](int i) { return ErrorReason(FromProto(response.items(i).error())); };
  EXPECT_EQ(reason(1), "EXECUTION_ENDED");
  EXPECT_EQ(reason(2), "TOKEN_INVALID");
  EXPECT_EQ(reason(3), "VARIABLE_NOT_FOUND");
  EXPECT_EQ(response.items(4).error().code(), 3);  // INVALID_ARGUMENT

  // The tokens are of n1, and only nodes may call.
  v1::ReadVariablesResponse elsewhere;
  ASSERT_TRUE(read("n2", request, &elsewhere).ok());
  EXPECT_EQ(ErrorReason(FromProto(elsewhere.items(0).error())), "WRONG_NODE");
  EXPECT_EQ(ErrorReason(read("", request, &elsewhere)), "NODE_CERTIFICATE_REQUIRED");

  // Large values come in several answers, in order and without a gap.
  v1::ReadVariablesRequest large;
  large.add_execution_tokens(live.token());
  for (int i = 0; i < 9; ++i) add(0, i % 2 == 0 ? "big-1" : "big-2", &large);
  v1::ReadVariablesResponse part;
  ASSERT_TRUE(read("n1", large, &part).ok());
  EXPECT_LT(part.items_size(), 9);
  EXPECT_GT(part.items_size(), 2);
  EXPECT_EQ(part.items(1).variable().key(), "big-2");

  add(1, "small", &large);
  EXPECT_TRUE(absl::IsInvalidArgument(read("n1", large, &part)));
  v1::ReadVariablesRequest many;
  many.add_execution_tokens(live.token());
  for (int i = 0; i < 257; ++i) add(0, "small", &many);
  EXPECT_TRUE(absl::IsInvalidArgument(read("n1", many, &part)));
}

TEST(ControllerTls, AsksForATokenAndForCertificates) {
  char pattern[] = "/tmp/cronium-controller-XXXXXX";
  const DataDir data{mkdtemp(pattern)};
  ASSERT_TRUE(Init(data, {"c1", {"127.0.0.1"}}, absl::Now()).ok());
  EXPECT_EQ(Init(data, {"c1", {}}, absl::Now()).code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(IssueNodeCertificate(data, "n1", data.path + "/n1", absl::Now()).ok());
  ControllerOptions options;
  options.data = data;
  options.listen = "127.0.0.1:0";
  auto controller = Controller::Start(options);
  ASSERT_TRUE(controller.ok()) << controller.status();
  const std::string address = "127.0.0.1:" + std::to_string((*controller)->port());

  auto plain = grpc::CreateChannel(address, *ClientTls({data.ca_certificate(), "", ""}));
  auto jobs = v1::JobService::NewStub(plain);
  const auto create = [&](const std::string& authorization) {
    grpc::ClientContext context;
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    v1::CreateJobResponse response;
    return FromGrpcStatus(jobs->CreateJob(&context, HelloJob(), &response));
  };
  EXPECT_EQ(ErrorReason(create("")), "TOKEN_MISSING");
  EXPECT_EQ(create("").code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ErrorReason(create("Bearer guess")), "TOKEN_INVALID");
  std::string token = *ReadFile(data.admin_token());
  token.pop_back();
  EXPECT_TRUE(create("Bearer " + token).ok());

  const auto session = [&](std::shared_ptr<grpc::Channel> channel) {
    grpc::ClientContext context;
    auto stub = v1::AgentService::NewStub(channel);
    auto stream = stub->Session(&context);
    v1::SessionResponse response;
    EXPECT_FALSE(stream->Read(&response));
    return FromGrpcStatus(stream->Finish());
  };
  EXPECT_EQ(ErrorReason(session(plain)), "NODE_CERTIFICATE_REQUIRED");
  SimAgent agent(
      grpc::CreateChannel(address, *ClientTls({data.ca_certificate(), data.path + "/n1/node.crt",
                                               data.path + "/n1/node.key"})),
      "ignored-outside-of-dev");
  EXPECT_EQ(agent.NextAssignment().attempt(), 1);
  (*controller)->Stop(absl::Milliseconds(100));
  std::filesystem::remove_all(data.path);
}

// ---- Full disks and retention

TEST_F(ControllerTest, OnAFullDiskItTakesAndPlacesNoJobButWhatRunsGoesOn) {
  SimAgent agent(Channel(), "n1");
  v1::CreateJobRequest request = HelloJob();
  request.set_request_id("one");
  const std::string running = Create(request);
  const std::string execution = agent.NextAssignment().execution_id();
  agent.Report(execution, v1::EXECUTION_STATE_RUNNING);
  EXPECT_EQ(Get(running).executions(0).id(), execution);

  ControllerOptions full;
  full.disk_reserve_bytes = int64_t{1} << 60;
  Restart(full);
  const absl::Status status = CreateStatus(HelloJob());
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
  EXPECT_EQ(RetryDelay(status), absl::Seconds(10));
  EXPECT_NE(status.message().find(folder_), std::string::npos) << status;
  EXPECT_EQ(Create(request), running) << "what was accepted before is still answered";

  SimAgent again(Channel(), "n1", {{execution, v1::EXECUTION_STATE_RUNNING}});
  again.SendLog(execution, 1, "one\n");
  again.Report(execution, v1::EXECUTION_STATE_SUCCEEDED, /*last_seq=*/1);
  while (Get(running).executions(0).state() != v1::EXECUTION_STATE_FINALIZING) {
  }
  EXPECT_EQ(Get(running).executions(0).log().last_seq(), 0u) << "no log is stored";

  Restart();
  SimAgent last(Channel(), "n1", {{execution, v1::EXECUTION_STATE_SUCCEEDED}});
  last.SendLog(execution, 1, "one\n");
  EXPECT_EQ(Wait(running).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Get(running).executions(0).log().last_seq(), 1u);
  EXPECT_TRUE(CreateStatus(HelloJob()).ok());
}

TEST_F(ControllerTest, ARemovedJobIsNotFoundAndItsRequestIdIsFree) {
  SimAgent agent(Channel(), "n1");
  v1::CreateJobRequest request = HelloJob();
  request.set_request_id("one");
  const std::string first = Create(request);
  agent.Report(agent.NextAssignment().execution_id(), v1::EXECUTION_STATE_SUCCEEDED);
  Wait(first);
  EXPECT_EQ(Create(request), first);

  ControllerOptions options;
  options.retention = *RetentionPolicy::Parse({"*:jobs=0"});
  options.retention_period = absl::Milliseconds(20);
  Restart(options);
  grpc::ClientContext context;
  v1::GetJobRequest get;
  get.set_job_id(first);
  v1::GetJobResponse response;
  absl::Status status;
  while (status.ok()) {
    grpc::ClientContext next;
    status = FromGrpcStatus(jobs_->GetJob(&next, get, &response));
  }
  EXPECT_EQ(ErrorReason(status), "JOB_NOT_FOUND");
  EXPECT_NE(Create(request), first);
}

TEST_F(ControllerTest, AJobWhoseLogWasRemovedSaysSo) {
  SimAgent agent(Channel(), "n1");
  const std::string job = Create();
  const std::string execution = agent.NextAssignment().execution_id();
  agent.SendLog(execution, 1, "one\ntwo\n");
  agent.Report(execution, v1::EXECUTION_STATE_SUCCEEDED, /*last_seq=*/2);
  Wait(job);
  controller_->Stop(absl::ZeroDuration());
  controller_.reset();
  std::filesystem::remove_all(DataDir{folder_}.logs() + "/default");
  Start();

  EXPECT_TRUE(Get(job).executions(0).log().collected());
  EXPECT_EQ(Get(job).executions(0).log().last_seq(), 2u);
  grpc::ClientContext context;
  v1::FollowLogsRequest follow;
  follow.set_job_id(job);
  follow.set_after_seq(1);
  auto reader = jobs_->FollowLogs(&context, follow);
  v1::FollowLogsResponse message;
  ASSERT_TRUE(reader->Read(&message));
  ASSERT_EQ(message.chunks_size(), 1);
  EXPECT_TRUE(message.chunks(0).cut().collected());
  EXPECT_EQ(message.chunks(0).cut().first_seq(), 2u);
  EXPECT_EQ(message.chunks(0).cut().last_seq(), 2u);
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.job().state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_TRUE(reader->Finish().ok());

  grpc::ClientContext result_context;
  v1::GetJobResultRequest request;
  request.set_job_id(job);
  v1::GetJobResultResponse response;
  ASSERT_TRUE(jobs_->GetJobResult(&result_context, request, &response).ok());
  EXPECT_TRUE(response.result().log().collected());
  EXPECT_TRUE(response.result().truncated());
  EXPECT_EQ(response.result().text(), "");
}

}  // namespace
}  // namespace cronium::controller
