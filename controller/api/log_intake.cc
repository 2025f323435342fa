// SPDX-License-Identifier: Apache-2.0
#include "controller/api/log_intake.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"

namespace cronium::controller {

LogIntake::LogIntake(Services services, Stream stream, std::string node)
    : services_(std::move(services)), stream_(std::move(stream)), node_(std::move(node)) {}

bool LogIntake::Take(v1::UploadLogsRequest request) {
  if (absl::Status status = Check(request); !status.ok()) {
    {
      MutexLock lock(&mutex_);
      if (!end_.has_value()) end_ = status;
    }
    stream_.wake();
    return false;
  }
  for (v1::ExecutionLogChunks& log : *request.mutable_batch()->mutable_logs()) Append(&log);
  MutexLock lock(&mutex_);
  // The hold lets OnAppended start the next read from the log writer's thread.
  read_paused_ = held_back_ > 0 && !cancelled_ && stream_.hold();
  return !read_paused_;
}

void LogIntake::OnEnd() {
  {
    MutexLock lock(&mutex_);
    if (!end_.has_value()) end_ = absl::OkStatus();
  }
  stream_.wake();
}

absl::Status LogIntake::Check(const v1::UploadLogsRequest& request) {
  if (request.has_hello()) {
    epoch_ = request.hello().session_epoch();
    {
      MutexLock lock(&mutex_);
      next_.set_window_bytes(services_.window_bytes);
    }
    stream_.wake();
  }
  // docs/protocol.md P4: with each message, since a newer session may have begun since the last.
  if (epoch_ == 0 || epoch_ != services_.hub->EpochOf(node_)) {
    RuleApplied(4);
    return MakeError(absl::StatusCode::kAborted, "SESSION_SUPERSEDED",
                     absl::StrCat("session ", epoch_, " of node ", node_,
                                  " is not its newest; open this stream after the Welcome"));
  }
  return absl::OkStatus();
}

void LogIntake::Append(v1::ExecutionLogChunks* log) {
  v1::LogAck ack;
  ack.set_execution_id(log->execution_id());
  const std::shared_ptr<const ExecutionChange> live = services_.live->Find(log->execution_id());
  if (live == nullptr || live->execution.node() != node_) {
    RuleApplied(25);  // docs/protocol.md P25
    uint64_t bytes = 0;
    for (const v1::LogChunk& chunk : log->chunks()) bytes += chunk.data().size();
    ack.set_bytes(bytes);
    ack.set_unknown(true);
    QueueAck(std::move(ack));
    return;
  }
  std::vector<v1::LogChunk> chunks(std::make_move_iterator(log->mutable_chunks()->begin()),
                                   std::make_move_iterator(log->mutable_chunks()->end()));
  FaultOn("controller.log_append");
  const auto held = std::make_shared<bool>(false);
  const bool room =
      services_.append(LogKey{live->execution.namespace_(), live->execution.id(),
                              ToTime(live->execution.assign_time())},
                       live->spec->container().resources().log_bytes(), std::move(chunks),
                       [self = shared_from_this(), ack = std::move(ack),
                        held](absl::StatusOr<AppendResult> result) mutable {
                         self->OnAppended(std::move(ack), held, result);
                       });
  if (!room) HoldBack(held);
}

// The store is full up to its limit: no more is read until this append is through. Its callback
// may have run already.
void LogIntake::HoldBack(const std::shared_ptr<bool>& held) {
  MutexLock lock(&mutex_);
  if (*held) return;
  *held = true;
  ++held_back_;
}

void LogIntake::OnAppended(v1::LogAck ack, const std::shared_ptr<bool>& held,
                           const absl::StatusOr<AppendResult>& result) {
  if (result.ok()) {
    ack.set_durable_seq(result->durable_seq);
    ack.set_rewind(result->rewind);
    ack.set_bytes(result->bytes);
    services_.durable(LogDurable{ack.execution_id(), result->durable_seq});
  }
  bool read_on = false;
  {
    MutexLock lock(&mutex_);
    if (*held) {
      --held_back_;
    } else {
      *held = true;
    }
    if (read_paused_ && held_back_ == 0) {
      read_paused_ = false;
      read_on = true;
    }
    if (!result.ok() && !end_.has_value()) end_ = result.status();
    if (result.ok()) *next_.add_acks() = std::move(ack);
    if (closed_) return;
    ++calls_;
  }
  if (read_on) stream_.read_on();
  stream_.wake();
  MutexLock lock(&mutex_);
  --calls_;
  idle_.NotifyAll();
}

void LogIntake::QueueAck(v1::LogAck ack) {
  {
    MutexLock lock(&mutex_);
    *next_.add_acks() = std::move(ack);
  }
  stream_.wake();
}

std::optional<v1::UploadLogsResponse> LogIntake::Next(std::optional<absl::Status>* end) {
  MutexLock lock(&mutex_);
  *end = end_;
  if (next_.acks_size() == 0 && !next_.has_window_bytes()) return std::nullopt;
  return std::exchange(next_, v1::UploadLogsResponse());
}

bool LogIntake::StopReading() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  return std::exchange(read_paused_, false);
}

void LogIntake::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  while (calls_ > 0) idle_.Wait(&mutex_);
}

}  // namespace cronium::controller
