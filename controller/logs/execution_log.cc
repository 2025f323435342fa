// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/execution_log.h"

#include "absl/strings/str_cat.h"
#include "controller/logs/varint.h"

namespace cronium::controller::logs {
namespace {

constexpr uint64_t kRecordFormat = 1;
constexpr uint64_t kUncertainFlag = 1;

}  // namespace

std::optional<v1::LogCut> ExecutionLog::hole() const {
  if (tail_.empty() || tail_.front().extent.first_seq() == head_.last_seq() + 1) {
    return std::nullopt;
  }
  v1::LogCut cut;
  cut.set_first_seq(head_.last_seq() + 1);
  cut.set_last_seq(tail_.front().extent.first_seq() - 1);
  cut.set_bytes(tail_.front().extent.bytes_before() - head_.bytes_end());
  return cut;
}

v1::LogSummary ExecutionLog::Summary() const {
  v1::LogSummary summary;
  summary.set_last_seq(last_seq());
  summary.set_bytes(bytes());
  summary.set_truncated(hole().has_value());
  summary.set_uncertain(uncertain_);
  return summary;
}

const Extent* ExecutionLog::Find(uint64_t seq) const {
  if (!head_.empty() && seq <= head_.last_seq()) return &head_;
  for (const Segment& segment : tail_) {
    if (seq >= segment.extent.first_seq() && seq <= segment.extent.last_seq()) {
      return &segment.extent;
    }
  }
  return nullptr;
}

const Segment* ExecutionLog::SegmentOf(const Extent* extent) const {
  for (const Segment& segment : tail_) {
    if (&segment.extent == extent) return &segment;
  }
  return nullptr;
}

std::string ExecutionLog::EncodeRecord() const {
  std::string record;
  PutVarint(kRecordFormat, &record);
  PutVarint(uncertain_ ? kUncertainFlag : 0, &record);
  head_.Encode(&record);
  return record;
}

absl::Status ExecutionLog::DecodeRecord(absl::string_view record) {
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("index record of ", id_, " is damaged"));
  uint64_t format = 0;
  uint64_t flags = 0;
  if (!GetVarint(&record, &format) || format != kRecordFormat || !GetVarint(&record, &flags) ||
      !head_.Decode(&record) || !record.empty()) {
    return damaged;
  }
  uncertain_ = (flags & kUncertainFlag) != 0;
  return absl::OkStatus();
}

}  // namespace cronium::controller::logs
