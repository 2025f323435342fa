// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/log_follow.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/status.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "tools/bench/log_programs/bench_line.h"
#include "tools/bench/log_programs/lag_histogram.h"
#include "tools/bench/log_programs/line_check.h"

namespace cronium::bench {
namespace {

constexpr int kMaxReconnects = 100;
constexpr auto kReconnectDelay = std::chrono::milliseconds(100);

// One job's stream. What its one outstanding operation is tells what its completion means.
struct Following {
  enum class Step { kStarting, kReading, kFinishing, kPausing };

  Following(std::string id, const std::string* block, LagHistogram* lags)
      : job_id(std::move(id)), check(block, lags) {}

  const std::string job_id;
  LineCheck check;
  std::string execution_id;
  uint64_t last_seq = 0;
  v1::Job job;

  Step step = Step::kStarting;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::FollowLogsResponse>> reader;
  v1::FollowLogsResponse message;
  grpc::Status status;
  grpc::Alarm pause;
};

class Followers {
 public:
  Followers(const Target& target, const LogFollowOptions& options)
      : target_(target),
        options_(options),
        stub_(v1::JobService::NewStub(target.ClientChannel())),
        block_(MakeLineBlock()) {
    for (const std::string& id : options.job_ids) {
      all_.push_back(std::make_unique<Following>(id, &block_, &lags_));
    }
  }

  ~Followers() {
    for (const auto& one : all_) {
      if (one->context != nullptr) one->context->TryCancel();
      one->pause.Cancel();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::StatusOr<FollowResult> Run() {
    for (const auto& one : all_) Begin(one.get());
    size_t open = all_.size();
    while (open > 0) {
      void* tag = nullptr;
      bool ok = false;
      const auto deadline =
          std::chrono::system_clock::now() + absl::ToChronoNanoseconds(options_.patience);
      if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
        return absl::DeadlineExceededError(absl::StrCat("nothing came for ",
                                                        absl::FormatDuration(options_.patience),
                                                        ", and ", open, " logs are open"));
      }
      const absl::StatusOr<bool> ended = Advance(static_cast<Following*>(tag), ok);
      if (!ended.ok()) return ended.status();
      if (*ended) --open;
    }
    return Sum();
  }

 private:
  void Begin(Following* one) {
    // It lives in the call that goes with the context.
    one->reader.reset();
    one->context = std::make_unique<grpc::ClientContext>();
    target_.IdentifyClient(one->context.get());
    v1::FollowLogsRequest request;
    request.set_job_id(one->job_id);
    request.set_follow(!options_.replay);
    request.set_after_seq(one->last_seq);
    request.set_after_execution_id(one->execution_id);
    one->step = Following::Step::kStarting;
    one->reader = stub_->AsyncFollowLogs(one->context.get(), request, &queue_, one);
  }

  // Whether the log is over.
  absl::StatusOr<bool> Advance(Following* one, bool ok) {
    switch (one->step) {
      case Following::Step::kReading:
        if (ok) {
          if (absl::Status taken = Take(one); !taken.ok()) return taken;
        }
        [[fallthrough]];
      case Following::Step::kStarting:
        one->step = ok ? Following::Step::kReading : Following::Step::kFinishing;
        if (ok) {
          one->reader->Read(&one->message, one);
        } else {
          one->reader->Finish(&one->status, one);
        }
        return false;
      case Following::Step::kFinishing:
        return Finish(one);
      case Following::Step::kPausing:
        Begin(one);
        return false;
    }
    return absl::InternalError("no such step");
  }

  absl::Status Take(Following* one) {
    const int64_t now_ns = RealtimeNs();
    for (const v1::LogChunk& chunk : one->message.chunks()) {
      if (chunk.has_cut()) {
        return absl::DataLossError(absl::StrCat(one->job_id, ": entries ", chunk.cut().first_seq(),
                                                " to ", chunk.cut().last_seq(), " are not kept"));
      }
      if (chunk.first_seq() != one->last_seq + 1) {
        return absl::DataLossError(absl::StrCat(one->job_id, ": entry ", chunk.first_seq(),
                                                " comes after ", one->last_seq));
      }
      one->last_seq += chunk.entry_count();
      one->check.Add(chunk.data(), now_ns);
    }
    if (!one->message.execution_id().empty()) one->execution_id = one->message.execution_id();
    if (one->message.has_job()) one->job = one->message.job();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Finish(Following* one) {
    if (one->status.error_code() == grpc::StatusCode::UNAVAILABLE && reconnects_ < kMaxReconnects) {
      ++reconnects_;
      one->step = Following::Step::kPausing;
      one->pause.Set(&queue_, std::chrono::system_clock::now() + kReconnectDelay, one);
      return false;
    }
    if (!one->status.ok()) return FromGrpcStatus(one->status);
    if (one->job.state() != v1::JOB_STATE_SUCCEEDED) {
      return absl::InternalError(absl::StrCat(one->job_id, " ended as ",
                                              v1::JobState_Name(one->job.state()), ": ",
                                              one->job.state_message()));
    }
    one->check.End(options_.lines);
    return true;
  }

  FollowResult Sum() const {
    FollowResult result;
    for (const auto& one : all_) {
      result.counts.Add(one->check.counts());
      result.entries += one->last_seq;
    }
    result.reconnects = reconnects_;
    result.SetLags(lags_);
    return result;
  }

  const Target& target_;
  const LogFollowOptions& options_;
  const std::unique_ptr<v1::JobService::Stub> stub_;
  const std::string block_;
  LagHistogram lags_;
  int reconnects_ = 0;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Following>> all_;
};

}  // namespace

absl::StatusOr<FollowResult> FollowJobLogs(const Target& target, const LogFollowOptions& options) {
  return Followers(target, options).Run();
}

}  // namespace cronium::bench
