// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/job_load.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/ids.h"
#include "common/rpc/status.h"
#include "tools/bench/programs/now_ns.h"
#include "tools/bench/programs/small_spec.h"

namespace cronium::bench {
namespace {

constexpr char kRequestPrefix[] = "bench-";

}  // namespace

struct JobLoad::Call {
  grpc::ClientContext context;
  v1::CreateJobRequest request;
  v1::CreateJobResponse response;
};

JobLoad::JobLoad(const Target* target, JobLoadOptions options,
                 std::function<void(const absl::Status&)> on_failure)
    : target_(target),
      options_(options),
      on_failure_(std::move(on_failure)),
      spec_(SmallSpec()),
      submit_channel_(target->ClientChannel()),
      submit_stub_(v1::JobService::NewStub(submit_channel_)),
      watch_channel_(target->ClientChannel()),
      watch_stub_(v1::JobService::NewStub(watch_channel_)) {}

JobLoad::~JobLoad() {
  watch_context_.TryCancel();
  if (watcher_.joinable()) watcher_.join();
  MutexLock lock(&mutex_);
  draining_ = true;
  while (calls_ > 0) changed_.Wait(&mutex_);
}

void JobLoad::Start() {
  target_->IdentifyClient(&watch_context_);
  watcher_ = std::thread([this] { Watch(); });
  MutexLock lock(&mutex_);
  for (int i = 0; i < options_.calls; ++i) Submit();
}

void JobLoad::Submit() {
  if (draining_ || failed_ || calls_ >= options_.calls || live_ >= options_.live_jobs) return;
  auto* call = new Call();
  target_->IdentifyClient(&call->context);
  *call->request.mutable_spec() = spec_;
  // As the command-line client does: the controller looks each one up.
  call->request.set_request_id(absl::StrCat(kRequestPrefix, begun_ns_.size()));
  begun_ns_.push_back(NowNs());
  ++calls_;
  ++live_;
  submit_stub_->async()->CreateJob(
      &call->context, &call->request, &call->response,
      [this, call](const grpc::Status& status) { OnCreated(call, status); });
}

void JobLoad::OnCreated(Call* call, const grpc::Status& status) {
  if (!status.ok()) Fail(FromGrpcStatus(status));
  delete call;
  MutexLock lock(&mutex_);
  --calls_;
  Submit();
  changed_.NotifyAll();
}

void JobLoad::Watch() {
  const std::unique_ptr<grpc::ClientReader<v1::WatchJobsResponse>> reader =
      watch_stub_->WatchJobs(&watch_context_, {});
  v1::WatchJobsResponse response;
  while (reader->Read(&response)) {
    if (response.job().state() >= v1::JOB_STATE_SUCCEEDED) OnEnded(response.job());
  }
  const absl::Status status = FromGrpcStatus(reader->Finish());
  if (!absl::IsCancelled(status)) Fail(status);
}

void JobLoad::OnEnded(const v1::Job& job) {
  if (job.state() != v1::JOB_STATE_SUCCEEDED) {
    Fail(absl::InternalError(absl::StrCat(job.id(), " ended as ", v1::JobState_Name(job.state()),
                                          ": ", job.state_message())));
    return;
  }
  absl::string_view number = job.request_id();
  size_t index = 0;
  MutexLock lock(&mutex_);
  if (!absl::ConsumePrefix(&number, kRequestPrefix) || !absl::SimpleAtoi(number, &index) ||
      index >= begun_ns_.size()) {
    return;  // Not ours.
  }
  // The present state at the stream's start may show an end that comes again as a change.
  const int64_t begun_ns = std::exchange(begun_ns_[index], 0);
  if (begun_ns == 0) return;
  ++interval_.ended;
  interval_.latencies.push_back(NowNs() - begun_ns);
  --live_;
  Submit();
  changed_.NotifyAll();
}

LoadInterval JobLoad::TakeInterval() {
  MutexLock lock(&mutex_);
  return std::exchange(interval_, {});
}

void JobLoad::Drain() {
  MutexLock lock(&mutex_);
  draining_ = true;
  while (live_ > 0 && !failed_) changed_.Wait(&mutex_);
}

void JobLoad::Fail(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    changed_.NotifyAll();
    if (std::exchange(failed_, true)) return;
  }
  on_failure_(status);
}

}  // namespace cronium::bench
