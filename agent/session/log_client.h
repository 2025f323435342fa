// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_LOG_CLIENT_H_
#define CRONIUM_AGENT_SESSION_LOG_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "agent/logs/log_sender.h"
#include "agent/session/backoff.h"
#include "agent/session/message_stream.h"
#include "common/clock.h"
#include "common/mailbox.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::agent {

using LogConnector = StreamConnector<v1::UploadLogsRequest, v1::UploadLogsResponse>;

struct LogClientOptions {
  // For the log only.
  std::string controller;
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(5);
  // Of the backoff; see Backoff.
  Jitter jitter;
};

// Keeps the Log stream open, on a connection of its own, and carries between it and LogSender,
// which decides what is sent. The stream belongs to a session's epoch: it is opened once there is
// one, and anew with each newer one; it outlives a session that is lost until then.
//
// One thread owns all of it; it is also the one that reads the spool. Public methods are
// thread-safe; Shutdown waits.
class LogClient {
 public:
  // All pointers must outlive Shutdown.
  LogClient(LogClientOptions options, const Clock* clock, LogConnector connect, LogSender* sender);
  ~LogClient();

  void Start();
  void Shutdown();
  // As SessionClient's.
  bool Turn();
  int64_t NextWakeNs() const;

  // A session with this epoch stands.
  void SetEpoch(uint64_t epoch);
  // LogSender has something to write.
  void Wake();

 private:
  using Stream = MessageStream<v1::UploadLogsRequest, v1::UploadLogsResponse>;

  // All below is on the client's thread.
  void Run();
  bool connect_due() const;
  // Output has gathered for long enough.
  bool gathered() const;
  void Connect();
  void Pump();
  void OnClosed(const absl::Status& status);
  template <typename Task>
  void PostFor(uint64_t generation, Task task);
  int64_t Now() const { return clock_->BoottimeNs(); }

  const LogClientOptions options_;
  const Clock* const clock_;
  const LogConnector connect_;
  LogSender* const sender_;
  Mailbox<std::function<void()>> mailbox_;
  std::thread thread_;

  // Newest; 0 before the first session.
  uint64_t epoch_ = 0;
  // Of the present stream, or the last one. A refused epoch is not tried again.
  uint64_t stream_epoch_ = 0;
  bool epoch_refused_ = false;
  uint64_t generation_ = 0;
  std::shared_ptr<Stream> stream_;
  bool writing_ = false;
  bool stopping_ = false;
  Backoff backoff_;
  FailureLog failures_;
  int64_t connect_at_ns_ = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_LOG_CLIENT_H_
