// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_LOG_STORE_H_
#define CRONIUM_CONTROLLER_LOGS_LOG_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cronium/v1/log.pb.h"

namespace cronium::controller {

// Whose log. The partition, and so the place on disk, follows from namespace and assign time: all
// three must be the same in every call about one execution.
struct LogKey {
  std::string name_space;
  std::string execution_id;
  // Execution.assign_time.
  absl::Time assign_time;
};

struct AppendResult {
  // Everything up to this is durable.
  uint64_t durable_seq = 0;
  // The batch began after a gap and nothing of it was stored: send again from durable_seq + 1.
  bool rewind = false;
  // Bytes of data in the batch as it was given, repeats included: what LogAck.bytes is.
  uint64_t bytes = 0;
};

struct ReadResult {
  // In order. A hole that the size limit left is one chunk with `cut` and no data.
  std::vector<v1::LogChunk> chunks;
  // Last entry returned (or cut); after_seq of the next call.
  uint64_t next_after_seq = 0;
  // Nothing was durable beyond next_after_seq when this was read.
  bool at_end = false;
};

struct LogState {
  v1::LogSummary summary;
  // As summary.last_seq.
  uint64_t durable_seq = 0;
};

// Calls its callback until it is destroyed. The destructor waits for a call that is running: hold
// no lock there that the callback takes, and do not destroy it from its own callback.
class LogSubscription {
 public:
  virtual ~LogSubscription() = default;
};

// The logs of one namespace's executions that were assigned in one hour (UTC): what can be removed.
struct LogPartition {
  std::string name_space;
  absl::Time hour;
  // What its files take up on disk.
  int64_t disk_bytes = 0;
};

struct LogStoreOptions {
  // Made where it does not exist. Used by one process at a time (a lock file sees to it).
  std::string dir;
  // Data that may wait for the disk before Append says to hold back.
  int64_t max_queue_bytes = 64 << 20;
  // Data that one round of the writer takes, at most (a single larger batch is a round of its own).
  int64_t max_group_bytes = 16 << 20;
  // Partitions (namespace and hour) with open files and an index in memory.
  int max_open_partitions = 64;
  // Executions known in memory per partition, beyond those that are being written or followed.
  int max_cached_executions = 4096;
  // The newest data of logs that are followed, kept in memory for their followers: all logs
  // together. 0: none, followers read from disk.
  int64_t max_recent_bytes = 32 << 20;
  // Wait before what failed is tried again: doubles from the first to the second.
  absl::Duration min_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(5);
};

// Grows only. Thread-safe to read at any time.
struct LogStoreCounters {
  uint64_t appends = 0;
  // Data stored, without repeats.
  uint64_t bytes = 0;
  // On disk, compressed, with headers.
  uint64_t disk_bytes = 0;
  uint64_t groups = 0;
  uint64_t frames = 0;
  uint64_t syncs = 0;
  // Attempts that failed and were repeated.
  uint64_t failures = 0;
};

// The logs of all executions, on disk: <dir>/<namespace>/<YYYYMMDDTHH of assign time, UTC>/. See
// README.md for files and recovery.
//
// Whatever arrives, what is stored of one execution is the entries 1, 2, 3, ... without gap or
// repeat; what was acknowledged survives a kill and a power cut. Memory does not grow with the size
// of logs.
//
// Thread-safe. One thread of its own (the writer) makes appends durable in groups and runs all
// callbacks, which must be quick and must not wait for another call of this store. Reads run on the
// caller's thread, from disk, beside the writer.
class LogStore {
 public:
  using AppendCallback = std::function<void(absl::StatusOr<AppendResult>)>;
  using DurableCallback = std::function<void(uint64_t durable_seq)>;

  // FAILED_PRECONDITION where another process uses dir. Does not look at the partitions: each is
  // recovered when it is first used.
  static absl::StatusOr<std::unique_ptr<LogStore>> Open(LogStoreOptions options);

  // Gives up what is still queued; call Shutdown before.
  ~LogStore();

  // Stores a batch. `done` runs on the writer thread once the batch is durable, in the order of the
  // calls where they are about one execution:
  //   - entries up to the present durable_seq are dropped as repeats; the rest continues the log;
  //   - a batch that leaves a gap is not stored: rewind;
  //   - INVALID_ARGUMENT where a chunk or the key is malformed (names the field); nothing of the
  //     batch is stored;
  //   - UNAVAILABLE where the store was shut down first. Disk errors are no answer: they are
  //     retried until they go away, see Health.
  //
  // limit_bytes: how much of this execution's log is kept, the same in each call; less than
  // kMinLimitBytes counts as that.
  //
  // Never waits. False: the queue is over max_queue_bytes, so take no more from this source until
  // `done` of this call ran. The batch itself is taken in either case.
  [[nodiscard]] bool Append(LogKey key, int64_t limit_bytes, std::vector<v1::LogChunk> chunks,
                            AppendCallback done);

  // Nothing more will come: forgets the execution in memory. `uncertain` (see LogSummary) is
  // stored. Asynchronous, after the appends queued before; subscribers are called once more. A
  // later Append is still taken.
  void Finish(LogKey key, bool uncertain);

  // What is durable of an execution; all zero where nothing is known of it.
  absl::StatusOr<LogState> Summary(const LogKey& key);

  // Chunks after entry after_seq, the first cut to begin there, with max_bytes of data at most, but
  // at least one chunk where there is any. DATA_LOSS where the file is damaged.
  //
  // A reader that a removed part overtook gets `cut` for the entries that it missed, with bytes 0
  // where their size is not known.
  absl::StatusOr<ReadResult> Read(const LogKey& key, uint64_t after_seq, int64_t max_bytes);

  // after_seq from which Read returns the last `entries` entries (with the cut before them, where
  // they reach into it).
  absl::StatusOr<uint64_t> ReadTail(const LogKey& key, uint64_t entries);

  // after_seq from which Read begins with the first chunk captured at or after `time`; durable_seq
  // where there is none. Later chunks may be older where the node's clock went back.
  absl::StatusOr<uint64_t> SeekTime(const LogKey& key, absl::Time time);

  // Calls back with the new durable_seq after each append that made the log longer. Every append
  // that becomes durable after this returns is told, so a follower subscribes first and then reads:
  // none is missed.
  absl::StatusOr<std::unique_ptr<LogSubscription>> Subscribe(const LogKey& key,
                                                             DurableCallback callback);

  // ---- For retention, which has one thread.

  // All partitions, oldest first within a namespace. Looks at every file.
  absl::StatusOr<std::vector<LogPartition>> ListPartitions();

  // Removes a partition and waits for it. The caller knows that nothing more will be appended to
  // its logs. Who reads in it at this moment reads on, or to the end; afterwards they are as
  // unknown.
  absl::Status RemovePartition(const LogPartition& partition);

  // With an error: appends are taken and kept, but nothing is written or acknowledged, and Health
  // says this error, until an OK comes. For a disk that has no room to spare.
  void Pause(absl::Status why);

  // OK, or why the last attempt to write failed (it is being repeated).
  absl::Status Health() const;

  LogStoreCounters counters() const;

  // Takes no more appends, writes what is queued, for at most timeout, and tells the rest
  // UNAVAILABLE. Idempotent.
  void Shutdown(absl::Duration timeout);

  // Segments of the tail (limit / 8) must hold the longest entry (64 KiB).
  static constexpr int64_t kMinLimitBytes = 512 << 10;

 private:
  class Impl;
  explicit LogStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_LOGS_LOG_STORE_H_
