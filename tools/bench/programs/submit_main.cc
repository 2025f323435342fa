// SPDX-License-Identifier: Apache-2.0
// cronium-bench-submit: for each line on stdin, runs one job and prints, as one line of JSON, how
// long that took from CreateJob to its reported end, and where the time went. One connection for
// all, so that a job's time has no process start and no handshake in it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "common/rpc/status.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {
namespace {

struct Flags {
  std::string controller;
  std::string data_dir;
  std::string image = "cronium/bash";
  std::string script = "#!/bin/sh\ntrue\n";
  bool dev = false;
};

class Submitter {
 public:
  Submitter(const Target* target, const Flags* flags)
      : target_(target),
        flags_(flags),
        channel_(target->ClientChannel()),
        stub_(v1::JobService::NewStub(channel_)) {}

  absl::StatusOr<std::string> RunOne() {
    v1::CreateJobRequest create;
    create.mutable_spec()->mutable_container()->set_image(flags_->image);
    create.mutable_spec()->mutable_container()->mutable_script()->set_content(flags_->script);
    create.set_request_id(absl::StrCat("bench-", RandomBase62(22)));
    const RealClock clock;
    const int64_t begun_ns = clock.BoottimeNs();
    v1::CreateJobResponse created;
    grpc::ClientContext create_context;
    target_->IdentifyClient(&create_context);
    const grpc::Status status = stub_->CreateJob(&create_context, create, &created);
    if (!status.ok()) return FromGrpcStatus(status);
    const int64_t accepted_ns = clock.BoottimeNs();
    absl::StatusOr<v1::Job> job = WaitForEnd(created.job().id());
    if (!job.ok()) return job.status();
    const int64_t ended_ns = clock.BoottimeNs();
    if (job->state() != v1::JOB_STATE_SUCCEEDED) {
      return absl::InternalError(absl::StrCat(
          job->id(), " ended as ", v1::JobState_Name(job->state()), ": ", job->state_message()));
    }
    return absl::StrCat("{\"ms\": ", Ms(ended_ns - begun_ns),
                        ", \"accept_ms\": ", Ms(accepted_ns - begun_ns), Phases(job->id()), "}");
  }

 private:
  static std::string Ms(int64_t ns) {
    return absl::StrFormat("%.3f", static_cast<double>(ns) / 1e6);
  }
  static int64_t Ns(const google::protobuf::Timestamp& time) {
    return time.seconds() * 1'000'000'000 + time.nanos();
  }

  absl::StatusOr<v1::Job> WaitForEnd(const std::string& job_id) {
    grpc::ClientContext context;
    target_->IdentifyClient(&context);
    v1::WatchJobsRequest request;
    request.add_job_ids(job_id);
    const auto reader = stub_->WatchJobs(&context, request);
    v1::WatchJobsResponse response;
    v1::Job job;
    while (reader->Read(&response)) job = response.job();
    const grpc::Status status = reader->Finish();
    if (!status.ok()) return FromGrpcStatus(status);
    return job;
  }

  // By the clocks of controller and agent, which are one where all run on this host.
  std::string Phases(const std::string& job_id) {
    grpc::ClientContext context;
    target_->IdentifyClient(&context);
    v1::GetJobRequest request;
    request.set_job_id(job_id);
    request.set_include_executions(true);
    v1::GetJobResponse response;
    if (!stub_->GetJob(&context, request, &response).ok() || response.executions_size() != 1) {
      return "";
    }
    const v1::Execution& execution = response.executions(0);
    return absl::StrCat(
        ", \"queued_ms\": ", Ms(Ns(execution.assign_time()) - Ns(response.job().create_time())),
        ", \"preparing_ms\": ", Ms(Ns(execution.start_time()) - Ns(execution.assign_time())),
        ", \"running_ms\": ", Ms(Ns(execution.end_time()) - Ns(execution.start_time())));
  }

  const Target* const target_;
  const Flags* const flags_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::JobService::Stub> stub_;
};

int Main(int argc, char** argv) {
  CLI::App app("Runs a job for each line on stdin and prints how long it took",
               "cronium-bench-submit");
  Flags flags;
  app.add_option("--controller", flags.controller, "HOST:PORT")->required();
  app.add_option("--controller-data-dir", flags.data_dir,
                 "Its data folder, for the CA and the token (not with --dev)");
  app.add_option("--image", flags.image, "Image of the jobs")->capture_default_str();
  app.add_option("--script", flags.script, "Their script")->capture_default_str();
  app.add_flag("--dev", flags.dev, "Clear text");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel("error").IgnoreError();
  PrepareGrpc();
  const absl::StatusOr<Target> target =
      flags.dev ? Target::Dev(flags.controller) : Target::Tls(flags.controller, flags.data_dir);
  if (!target.ok()) {
    std::cerr << "cronium-bench-submit: " << target.status() << "\n";
    return 2;
  }
  Submitter submitter(&*target, &flags);
  std::string line;
  while (std::getline(std::cin, line)) {
    const absl::StatusOr<std::string> result = submitter.RunOne();
    if (!result.ok()) {
      std::cerr << "cronium-bench-submit: " << result.status() << "\n";
      return 1;
    }
    std::cout << *result << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
