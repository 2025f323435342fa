// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_EXECUTION_SPOOL_H_
#define CRONIUM_AGENT_LOGS_EXECUTION_SPOOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/logs/log_index.h"
#include "agent/logs/log_source.h"
#include "common/file.h"
#include "common/mutex.h"

namespace cronium::agent {

// The spool folder of one execution: a file per stream with the bytes as they came, and the index
// that says which entries they are.
//
// Two sides. The producer, one thread, takes bytes from a pipe and indexes them; what is indexed is
// published. The consumer reads what is published, and acknowledges it; its calls may come from any
// thread, and exclude one another, so that nothing is given back to the file system while it is
// being read.
class ExecutionSpool {
 public:
  // Opens or makes the folder. Bytes that are in a stream's file and not in its index (the agent
  // was killed in between) are indexed here, with `now_ns` for their time; without `index_rest`
  // they are left alone. `total_bytes` is kept to
  // the sum of spool_bytes() of all that were given it.
  static absl::StatusOr<std::shared_ptr<ExecutionSpool>> Open(const std::string& folder,
                                                              int64_t now_ns,
                                                              int64_t punch_step_bytes,
                                                              std::atomic<int64_t>* total_bytes,
                                                              bool index_rest = true);
  ~ExecutionSpool();

  // --- The producer's side
  // -------------------------------------------------------------------------------------------------

  // Moves at most max_bytes from the pipe to the stream's file (0 stdout, 1 stderr), inside the
  // kernel. 0: nothing is there now, or all writers are gone.
  absl::StatusOr<size_t> Take(int stream, int pipe_fd, size_t max_bytes);

  // Indexes and publishes what was taken. With `more`, bytes after the last newline wait for their
  // rest (at most 64 KiB of them). Entries that were published. After an error call it again:
  // nothing is lost.
  absl::StatusOr<int64_t> Index(int stream, bool more, int64_t now_ns);

  // Whether Index has something left to do.
  bool HasUnindexed(int stream) const { return taken_[stream] > indexed_[stream]; }

  // --- The consumer's side
  // -------------------------------------------------------------------------------------------------

  LogState State() const;
  // As LogSource says.
  absl::StatusOr<std::vector<v1::LogChunk>> Read(uint64_t after_seq, size_t max_bytes) const;
  absl::Status Acknowledge(uint64_t durable_seq);
  // From now on everything is acknowledged as it comes.
  void Discard() { discarded_ = true; }
  bool discarded() const { return discarded_; }

  // Taken and not acknowledged, index included.
  int64_t spool_bytes() const { return spool_bytes_; }
  uint64_t last_seq() const { return last_seq_; }

 private:
  // What the consumer may see: all of it is in the files.
  struct Published {
    uint64_t records = 0;
    uint64_t last_seq = 0;
    uint64_t end[2] = {0, 0};
  };

  // Where the first `records` records end: the last entry, and each stream's bytes.
  struct RecordEnd {
    uint64_t last_seq = 0;
    uint64_t records = 0;
    uint64_t end[2] = {0, 0};
  };

  ExecutionSpool(std::string folder, LogIndex index, int64_t punch_step_bytes,
                 std::atomic<int64_t>* total_bytes);
  absl::Status Recover(int64_t now_ns, bool index_rest);
  absl::StatusOr<Published> LoadPublished();
  void Publish(const Published& published) ABSL_LOCKS_EXCLUDED(mutex_);
  void AddSpoolBytes(int64_t bytes);
  absl::StatusOr<v1::LogChunk> ReadChunk(const IndexRecord& record, uint64_t after_seq,
                                         size_t max_bytes) const;
  void RememberEnd(const IndexRecord& record, uint64_t records) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(consumer_mutex_);
  absl::StatusOr<RecordEnd> FindEnd(uint64_t durable_seq, const Published& published)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(consumer_mutex_);
  std::string StreamPath(int stream) const;

  const std::string folder_;
  const int64_t punch_step_bytes_;
  std::atomic<int64_t>* const total_bytes_;
  // Appended to by the producer, read and acknowledged by the consumer.
  LogIndex index_;
  UniqueFd files_[2];

  // The producer's: end of each stream's file, and of what of it is indexed.
  uint64_t taken_[2] = {0, 0};
  uint64_t indexed_[2] = {0, 0};
  uint64_t next_seq_ = 1;
  std::string scratch_;

  std::atomic<int64_t> spool_bytes_ = 0;
  std::atomic<uint64_t> last_seq_ = 0;
  std::atomic<bool> discarded_ = false;

  // Guards what passes from producer to consumer; held for a copy only.
  mutable Mutex mutex_;
  Published published_ ABSL_GUARDED_BY(mutex_);

  // Held by each call of the consumer's side that touches the files. Before mutex_.
  mutable Mutex consumer_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  uint64_t acknowledged_seq_ ABSL_GUARDED_BY(consumer_mutex_) = 0;
  uint64_t acknowledged_records_ ABSL_GUARDED_BY(consumer_mutex_) = 0;
  // Start of what is not acknowledged, in whole records; and up to where blocks were given back.
  uint64_t acknowledged_end_[2] ABSL_GUARDED_BY(consumer_mutex_) = {0, 0};
  uint64_t punched_[2] ABSL_GUARDED_BY(consumer_mutex_) = {0, 0};
  // Where the last Read stopped: the next one mostly goes on there.
  mutable uint64_t cursor_seq_ ABSL_GUARDED_BY(consumer_mutex_) = 0;
  mutable uint64_t cursor_record_ ABSL_GUARDED_BY(consumer_mutex_) = 0;
  // Ends of records that Read gave out, in order: an acknowledgement mostly names one. Bounded;
  // where one is not here it is looked up in the index.
  mutable std::deque<RecordEnd> read_ends_ ABSL_GUARDED_BY(consumer_mutex_);
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_EXECUTION_SPOOL_H_
