// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_API_CONTROLLER_FIXTURE_H_
#define CRONIUM_TESTS_CONTROLLER_API_CONTROLLER_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "common/rpc/credentials.h"
#include "common/rpc/status.h"
#include "controller/process/controller.h"
#include "cronium/v1/job_service.grpc.pb.h"

namespace cronium::controller {

inline v1::CreateJobRequest HelloJob() {
  v1::CreateJobRequest request;
  request.mutable_spec()->mutable_container()->set_image("cronium/bash");
  request.mutable_spec()->mutable_container()->mutable_script()->set_content("echo hello");
  return request;
}

// The whole controller in this process, in a folder of its own.
class ControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/cronium-controller-XXXXXX";
    folder_ = mkdtemp(pattern);
    Start();
  }
  void TearDown() override {
    if (controller_ != nullptr) controller_->Stop(absl::Milliseconds(100));
    controller_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start(ControllerOptions options = {}) {
    options.data.path = folder_;
    options.listen = "127.0.0.1:0";
    options.dev = true;
    auto controller = Controller::Start(options);
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    jobs_ = v1::JobService::NewStub(Channel());
  }
  void Restart(ControllerOptions options = {}) {
    controller_->Stop(absl::ZeroDuration());
    controller_.reset();
    Start(std::move(options));
  }
  std::shared_ptr<grpc::Channel> Channel() {
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(controller_->port()),
                                     DevChannelCredentials(), ClientChannelArguments(true));
  }

  std::string Create(const v1::CreateJobRequest& request = HelloJob()) {
    grpc::ClientContext context;
    v1::CreateJobResponse response;
    const grpc::Status status = jobs_->CreateJob(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.job().id();
  }
  absl::Status CreateStatus(const v1::CreateJobRequest& request) {
    grpc::ClientContext context;
    v1::CreateJobResponse response;
    return FromGrpcStatus(jobs_->CreateJob(&context, request, &response));
  }
  v1::GetJobResponse Get(const std::string& job_id) {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_job_id(job_id);
    request.set_include_executions(true);
    v1::GetJobResponse response;
    EXPECT_TRUE(jobs_->GetJob(&context, request, &response).ok());
    return response;
  }
  // Waits for the job's end.
  v1::Job Wait(const std::string& job_id) {
    grpc::ClientContext context;
    v1::WatchJobsRequest request;
    request.add_job_ids(job_id);
    auto reader = jobs_->WatchJobs(&context, request);
    v1::WatchJobsResponse response;
    v1::Job last;
    while (reader->Read(&response)) last = response.job();
    EXPECT_TRUE(reader->Finish().ok());
    return last;
  }

  std::string folder_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_API_CONTROLLER_FIXTURE_H_
