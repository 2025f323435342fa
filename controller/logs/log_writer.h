// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_LOG_WRITER_H_
#define CRONIUM_CONTROLLER_LOGS_LOG_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "controller/logs/admission.h"
#include "controller/logs/frame.h"
#include "controller/logs/partition.h"
#include "cronium/v1/log.pb.h"

namespace cronium::controller::logs {

// One request to the writer: chunks to append, or the end of a log.
struct WriteRequest {
  std::string execution_id;
  int64_t limit_bytes = 0;
  // Checked (admission.h). Write may take them once they are durable.
  std::vector<v1::LogChunk> chunks;
  bool finish = false;
  bool uncertain = false;

  // Set by Write.
  bool rewind = false;
  std::shared_ptr<ExecutionLog> log;
};

// What was written, for counters.
struct WriteStats {
  uint64_t data_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t frames = 0;
  uint64_t syncs = 0;
};

// Makes requests durable: the one place that decides what of a batch is new, how it is cut into
// frames, and what goes to the head, the tail, or nowhere. Used by one thread.
class LogWriter {
 public:
  // Writes all requests, which are of this partition, in order; on return they are durable and
  // published. After an error some may be: the same call is to be repeated, and finds those to be
  // repeats. Readers never see anything that is not durable.
  absl::Status Write(Partition* partition, absl::Span<WriteRequest* const> requests);

  // Since the writer was made.
  const WriteStats& stats() const { return stats_; }

 private:
  // What the requests add to one log.
  struct Addition {
    std::shared_ptr<ExecutionLog> log;
    uint64_t limit_bytes = 0;
    uint64_t last_seq = 0;
    bool uncertain = false;
    // Whose chunks they are.
    std::vector<WriteRequest*> requests;
    std::vector<Slice> slices;
    // The rest of slices, for the tail.
    std::vector<Slice> tail_slices;
  };
  // Where a log goes on while frames of it are made.
  struct Cursor {
    uint64_t prev_offset = kNoOffset;
    uint64_t bytes = 0;
    int64_t max_time_ns = 0;
  };
  // Frames made for one place in a file and not yet written: their bytes are in bytes_.
  struct Batch {
    FrameFile* file = nullptr;
    uint64_t offset = 0;
    std::vector<PlacedFrame> frames;
  };

  absl::Status Collect(Partition* partition, absl::Span<WriteRequest* const> requests,
                       std::vector<Addition>* additions);
  absl::Status WriteHeads(Partition* partition, std::vector<Addition>* additions);
  absl::Status WriteTail(Partition* partition, Addition* addition);
  // All of the addition is durable: its chunks go to the log's followers.
  static void KeepRecent(Partition* partition, Addition* addition);
  // Opens the log's newest segment for writing.
  absl::Status OpenTail(Addition* addition);
  // Begins a new segment with the entry, and drops the oldest where there are too many.
  absl::Status BeginSegment(Partition* partition, ExecutionLog* log, uint64_t first_seq,
                            std::string* path);

  // Makes frames of the slices, behind those of the batch.
  void AddFrames(const std::shared_ptr<ExecutionLog>& log, absl::Span<const Slice> slices,
                 Cursor* cursor, Batch* batch);
  void EmitFrame(const std::shared_ptr<ExecutionLog>& log, FrameHeader* header, Cursor* cursor,
                 Batch* batch);
  // Writes the batch's bytes and makes them durable.
  absl::Status Commit(const Batch& batch);

  FrameEncoder encoder_;
  std::string payload_;
  // Of the batch that is being made. Kept from one to the next, since fresh memory of this size
  // costs as much as what goes into it.
  std::string bytes_;
  WriteStats stats_;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_LOG_WRITER_H_
