// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_LOG_INDEX_H_
#define CRONIUM_AGENT_LOGS_LOG_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/file.h"

namespace cronium::agent {

// A run of entries of one stream that were captured together: one LogChunk to be.
struct IndexRecord {
  uint64_t first_seq = 0;
  // Where its bytes are in the stream's file, and how many.
  uint64_t offset = 0;
  // End of the other stream's indexed bytes at that time, so that one record tells where both
  // stand.
  uint64_t other_end = 0;
  // Time of capture, ns since 1970.
  int64_t time_ns = 0;
  uint32_t length = 0;
  uint32_t entries = 0;
  // 0 stdout, 1 stderr.
  uint32_t stream = 0;

  uint64_t end() const { return offset + length; }
  uint64_t last_seq() const { return first_seq + entries - 1; }
};

// The index file of one execution: a header, then records of one size, each with a checksum, only
// ever appended.
//
//   0      "CRONLIDX", version
//   512    {acknowledged seq, acknowledged records, generation, checksum}     two places, written
//   in turn, so that one of them is 1024   the same always whole 4096   record 0, record 1, ...
//
// Space of acknowledged records is given back by punching holes, so the file's size only grows
// while its blocks do not. Not thread-safe: one thread appends, and another may at the same time
// read what was appended before and acknowledge.
class LogIndex {
 public:
  static constexpr size_t kRecordBytes = 48;
  static constexpr uint64_t kHeaderBytes = 4096;

  // Opens or makes the file, and cuts off a last record that is torn. DATA_LOSS where it is not an
  // index.
  static absl::StatusOr<LogIndex> Open(const std::string& path);

  // Records in the file.
  uint64_t size() const { return size_; }
  uint64_t acknowledged_seq() const { return acknowledged_seq_; }
  // Records that hold nothing but acknowledged entries.
  uint64_t acknowledged_records() const { return acknowledged_records_; }

  // All of them or, for a reader, none: size() grows only after all are written. An error leaves it
  // as it was; append again.
  absl::Status Append(absl::Span<const IndexRecord> records);

  // At most `count` records from number `first` on. DATA_LOSS where a checksum does not fit.
  absl::StatusOr<std::vector<IndexRecord>> Read(uint64_t first, size_t count) const;

  // Number of the record that holds `seq`, among first..limit-1, which must hold it.
  absl::StatusOr<uint64_t> Find(uint64_t seq, uint64_t first, uint64_t limit) const;

  absl::Status Acknowledge(uint64_t seq, uint64_t records);
  // Gives back the blocks of acknowledged records, once they are at least step_bytes.
  absl::Status PunchAcknowledged(int64_t step_bytes);

  // Drops the last records, down to `size` of them.
  absl::Status Truncate(uint64_t size);

 private:
  LogIndex(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  absl::Status LoadHeader();
  absl::Status CutTornRecords(uint64_t file_bytes);
  absl::Status WriteAt(uint64_t offset, const char* data, size_t size) const;

  std::string path_;
  UniqueFd fd_;
  uint64_t size_ = 0;
  uint64_t acknowledged_seq_ = 0;
  uint64_t acknowledged_records_ = 0;
  uint64_t generation_ = 0;
  uint64_t punched_ = kHeaderBytes;
};

// Opens or makes a file of the spool, to read and write. Reading it changes no time of its inode,
// where that is allowed: each read would else be a write of the file system too.
absl::StatusOr<UniqueFd> OpenSpoolFile(const std::string& path);

// Gives the blocks of [from, to) of a file back to the file system; its size stays.
absl::Status PunchHole(int fd, const std::string& path, uint64_t from, uint64_t to);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_LOG_INDEX_H_
