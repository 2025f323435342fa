// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_PARTITION_H_
#define CRONIUM_CONTROLLER_LOGS_PARTITION_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "controller/logs/execution_log.h"
#include "controller/logs/frame_file.h"
#include "controller/logs/partition_index.h"

namespace cronium::controller::logs {

// A frame that is durable at this place.
struct PlacedFrame {
  std::shared_ptr<ExecutionLog> log;
  FrameHeader header;
  uint64_t offset = 0;
};

// Where a reader finds what comes next.
struct ReadStep {
  enum class Kind {
    // Nothing is durable after it.
    kEnd,
    // `cut` stands for it.
    kCut,
    // `recent` begins with it.
    kRecent,
    // In a chain of frames: follow it back from `from` to the frame with the entry.
    kFrames,
  };
  Kind kind = Kind::kEnd;
  v1::LogChunk cut;
  RecentChunks::Chunks recent;
  // The partition's file, or nothing: then it is in the file at segment_path, which may be gone by
  // the time it is opened (ask again).
  std::shared_ptr<FrameFile> file;
  std::string segment_path;
  uint64_t from = 0;
  // The last entry that was durable.
  uint64_t durable_seq = 0;
};

// The logs of the executions of one namespace and hour: a folder with
//
//   frames            the file of all executions' frames
//   index.db          the side file, see PartitionIndex
//   <execution>/<seq> a segment of the tail of a log that outgrew half of its limit
//
// Opened when first used, which truncates a torn tail. All methods may be called from any thread,
// save those under "The writer's", which one thread calls; only it changes what the logs hold.
class Partition {
 public:
  // `dir` need not exist. Executions known in memory are bounded by max_cached (those that someone
  // holds are kept beyond it). `recent_budget` is what may be kept for followers.
  Partition(std::string dir, size_t max_cached, std::shared_ptr<RecentBudget> recent_budget)
      : dir_(std::move(dir)), max_cached_(max_cached), recent_budget_(std::move(recent_budget)) {}
  // Brings the index up to date.
  ~Partition();
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  const std::string& dir() const { return dir_; }

  // Its files are about to be removed: writes no index any more.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- Readers

  absl::StatusOr<v1::LogSummary> Summary(absl::string_view execution_id)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The hole in the log, where it has one.
  absl::StatusOr<std::optional<v1::LogCut>> Hole(absl::string_view execution_id)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Where the entry after after_seq is; about max_bytes of what is in memory.
  absl::StatusOr<ReadStep> Next(absl::string_view execution_id, uint64_t after_seq,
                                int64_t max_bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  // Where the first entry captured at or after the time is; in a chain of frames: follow it back to
  // the first frame with max_time_before_ns < time_ns.
  absl::StatusOr<ReadStep> NextAtTime(absl::string_view execution_id, int64_t time_ns)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells the subscriber of every publication from now on; the log to hand to Unsubscribe.
  absl::StatusOr<std::shared_ptr<ExecutionLog>> Subscribe(absl::string_view execution_id,
                                                          std::shared_ptr<Subscriber> subscriber)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Unsubscribe(ExecutionLog* log, const Subscriber* subscriber) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- The writer's

  // Makes the folder and its file where they do not exist, and writes the index where it lags far
  // behind. To be called before each round of writing.
  absl::Status PrepareToWrite() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::shared_ptr<ExecutionLog>> Load(absl::string_view execution_id)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The file of frames and the end of what is durable in it. After PrepareToWrite.
  std::shared_ptr<FrameFile> file() ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t end() ABSL_LOCKS_EXCLUDED(mutex_);

  // Where to put the log's chunks for its followers, before they are published; nothing where it
  // has none.
  std::shared_ptr<RecentChunks> Recent(const ExecutionLog& log) ABSL_LOCKS_EXCLUDED(mutex_);

  // Frames that now end the file of frames; readers see them and subscribers are told.
  void PublishHead(const std::vector<PlacedFrame>& frames) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for frames of one log in its newest segment, which is a new one at new_segment_path
  // where that is not empty.
  void PublishTail(ExecutionLog* log, const std::string& new_segment_path,
                   const std::vector<PlacedFrame>& frames) ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets the log's oldest segment; its path, for it to be removed.
  std::string DropOldestSegment(ExecutionLog* log) ABSL_LOCKS_EXCLUDED(mutex_);
  // Nothing more is expected: the first to be forgotten, and subscribers are told.
  void PublishFinish(const std::shared_ptr<ExecutionLog>& log) ABSL_LOCKS_EXCLUDED(mutex_);

  std::string TailDir(absl::string_view execution_id) const;

 private:
  using Lru = std::list<std::shared_ptr<ExecutionLog>>;
  using LogOrError = absl::StatusOr<std::shared_ptr<ExecutionLog>>;

  // Opens the files, once; no file where there is none and `create` is not set.
  absl::Status EnsureOpen(bool create) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Brings present_ and the logs to where the file ends, and cuts a torn tail off it.
  absl::Status Recover() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Opens the index where there is one that fits the file, and removes one that does not.
  absl::Status OpenIndex() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IndexFits(const PartitionIndex::Covered& covered) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes in the frames from present_ on that begin before limit. Those that a log has already are
  // skipped, so it may be repeated.
  absl::Status ScanTo(uint64_t limit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes a damaged index anew from the frames.
  absl::Status RebuildIndex() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool FlushIsDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes to the index what it lacks.
  absl::Status Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  LogOrError LoadLocked(absl::string_view execution_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same, but DATA_LOSS where the index is damaged.
  LogOrError LoadOrFail(absl::string_view execution_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Reads the log's segments.
  absl::Status LoadTail(ExecutionLog* log);
  void MarkDirty(const std::shared_ptr<ExecutionLog>& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Evict() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PointInto(const ExecutionLog& log, const Extent* extent, ReadStep* step)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string dir_;
  const size_t max_cached_;
  const std::shared_ptr<RecentBudget> recent_budget_;

  Mutex mutex_;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing while the partition does not exist.
  std::shared_ptr<FrameFile> file_ ABSL_GUARDED_BY(mutex_);
  // Nothing while there is none: it is made at the first flush.
  std::unique_ptr<PartitionIndex> index_ ABSL_GUARDED_BY(mutex_);
  // Up to where the file's frames are durable and known here; the index follows.
  PartitionIndex::Covered present_ ABSL_GUARDED_BY(mutex_);
  // Logs with changes that the index lacks. They are held here, so they are not evicted.
  std::vector<std::shared_ptr<ExecutionLog>> dirty_ ABSL_GUARDED_BY(mutex_);
  // Used last first.
  Lru lru_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Lru::iterator> logs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_PARTITION_H_
