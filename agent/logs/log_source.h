// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_LOG_SOURCE_H_
#define CRONIUM_AGENT_LOGS_LOG_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cronium/v1/log.pb.h"

namespace cronium::agent {

// Where an execution's log stands.
struct LogState {
  // Last entry captured; 0 for an empty log. Entries up to it can be read and never change.
  uint64_t last_seq = 0;
  // Last entry acknowledged; those up to it can no longer be read.
  uint64_t acknowledged_seq = 0;
  // Captured and not acknowledged, index included.
  int64_t spool_bytes = 0;
  // At a limit: its FIFOs are not read until something is acknowledged.
  bool blocked = false;
  // Not OK while the spool cannot be written. Nothing is lost: the FIFOs are not read meanwhile,
  // and it is tried again.
  absl::Status problem;
};

// What LogSender needs of LogCapture. Thread-safe.
class LogSource {
 public:
  virtual ~LogSource() = default;

  // NOT_FOUND where the execution is not open.
  virtual absl::StatusOr<LogState> State(const std::string& execution_id) const = 0;

  // The entries after after_seq, as chunks in order: about max_bytes of them (each chunk counted
  // with kChunkOverheadBytes beyond its data), but at least one entry where there is one. Empty at
  // the log's present end. A chunk is cut only between entries. OUT_OF_RANGE where entries after
  // after_seq were acknowledged already, NOT_FOUND, or an error of the disk.
  virtual absl::StatusOr<std::vector<v1::LogChunk>> Read(const std::string& execution_id,
                                                         uint64_t after_seq,
                                                         size_t max_bytes) const = 0;

  // Everything up to durable_seq is safe elsewhere and its space may be freed. A lower one than
  // before changes nothing.
  virtual void Acknowledge(const std::string& execution_id, uint64_t durable_seq) = 0;

  // Nobody wants this log: acknowledges what is there and what will come. The job's output is still
  // taken, and dropped.
  virtual void Discard(const std::string& execution_id) = 0;
};

// What a chunk costs beside its data, on the wire and in memory.
inline constexpr size_t kChunkOverheadBytes = 64;

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_LOG_SOURCE_H_
