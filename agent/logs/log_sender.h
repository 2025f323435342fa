// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_LOG_SENDER_H_
#define CRONIUM_AGENT_LOGS_LOG_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/logs/log_source.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::agent {

struct LogSenderOptions {
  // Data of one message, each chunk counted with kChunkOverheadBytes. The protocol's limit is 1
  // MiB.
  size_t max_batch_bytes = 512 * 1024;
  // Of one execution in one message, so that a flood leaves room for the others.
  size_t max_execution_batch_bytes = 128 * 1024;
};

// Decides what goes up the Log stream and when: the pump between LogCapture and a transport,
// without the transport.
//
//   capture --OnData--> [what has unsent entries] --NextBatch--> stream
//   stream --OnResponse--> window, acknowledged, rewind
//
// Executions with something to send take turns. The controller's window bounds the data in flight;
// LogAck.bytes gives credit back. After a reconnect each execution goes on after its last
// acknowledged entry; the controller drops what it has.
//
// The transport owns the stream: after OnStreamOpen it calls NextBatch whenever it can write (one
// message at a time), and again after `wake`. Small output goes out at once, in its own message;
// while a write is under way, what comes in gathers.
//
// Thread-safe. `wake` is called on the thread of whoever brought the news, with no lock held, and
// at most once until NextBatch was called again; it must be quick.
class LogSender {
 public:
  // `source` must outlive the sender.
  LogSender(const LogSenderOptions& options, LogSource* source, std::function<void()> wake);

  // The capture has something new of this execution: make it LogCapture's DataListener.
  void OnData(const std::string& execution_id);

  // The execution is over and acknowledged, or not ours any more: nothing of it is sent from now
  // on.
  void Forget(const std::string& execution_id);

  // A new stream stands. The first NextBatch gives its hello; data follows once the controller has
  // said its window.
  void OnStreamOpen(uint64_t session_epoch);
  void OnStreamClosed();

  void OnResponse(const v1::UploadLogsResponse& response);

  // The next message to write; nothing while there is none, no window left, or no stream.
  std::optional<v1::UploadLogsRequest> NextBatch();

  struct Stats {
    int64_t sent_bytes = 0;
    int64_t sent_entries = 0;
    int64_t in_flight_bytes = 0;
    int64_t window_bytes = 0;
    int64_t rewinds = 0;
    int64_t unknown = 0;
  };
  Stats GetStats() const;

 private:
  const LogSenderOptions options_;
  LogSource* const source_;
  const std::function<void()> wake_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_LOG_SENDER_H_
