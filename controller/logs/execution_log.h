// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_EXECUTION_LOG_H_
#define CRONIUM_CONTROLLER_LOGS_EXECUTION_LOG_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/logs/extent.h"
#include "controller/logs/frame_file.h"
#include "controller/logs/recent_chunks.h"
#include "controller/logs/subscriber.h"
#include "cronium/v1/log.pb.h"

namespace cronium::controller::logs {

// One file of a log's tail: frames of this execution alone.
struct Segment {
  std::string path;
  Extent extent;
};

// What is known of one execution's log: where its durable entries are, but none of them.
//
//   head: in the partition's file, up to half of the limit | hole | tail: the newest segments
//
// Belongs to a Partition and is guarded by its lock.
class ExecutionLog {
 public:
  explicit ExecutionLog(std::string id) : id_(std::move(id)) {}

  const std::string& id() const { return id_; }
  const Extent& head() const { return head_; }
  const std::deque<Segment>& tail() const { return tail_; }
  bool uncertain() const { return uncertain_; }

  uint64_t last_seq() const { return End().last_seq(); }
  // Of all entries, those in the hole too.
  uint64_t bytes() const { return End().bytes_end(); }
  int64_t max_time_ns() const { return End().max_time_ns(); }
  // The entries that the limit removed.
  std::optional<v1::LogCut> hole() const;
  v1::LogSummary Summary() const;

  // The extent that holds entry seq; nullptr where none does.
  const Extent* Find(uint64_t seq) const;
  // The segment whose extent this is; nullptr for the head.
  const Segment* SegmentOf(const Extent* extent) const;

  void AddToHead(const FrameHeader& header, uint64_t offset) { head_.Add(header, offset); }
  void AddToTail(const FrameHeader& header, uint64_t offset) {
    tail_.back().extent.Add(header, offset);
  }
  void AddSegment(Segment segment) { tail_.push_back(std::move(segment)); }
  void DropOldestSegment() { tail_.pop_front(); }
  void SetUncertain() { uncertain_ = true; }

  // Of the head and the flags; the tail is read from its own files. DATA_LOSS where record is not
  // one that Encode made.
  std::string EncodeRecord() const;
  absl::Status DecodeRecord(absl::string_view record);

  // ---- Kept here for the partition.

  // Has changes that the index does not have yet.
  bool dirty = false;
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  // While there are any and more is to come.
  std::shared_ptr<RecentChunks> recent;
  // The file of the newest segment, while it is written to. The writer's alone.
  std::shared_ptr<FrameFile> tail_file;

 private:
  const Extent& End() const { return tail_.empty() ? head_ : tail_.back().extent; }

  const std::string id_;
  Extent head_;
  std::deque<Segment> tail_;
  bool uncertain_ = false;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_EXECUTION_LOG_H_
