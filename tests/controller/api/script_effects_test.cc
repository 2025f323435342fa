// SPDX-License-Identifier: Apache-2.0
// What scripts change through RuntimeService, in a whole controller with its database.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status.h"
#include "common/token/token.h"
#include "controller/process/controller.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "cronium/v1/runtime_service.grpc.pb.h"
#include "tests/controller/api/sim_agent.h"

namespace cronium::controller {
namespace {

class ScriptEffectsTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/cronium-effects-XXXXXX";
    folder_ = mkdtemp(pattern);
    // So that a token outlives a restart, as it does outside of --dev.
    std::ofstream(DataDir{folder_}.token_key()) << *TokenSigner::GenerateKeyPem();
    Start();
    agent_ = std::make_unique<SimAgent>(Channel(), "n1");
    v1::CreateJobRequest request;
    request.mutable_spec()->mutable_container()->set_image("cronium/bash");
    request.mutable_spec()->mutable_container()->mutable_script()->set_content("true");
    grpc::ClientContext context;
    v1::CreateJobResponse response;
    ASSERT_TRUE(v1::JobService::NewStub(Channel())->CreateJob(&context, request, &response).ok());
    job_id_ = response.job().id();
    assignment_ = agent_->NextAssignment();
  }
  void TearDown() override {
    agent_.reset();
    controller_->Stop(absl::Milliseconds(100));
    controller_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    ControllerOptions options;
    options.data.path = folder_;
    options.listen = "127.0.0.1:0";
    options.dev = true;
    auto controller = Controller::Start(options);
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    runtime_ = v1::RuntimeService::NewStub(Channel());
  }
  std::shared_ptr<grpc::Channel> Channel() {
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(controller_->port()),
                                     DevChannelCredentials(), ClientChannelArguments(true));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::RuntimeService::Stub::*method)(
                                    grpc::ClientContext*, const Request&, Response*),
                                const Request& request) {
    grpc::ClientContext context;
    context.AddMetadata("cronium-dev-node", "n1");
    context.AddMetadata("cronium-execution-token", assignment_.token());
    Response response;
    const absl::Status status =
        FromGrpcStatus((runtime_.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  absl::StatusOr<v1::IncrementVariableResponse> Increment(const std::string& by,
                                                          const std::string& idempotency_key = "") {
    v1::IncrementVariableRequest request;
    request.set_key("n");
    request.set_by_json(by);
    request.set_idempotency_key(idempotency_key);
    return Call(&v1::RuntimeService::Stub::IncrementVariable, request);
  }
  absl::Status Append(const std::string& text, const std::string& separator,
                      const std::string& idempotency_key = "") {
    v1::AppendVariableRequest request;
    request.set_key("s");
    request.set_text_json(text);
    request.set_separator_json(separator);
    request.set_idempotency_key(idempotency_key);
    return Call(&v1::RuntimeService::Stub::AppendVariable, request).status();
  }
  absl::Status SetCondition(bool condition, const std::string& idempotency_key) {
    v1::SetConditionRequest request;
    request.set_condition(condition);
    request.set_idempotency_key(idempotency_key);
    return Call(&v1::RuntimeService::Stub::SetCondition, request).status();
  }
  std::string Value(const std::string& key) {
    v1::ReadVariableRequest request;
    request.set_key(key);
    const auto read = Call(&v1::RuntimeService::Stub::ReadVariable, request);
    return read.ok() ? read->variable().value_json() : ErrorReason(read.status());
  }
  v1::Execution Execution() {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_job_id(job_id_);
    request.set_include_executions(true);
    v1::GetJobResponse response;
    EXPECT_TRUE(v1::JobService::NewStub(Channel())->GetJob(&context, request, &response).ok());
    return response.executions(0);
  }

  std::string folder_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<v1::RuntimeService::Stub> runtime_;
  std::unique_ptr<SimAgent> agent_;
  std::string job_id_;
  v1::Assignment assignment_;
};

TEST_F(ScriptEffectsTest, ARepeatedIncrementCountsOnceAlsoAcrossARestart) {
  const auto first = Increment("41", "key-1");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->value_json(), "41");
  EXPECT_EQ(Increment("1")->value_json(), "42");
  agent_.reset();
  controller_->Stop(absl::ZeroDuration());
  controller_.reset();
  Start();
  const auto again = Increment("41", "key-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->value_json(), "41");
  EXPECT_EQ(again->etag(), first->etag());
  EXPECT_EQ(Value("n"), "42");
}

TEST_F(ScriptEffectsTest, AnAnswerIsTheFirstOneAndAnotherCallWithTheKeyIsRefused) {
  const auto first = Increment("1", "k");
  EXPECT_EQ(Increment("5")->value_json(), "6");
  const auto again = Increment("1", "k");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->value_json(), "1");
  EXPECT_EQ(again->etag(), first->etag());
  const absl::Status other = Increment("2", "k").status();
  EXPECT_EQ(other.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorReason(other), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(ErrorReason(Append("\"x\"", "", "k")), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(Value("n"), "6");
  EXPECT_EQ(Value("s"), "VARIABLE_NOT_FOUND");
}

TEST_F(ScriptEffectsTest, CallsAtOnceWithOneKeyAreOne) {
  std::vector<std::thread> callers;
  callers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 20; ++call) {
        const auto counted = Increment("1", absl::StrCat("key-", call));
        ASSERT_TRUE(counted.ok()) << counted.status();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(Value("n"), "20");
}

TEST_F(ScriptEffectsTest, ARepeatedAppendIsMadeOnce) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Append("\"a\"", "\",\"", "a").ok());
  EXPECT_TRUE(Append("\"\\u00e9\"", "\",\"").ok());
  EXPECT_EQ(Value("s"), "\"a,\\u00e9\"");
}

TEST_F(ScriptEffectsTest, ARepeatedConditionOrOutputDoesNotUndoALaterOne) {
  EXPECT_TRUE(SetCondition(true, "c1").ok());
  EXPECT_TRUE(SetCondition(false, "c2").ok());
  EXPECT_TRUE(SetCondition(true, "c1").ok());
  EXPECT_EQ(ErrorReason(SetCondition(false, "c1")), "IDEMPOTENCY_KEY_REUSED");
  v1::SetOutputRequest output;
  for (const char* text : {"1", "2", "1"}) {
    output.set_output_json(text);
    output.set_idempotency_key(absl::StrCat("o", text));
    EXPECT_TRUE(Call(&v1::RuntimeService::Stub::SetOutput, output).ok());
  }
  const v1::Execution execution = Execution();
  EXPECT_TRUE(execution.has_condition());
  EXPECT_FALSE(execution.condition());
  EXPECT_EQ(execution.output_json(), "2");
}

TEST_F(ScriptEffectsTest, WhatCannotBeDoneSaysWhy) {
  for (const char* by : {"", "x", "\"1\"", "1 2", "01"}) {
    EXPECT_EQ(ErrorReason(Increment(by).status()), "INVALID_REQUEST") << by;
  }
  EXPECT_EQ(ErrorReason(Increment("1", std::string(129, 'k')).status()), "INVALID_REQUEST");
  EXPECT_EQ(ErrorReason(Increment("1", "a\nb").status()), "INVALID_REQUEST");
  for (const char* text : {"", "x", "1", "\"a\"\"b\"", "[\"a\"]"}) {
    EXPECT_EQ(ErrorReason(Append(text, "")), "INVALID_REQUEST") << text;
    EXPECT_EQ(ErrorReason(Append("\"a\"", *text == 0 ? "x" : text)), "INVALID_REQUEST") << text;
  }
  EXPECT_TRUE(Append("\"text\"", "").ok());
  EXPECT_EQ(ErrorReason(Append(absl::StrCat("\"", std::string(1 << 20, 'x'), "\""), "")),
            "VARIABLE_TOO_LARGE");
  EXPECT_EQ(Value("s"), "\"text\"");
  EXPECT_EQ(Value("n"), "VARIABLE_NOT_FOUND");
}

TEST_F(ScriptEffectsTest, AnEndedExecutionChangesNothing) {
  agent_->Report(assignment_.execution_id(), v1::EXECUTION_STATE_RUNNING);
  EXPECT_TRUE(Increment("1", "k").ok());
  agent_->Report(assignment_.execution_id(), v1::EXECUTION_STATE_SUCCEEDED);
  while (Execution().state() != v1::EXECUTION_STATE_SUCCEEDED) {
  }
  EXPECT_EQ(ErrorReason(Increment("1", "k").status()), "EXECUTION_ENDED");
  EXPECT_EQ(ErrorReason(Increment("1").status()), "EXECUTION_ENDED");
}

}  // namespace
}  // namespace cronium::controller
