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

}  // namespace

LogFollower::LogFollower(Client* client, Cancellation* cancellation, Options options)
    : client_(client),
      cancellation_(cancellation),
      options_(std::move(options)),
      backoff_(options_.give_up_after, options_.clock, RandomSource()) {}

absl::StatusOr<v1::Job> LogFollower::Run(const v1::FollowLogsRequest& request, Sink sink) {
  while (true) {
    const int64_t began_ns = options_.clock->BoottimeNs();
    absl::StatusOr<v1::Job> result = ReadStream(request, sink);
    if (result.ok()) return result;
    if (cancellation_ != nullptr && cancellation_->cancelled()) {
      return absl::CancelledError("no longer followed");
    }
    if (!sink_status_.ok()) return sink_status_;
    if (!IsLostContact(result.status())) return result.status();
    if (options_.clock->BoottimeNs() - began_ns >= absl::ToInt64Nanoseconds(kWasConnected)) {
      backoff_.Reset();
    }
    if (absl::Status waited = Wait(result.status()); !waited.ok()) return waited;
  }
}

absl::StatusOr<v1::Job> LogFollower::ReadStream(const v1::FollowLogsRequest& request, Sink sink) {
  v1::FollowLogsRequest next = request;
  if (!execution_id_.empty()) {
    next.set_after_execution_id(execution_id_);
    next.set_after_seq(last_seq_);
    next.set_tail(0);
  }
  std::optional<v1::Job> job;
  const absl::Status status =
      client_->FollowLogs(next, cancellation_, [&](const v1::FollowLogsResponse& message) {
        if (message.has_job()) job = message.job();
        return Receive(message, sink);
      });
  if (!status.ok()) return status;
  if (!job.has_value() || (next.follow() && !IsEnded(job->state()))) {
    return absl::UnavailableError("the controller ended the stream early");
  }
  return *std::move(job);
}

absl::Status LogFollower::Receive(v1::FollowLogsResponse message, Sink sink) {
  backoff_.Reset();
  if (std::exchange(out_of_contact_, false)) options_.on_found();
  if (!message.execution_id().empty() && message.execution_id() != execution_id_) {
    execution_id_ = message.execution_id();
    last_seq_ = 0;
  }
  auto* chunks = message.mutable_chunks();
  int kept = 0;
  for (int i = 0; i < chunks->size(); ++i) {
    if (TrimSeen(chunks->Mutable(i))) chunks->SwapElements(kept++, i);
  }
  chunks->DeleteSubrange(kept, chunks->size() - kept);
  if (!chunks->empty() || message.has_job()) sink_status_ = sink(message);
  return sink_status_;
}

bool LogFollower::TrimSeen(v1::LogChunk* chunk) {
  const uint64_t first = chunk->has_cut() ? chunk->cut().first_seq() : chunk->first_seq();
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
