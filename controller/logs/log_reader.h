// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_LOG_READER_H_
#define CRONIUM_CONTROLLER_LOGS_LOG_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/logs/frame.h"
#include "controller/logs/log_store.h"
#include "controller/logs/partition.h"

namespace cronium::controller::logs {

// One read of one log: from disk, or from what is kept in memory for its followers. Asks the
// partition where to go on, under its lock, and reads the files without it, so that readers hold up
// neither the writer nor each other. Made for one call.
class LogReader {
 public:
  // The partition must outlive the reader.
  LogReader(Partition* partition, std::string execution_id)
      : partition_(*partition), id_(std::move(execution_id)) {}

  // LogStore::Read, SeekTime.
  absl::StatusOr<ReadResult> Read(uint64_t after_seq, int64_t max_bytes);
  absl::StatusOr<uint64_t> SeekTime(int64_t time_ns);

 private:
  // The step's file. NOT_FOUND where it is a segment that is gone since.
  absl::StatusOr<std::shared_ptr<FrameFile>> OpenFile(const ReadStep& step);
  // Appends the chunks of the step's frames to result; true once it is full.
  absl::StatusOr<bool> ReadFrames(const FrameFile& file, uint64_t from, ReadResult* result);
  // The same with this chunk.
  absl::StatusOr<bool> Take(v1::LogChunk chunk, ReadResult* result);

  Partition& partition_;
  const std::string id_;
  int64_t max_bytes_ = 0;
  int64_t bytes_ = 0;
  FrameDecoder decoder_;
  // The segment opened last.
  std::shared_ptr<FrameFile> segment_;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_LOG_READER_H_
