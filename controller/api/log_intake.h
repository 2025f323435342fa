// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_LOG_INTAKE_H_
#define CRONIUM_CONTROLLER_API_LOG_INTAKE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "controller/api/session_hub.h"
#include "controller/auth/live_executions.h"
#include "controller/logs/log_store.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::controller {

// What comes up one agent's Log stream: batches go to the log store, its acknowledgements back.
// Reads pause while the store has enough to do.
//
// Take is called for one request at a time; the store's answers come on another thread. It stays
// for the last of them, which a full disk may hold up for as long as it likes: the stream goes
// before.
class LogIntake : public std::enable_shared_from_this<LogIntake> {
 public:
  struct Services {
    const SessionHub* hub;
    const LiveExecutions* live;
    // LogStore::Append.
    std::function<bool(LogKey key, int64_t limit_bytes, std::vector<v1::LogChunk> chunks,
                       LogStore::AppendCallback done)>
        append;
    // Tells the core how far a log is durable.
    std::function<void(LogDurable)> durable;
    // Log data that one agent may have under way.
    uint64_t window_bytes = 8 << 20;
  };
  // The stream's. Only `hold` is called with a lock held.
  struct Stream {
    // Next has something.
    std::function<void()> wake;
    // Whether the stream can be held open for a read that is to begin later; and that read.
    std::function<bool()> hold;
    std::function<void()> read_on;
  };

  LogIntake(Services services, Stream stream, std::string node);

  // Whether to read the next request now; if not, read_on says when, or the stream ends.
  bool Take(v1::UploadLogsRequest request);
  // The peer sends no more.
  void OnEnd();

  // The next response; nothing while there is none. `end` is set when the stream is to end, after
  // what there is.
  std::optional<v1::UploadLogsResponse> Next(std::optional<absl::Status>* end);

  // The stream is cancelled: whether a hold was taken, which is now to be let go.
  bool StopReading();
  // The stream is going: it is not called any more once this returned.
  void Close();

 private:
  absl::Status Check(const v1::UploadLogsRequest& request);
  void Append(v1::ExecutionLogChunks* log);
  void HoldBack(const std::shared_ptr<bool>& held);
  void OnAppended(v1::LogAck ack, const std::shared_ptr<bool>& held,
                  const absl::StatusOr<AppendResult>& result);
  void QueueAck(v1::LogAck ack);

  const Services services_;
  const Stream stream_;
  const std::string node_;
  uint64_t epoch_ = 0;

  Mutex mutex_;
  // No call of the stream is under way.
  CondVar idle_;
  // Acks gather here while a write is under way.
  v1::UploadLogsResponse next_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int held_back_ ABSL_GUARDED_BY(mutex_) = 0;
  bool read_paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_LOG_INTAKE_H_
