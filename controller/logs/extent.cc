// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/extent.h"

#include <algorithm>

#include "controller/logs/varint.h"

namespace cronium::controller::logs {

void Extent::Add(const FrameHeader& header, uint64_t offset) {
  if (frames_ == 0) {
    first_seq_ = header.first_seq;
    bytes_before_ = header.bytes_before;
    max_time_before_ns_ = header.max_time_before_ns;
  }
  if (frames_ % spacing_ == 0) {
    if (checkpoints_.size() >= kMaxCheckpoints) {
      for (size_t i = 0; 2 * i < checkpoints_.size(); ++i) checkpoints_[i] = checkpoints_[2 * i];
      checkpoints_.resize((checkpoints_.size() + 1) / 2);
      spacing_ *= 2;
    }
    if (frames_ % spacing_ == 0) {
      checkpoints_.push_back({header.first_seq, offset, header.max_time_before_ns});
    }
  }
  ++frames_;
  last_seq_ = header.last_seq;
  bytes_end_ = header.bytes_before + header.data_bytes;
  max_time_ns_ = header.max_time_after_ns();
  last_offset_ = offset;
  end_offset_ = offset + header.size();
}

uint64_t Extent::OffsetAtOrAfter(uint64_t seq) const {
  const auto next =
      std::upper_bound(checkpoints_.begin(), checkpoints_.end(), seq,
                       [](uint64_t s, const Checkpoint& c) { return s < c.first_seq; });
  return next == checkpoints_.end() ? last_offset_ : next->offset;
}

uint64_t Extent::OffsetAtOrAfterTime(int64_t time_ns) const {
  const auto next =
      std::lower_bound(checkpoints_.begin(), checkpoints_.end(), time_ns,
                       [](const Checkpoint& c, int64_t t) { return c.max_time_before_ns < t; });
  return next == checkpoints_.end() ? last_offset_ : next->offset;
}

void Extent::Encode(std::string* out) const {
  PutVarint(frames_, out);
  if (frames_ == 0) return;
  for (const uint64_t value :
       {first_seq_, last_seq_ - first_seq_, bytes_before_, bytes_end_ - bytes_before_,
        static_cast<uint64_t>(max_time_before_ns_), static_cast<uint64_t>(max_time_ns_),
        last_offset_, end_offset_ - last_offset_, spacing_,
        static_cast<uint64_t>(checkpoints_.size())}) {
    PutVarint(value, out);
  }
  Checkpoint last;
  for (const Checkpoint& checkpoint : checkpoints_) {
    PutVarint(checkpoint.first_seq - last.first_seq, out);
    PutVarint(checkpoint.offset - last.offset, out);
    PutVarint(static_cast<uint64_t>(checkpoint.max_time_before_ns) -
                  static_cast<uint64_t>(last.max_time_before_ns),
              out);
    last = checkpoint;
  }
}

bool Extent::Decode(absl::string_view* in) {
  *this = Extent();
  if (!GetVarint(in, &frames_)) return false;
  if (frames_ == 0) return true;
  uint64_t seqs = 0;
  uint64_t bytes = 0;
  uint64_t time_before = 0;
  uint64_t time = 0;
  uint64_t last_size = 0;
  uint64_t checkpoints = 0;
  for (uint64_t* value : {&first_seq_, &seqs, &bytes_before_, &bytes, &time_before, &time,
                          &last_offset_, &last_size, &spacing_, &checkpoints}) {
    if (!GetVarint(in, value)) return false;
  }
  last_seq_ = first_seq_ + seqs;
  bytes_end_ = bytes_before_ + bytes;
  end_offset_ = last_offset_ + last_size;
  max_time_before_ns_ = static_cast<int64_t>(time_before);
  max_time_ns_ = static_cast<int64_t>(time);
  if (spacing_ == 0 || checkpoints > kMaxCheckpoints) return false;
  uint64_t seq = 0;
  uint64_t offset = 0;
  uint64_t checkpoint_time = 0;
  for (; checkpoints > 0; --checkpoints) {
    uint64_t seq_step = 0;
    uint64_t offset_step = 0;
    uint64_t time_step = 0;
    if (!GetVarint(in, &seq_step) || !GetVarint(in, &offset_step) || !GetVarint(in, &time_step)) {
      return false;
    }
    checkpoints_.push_back({seq += seq_step, offset += offset_step,
                            static_cast<int64_t>(checkpoint_time += time_step)});
  }
  return true;
}

}  // namespace cronium::controller::logs
