// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/log_follower.h"

#include <optional>
#include <utility>

#include "common/log_entries.h"
#include "tools/cronium/format.h"

namespace cronium::cli {
namespace {

// A stream that was open for so long had contact, though it brought nothing: connecting takes gRPC
// 20 s at most.
constexpr absl::Duration kWasConnected = absl::Seconds(30);

uint64_t FirstSeq(const v1::LogChunk& chunk) {
  return chunk.has_cut() ? chunk.cut().first_seq() : chunk.first_seq();
}

}  // namespace

LogFollower::LogFollower(Client* client, Cancellation* cancellation, Options options)
    : client_(client),
      cancellation_(cancellation),
      options_(std::move(options)),
      backoff_(options_.give_up_after, options_.clock, RandomSource()) {}

absl::StatusOr<v1::Job> LogFollower::Run(const v1::FollowLogsRequest& request, Sink sink) {
  while (true) {
    const int64_t began_ns = options_.clock->BoottimeNs();
    absl::StatusOr<std::optional<v1::Job>> result = ReadStream(request, sink);
    if (result.ok() && result->has_value()) return **std::move(result);
    if (cancellation_ != nullptr && cancellation_->cancelled()) {
      return absl::CancelledError("no longer followed");
    }
    if (result.ok()) continue;
    if (!sink_status_.ok()) return sink_status_;
    if (!IsLostContact(result.status())) return result.status();
    if (options_.clock->BoottimeNs() - began_ns >= absl::ToInt64Nanoseconds(kWasConnected)) {
      backoff_.Reset();
    }
    if (absl::Status waited = Wait(result.status()); !waited.ok()) return waited;
  }
}

absl::StatusOr<std::optional<v1::Job>> LogFollower::ReadStream(const v1::FollowLogsRequest& request,
                                                               Sink sink) {
  // What the caller asked for by name stays the only one.
  const bool named = !request.execution_id().empty();
  successor_.clear();
  if (!execution_id_.empty() && !named) {
    if (absl::Status status = FindSuccessor(request.job_id()); !status.ok()) return status;
  }
  v1::FollowLogsRequest next = request;
  if (!successor_.empty()) {
    next.set_execution_id(execution_id_);
    next.set_follow(false);
  }
  resumed_ = last_seq_ > 0;
  if (resumed_) next.set_after_seq(last_seq_);
  if (resumed_ || later_execution_) next.set_tail(0);

  received_ = false;
  std::optional<v1::Job> job;
  start_again_ = false;
  const absl::Status status =
      client_->FollowLogs(next, cancellation_, [&](const v1::FollowLogsResponse& message) {
        if (message.has_job()) job = message.job();
        return Receive(message, sink);
      });
  if (start_again_) return std::nullopt;
  if (!status.ok()) return status;
  if (!successor_.empty()) {
    BeginExecution(successor_);
    return std::nullopt;
  }
  if (!job.has_value() || (next.follow() && !IsEnded(job->state()))) {
    return absl::UnavailableError("the controller ended the stream early");
  }
  return job;
}

absl::Status LogFollower::FindSuccessor(const std::string& job_id) {
  v1::GetJobRequest request;
  request.set_job_id(job_id);
  request.set_include_executions(true);
  const absl::StatusOr<v1::GetJobResponse> response = client_->GetJob(request);
  if (!response.ok()) return response.status();
  bool seen = false;
  for (const v1::Execution& execution : response->executions()) {  // Oldest first.
    if (seen) {
      successor_ = execution.id();
      return absl::OkStatus();
    }
    seen = execution.id() == execution_id_;
  }
  return absl::OkStatus();
}

absl::Status LogFollower::Receive(v1::FollowLogsResponse message, Sink sink) {
  backoff_.Reset();
  if (std::exchange(out_of_contact_, false)) options_.on_found();
  const bool first = !std::exchange(received_, true);
  if (!message.execution_id().empty() && message.execution_id() != execution_id_) {
    BeginExecution(message.execution_id());
    // Another attempt took over just before the stream began, so that the number which it began
    // after was taken for one of that attempt's. It did not where its log comes from the start.
    const bool from_start = !message.chunks().empty() && FirstSeq(message.chunks(0)) == 1;
    if (first && resumed_ && !from_start) {
      start_again_ = true;
      return absl::CancelledError("start again");
    }
  }
  if (!successor_.empty()) message.clear_job();
  auto* chunks = message.mutable_chunks();
  int kept = 0;
  for (int i = 0; i < chunks->size(); ++i) {
    if (TrimSeen(chunks->Mutable(i))) chunks->SwapElements(kept++, i);
  }
  chunks->DeleteSubrange(kept, chunks->size() - kept);
  if (!chunks->empty() || message.has_job()) sink_status_ = sink(message);
  return sink_status_;
}

void LogFollower::BeginExecution(const std::string& execution_id) {
  if (execution_id == execution_id_) return;
  later_execution_ = !execution_id_.empty();
  execution_id_ = execution_id;
  last_seq_ = 0;
}

bool LogFollower::TrimSeen(v1::LogChunk* chunk) {
  const uint64_t first = FirstSeq(*chunk);
  const uint64_t last =
      chunk->has_cut() ? chunk->cut().last_seq() : first + chunk->entry_count() - 1;
  if (last <= last_seq_) return false;
  if (first <= last_seq_) {
    const auto seen = static_cast<uint32_t>(last_seq_ - first + 1);
    if (chunk->has_cut()) {
      chunk->mutable_cut()->set_first_seq(last_seq_ + 1);
    } else {
      chunk->mutable_data()->erase(0, LogPrefixLength(chunk->data(), seen));
      chunk->set_first_seq(last_seq_ + 1);
      chunk->set_entry_count(chunk->entry_count() - seen);
    }
  }
  last_seq_ = last;
  return true;
}

absl::Status LogFollower::Wait(const absl::Status& cause) {
  const std::optional<absl::Duration> pause = backoff_.NextPause();
  if (!pause.has_value()) return cause;
  if (!std::exchange(out_of_contact_, true)) options_.on_lost(cause);
  if (!options_.pause(*pause)) return absl::CancelledError("no longer followed");
  return absl::OkStatus();
}

}  // namespace cronium::cli
