// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_LOG_SENDER_H_
#define CRONIUM_AGENT_LOGS_LOG_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"

#include "absl/time/time.h"
#include "agent/logs/log_source.h"
#include "common/log_entries.h"
#include "common/mutex.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::agent {

struct LogSenderOptions {
  // Data of one message, each chunk counted with kChunkOverheadBytes: eight full records of the
  // spool. The protocol's limit is 1 MiB.
  size_t max_batch_bytes = 8 * (kMaxLogEntryBytes + kChunkOverheadBytes);
  // Of one execution before the next has its turn, so that a flood leaves room for the others. What
  // the others leave is filled in further turns.
  size_t max_execution_batch_bytes = 2 * (kMaxLogEntryBytes + kChunkOverheadBytes);
  // A message with less data is a small one. While max_small_batches of them are unacknowledged,
  // what comes in gathers: a controller that is busy gets fewer and larger messages, one that is
  // idle gets each line at once. But not for longer than max_gather after the last small one: where
  // the acknowledgement of one execution stays away (its part of the store has trouble), the others
  // go on.
  size_t small_batch_bytes = 128 * 1024;
  size_t max_small_batches = 2;
  absl::Duration max_gather = absl::Milliseconds(20);
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
// while a write is under way, or two small messages are unacknowledged, what comes in gathers.
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

  // The next message to write; nothing while there is none, no window left, no stream, or while
  // output gathers. `now_ns` is CLOCK_BOOTTIME.
  std::optional<v1::UploadLogsRequest> NextBatch(int64_t now_ns);
  // When to call it again although nobody wakes: the end of gathering. The largest int64 for never.
  int64_t NextTryNs() const;

  struct Stats {
    int64_t sent_bytes = 0;
    int64_t sent_entries = 0;
    int64_t in_flight_bytes = 0;
    int64_t window_bytes = 0;
    int64_t rewinds = 0;
    int64_t unknown = 0;
    // Spools that could not be read.
    int64_t read_errors = 0;
  };
  Stats GetStats() const;

 private:
  struct Execution {
    uint64_t sent_seq = 0;
    // Data sent and not taken out of the window yet.
    int64_t in_flight = 0;
    // Of that, what was sent before the last rewind: the controller refuses it all, and each
    // refusal asks for the same rewind.
    int64_t refused = 0;
    // Is in queue_.
    bool queued = false;
    // The last Read failed; tried again when something happens.
    bool failed = false;
  };
  // What NextBatch, having nothing, waits for. Who brings it calls wake_.
  enum class WaitsFor { kNothing, kData, kResponse };

  void TakeNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(const std::string& execution_id, Execution* execution)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EnqueueFailed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Starts over after what is acknowledged; false where the source knows no such execution.
  bool StartOver(const std::string& execution_id, Execution* execution)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How many bytes it put in, chunks' overhead included.
  size_t FillBatch(v1::LogBatch* batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps count of what is unacknowledged: a message was made, and some of what was sent was
  // acknowledged.
  void Sent(const v1::LogBatch& batch, bool small, int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Credit(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustGather(int64_t now_ns) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return small_batches_ >= options_.max_small_batches && now_ns < gather_until_ns_;
  }
  bool AddChunks(const std::string& execution_id, Execution* execution, size_t max_bytes,
                 v1::LogBatch* batch, size_t* used) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnAck(const v1::LogAck& ack) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sets what is waited for, unless news has come meanwhile: then false.
  bool Sleep(WaitsFor what);
  void WakeIf(bool for_data);

  const LogSenderOptions options_;
  LogSource* const source_;
  const std::function<void()> wake_;

  // Held while the source is read, so never by OnData, which must not wait for a disk.
  mutable Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool hello_sent_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t session_epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<int64_t> window_ ABSL_GUARDED_BY(mutex_);
  // The last batch stopped because of the window.
  bool window_full_ ABSL_GUARDED_BY(mutex_) = false;
  // Messages that are not all acknowledged, oldest first; acknowledgements count in the order in
  // which they come, whatever they are for. And how many of them are small.
  struct Unacknowledged {
    int64_t bytes = 0;
    bool small = false;
  };
  std::deque<Unacknowledged> unacknowledged_ ABSL_GUARDED_BY(mutex_);
  size_t small_batches_ ABSL_GUARDED_BY(mutex_) = 0;
  // What gathers waits no longer than this, and whether something does.
  int64_t gather_until_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  bool gathering_ ABSL_GUARDED_BY(mutex_) = false;
  absl::btree_map<std::string, Execution> executions_ ABSL_GUARDED_BY(mutex_);
  // Executions that may have something to send, in the order of their turns. Ids that are not in
  // executions_ any more are skipped.
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mutex_);
  Stats stats_ ABSL_GUARDED_BY(mutex_);

  Mutex news_mutex_ ABSL_ACQUIRED_AFTER(mutex_);
  // Each id once, in the order of arrival.
  std::vector<std::string> news_ ABSL_GUARDED_BY(news_mutex_);
  absl::flat_hash_set<std::string> in_news_ ABSL_GUARDED_BY(news_mutex_);
  WaitsFor waits_for_ ABSL_GUARDED_BY(news_mutex_) = WaitsFor::kNothing;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_LOG_SENDER_H_
