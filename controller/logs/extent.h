// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_EXTENT_H_
#define CRONIUM_CONTROLLER_LOGS_EXTENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/logs/frame.h"

namespace cronium::controller::logs {

// Where in one file the frames of one execution are: a sparse index that leads near any entry, from
// where the chain of the frames leads to it. Its size is bounded: past kMaxCheckpoints every second
// one is dropped, so that a log of a million frames has as many as one of a hundred, further apart.
//
// A value; not thread-safe.
class Extent {
 public:
  static constexpr size_t kMaxCheckpoints = 128;

  bool empty() const { return frames_ == 0; }
  uint64_t first_seq() const { return first_seq_; }
  // 0 while empty.
  uint64_t last_seq() const { return last_seq_; }
  // Bytes of data of the execution before the extent, and up to its end.
  uint64_t bytes_before() const { return bytes_before_; }
  uint64_t bytes_end() const { return bytes_end_; }
  uint64_t bytes() const { return bytes_end_ - bytes_before_; }
  // Newest capture time of all entries before the extent, and up to its end.
  int64_t max_time_before_ns() const { return max_time_before_ns_; }
  int64_t max_time_ns() const { return max_time_ns_; }
  uint64_t frames() const { return frames_; }
  // Of the last frame; kNoOffset while empty.
  uint64_t last_offset() const { return last_offset_; }
  // Behind the last frame; 0 while empty.
  uint64_t end_offset() const { return end_offset_; }

  // The next frame in the file's order.
  void Add(const FrameHeader& header, uint64_t offset);

  // The offset of a frame from which the chain leads back to the one that holds entry `seq`, which
  // must be in the extent: at most as many steps as checkpoints are apart.
  uint64_t OffsetAtOrAfter(uint64_t seq) const;

  // The same for the first frame with an entry captured at or after time_ns, of which there must be
  // one.
  uint64_t OffsetAtOrAfterTime(int64_t time_ns) const;

  // Appends an encoding that Decode takes off the front of `in`; false where it is none.
  void Encode(std::string* out) const;
  bool Decode(absl::string_view* in);

 private:
  struct Checkpoint {
    uint64_t first_seq = 0;
    uint64_t offset = 0;
    int64_t max_time_before_ns = 0;
  };

  uint64_t first_seq_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t bytes_before_ = 0;
  uint64_t bytes_end_ = 0;
  int64_t max_time_before_ns_ = 0;
  int64_t max_time_ns_ = 0;
  uint64_t frames_ = 0;
  uint64_t last_offset_ = kNoOffset;
  uint64_t end_offset_ = 0;
  // Every spacing_-th frame.
  uint64_t spacing_ = 1;
  std::vector<Checkpoint> checkpoints_;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_EXTENT_H_
