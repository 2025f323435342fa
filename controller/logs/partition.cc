// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/partition.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/fault.h"
#include "common/file.h"
#include "common/log.h"

namespace cronium::controller::logs {
namespace {

// How far the index may lag: what a start after a crash reads again, and what is held in memory.
constexpr uint64_t kMaxUnindexedBytes = 4 << 20;
constexpr size_t kMaxDirtyLogs = 1024;

std::string FramesPath(const std::string& dir) { return dir + "/frames"; }
std::string IndexPath(const std::string& dir) { return dir + "/index.db"; }
std::string ParentOf(const std::string& dir) { return dir.substr(0, dir.rfind('/')); }

// The folder and the two above it, each name durable.
absl::Status CreateFolders(const std::string& dir) {
  if (absl::Status status = MakeDirectories(dir, 0700); !status.ok()) return status;
  const std::string parent = ParentOf(dir);
  for (const std::string& folder : {parent, ParentOf(parent)}) {
    if (absl::Status status = SyncDirectory(folder); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool IsDamage(const absl::Status& status) {
  // A damaged SQLite file may also make its statements fail in ways that only a bug would.
  return absl::IsDataLoss(status) || absl::IsInternal(status);
}

}  // namespace

Partition::~Partition() {
  MutexLock lock(&mutex_);
  if (absl::Status status = Flush(); !status.ok()) {
    LogWarning("log index not written; the next start reads the frames instead",
               {{"dir", dir_}, {"error", status}});
    index_.reset();
    if (IsDamage(status)) PartitionIndex::Remove(IndexPath(dir_));
  }
}

void Partition::Abandon() {
  MutexLock lock(&mutex_);
  abandoned_ = true;
}

std::string Partition::TailDir(absl::string_view execution_id) const {
  return absl::StrCat(dir_, "/", execution_id);
}

// ---- Opening

absl::Status Partition::EnsureOpen(bool create) {
  if (file_ != nullptr) return absl::OkStatus();
  if (create) {
    if (absl::Status status = CreateFolders(dir_); !status.ok()) return status;
  }
  auto file = FrameFile::Open(FramesPath(dir_),
                              create ? FrameFile::Mode::kCreate : FrameFile::Mode::kWrite);
  if (absl::IsNotFound(file.status()) && !create) return absl::OkStatus();
  if (!file.ok()) return file.status();
  if (create) {
    if (absl::Status status = SyncDirectory(dir_); !status.ok()) return status;
  }
  file_ = *std::move(file);
  absl::Status status = Recover();
  if (!status.ok()) {
    index_.reset();
    file_.reset();
  }
  return status;
}

absl::Status Partition::Recover() {
  if (absl::Status status = OpenIndex(); !status.ok()) return status;
  present_ = index_ != nullptr ? index_->covered() : PartitionIndex::Covered();
  present_.end = std::max<uint64_t>(present_.end, kFileHeaderBytes);
  constexpr uint64_t kToTheEnd = std::numeric_limits<uint64_t>::max();
  absl::Status status = ScanTo(kToTheEnd);
  if (index_ != nullptr && IsDamage(status)) {
    LogWarning("log index is damaged; it is made anew", {{"dir", dir_}, {"error", status}});
    index_.reset();
    PartitionIndex::Remove(IndexPath(dir_));
    present_ = {.end = kFileHeaderBytes};
    status = ScanTo(kToTheEnd);
  }
  if (!status.ok()) return status;
  const auto size = file_->Size();
  if (!size.ok()) return size.status();
  if (*size == present_.end) return absl::OkStatus();
  LogInfo("log file had a torn tail",
          {{"path", file_->path()}, {"bytes", *size - present_.end}, {"end", present_.end}});
  if (status = file_->Truncate(present_.end); !status.ok()) return status;
  return file_->Sync();
}

absl::Status Partition::OpenIndex() {
  auto index = PartitionIndex::Open(IndexPath(dir_), false);
  if (absl::IsNotFound(index.status())) return absl::OkStatus();
  if (!index.ok() && !IsDamage(index.status())) return index.status();
  if (index.ok() && IndexFits((*index)->covered())) {
    index_ = *std::move(index);
    return absl::OkStatus();
  }
  LogWarning("log index does not fit its frames; it is made anew",
             {{"dir", dir_}, {"error", index.status()}});
  index = absl::NotFoundError("closed");
  PartitionIndex::Remove(IndexPath(dir_));
  return absl::OkStatus();
}

bool Partition::IndexFits(const PartitionIndex::Covered& covered) {
  if (covered.end <= kFileHeaderBytes) return true;
  std::string bytes;
  if (!file_->Read(covered.last_frame, kFrameHeaderBytes, &bytes).ok()) return false;
  const auto header = DecodeHeader(file_->seed(), bytes);
  if (!header.has_value() || header->hash != covered.last_hash ||
      covered.last_frame + header->size() != covered.end) {
    return false;
  }
  const auto size = file_->Size();
  return size.ok() && *size >= covered.end;
}

absl::Status Partition::ScanTo(uint64_t limit) {
  const auto take_in = [this](const FrameHeader& header, uint64_t offset) -> absl::Status {
    mutex_.AssertHeld();
    LogOrError log = LoadOrFail(header.execution_id);
    if (!log.ok()) return log.status();
    if (header.kind == FrameKind::kUncertain) {
      (*log)->SetUncertain();
      MarkDirty(*log);
    } else if (header.last_seq > (*log)->head().last_seq()) {
      (*log)->AddToHead(header, offset);
      MarkDirty(*log);
    }
    present_ = {.end = offset + header.size(), .last_frame = offset, .last_hash = header.hash};
    return FlushIsDue() ? Flush() : absl::OkStatus();
  };
  return ScanFrames(*file_, present_.end, limit, Payloads::kCheck, take_in).status();
}

// ---- The index

absl::Status Partition::RebuildIndex() {
  LogWarning("log index is damaged; it is made anew", {{"dir", dir_}});
  index_.reset();
  PartitionIndex::Remove(IndexPath(dir_));
  for (const auto& log : lru_) MarkDirty(log);
  const PartitionIndex::Covered all = present_;
  present_ = {.end = kFileHeaderBytes};
  absl::Status status = ScanTo(all.end);
  present_ = all;
  return status.ok() ? Flush() : status;
}

bool Partition::FlushIsDue() {
  const uint64_t covered = index_ != nullptr ? index_->covered().end : 0;
  return dirty_.size() >= kMaxDirtyLogs || present_.end > covered + kMaxUnindexedBytes;
}

absl::Status Partition::Flush() {
  if (file_ == nullptr || dirty_.empty() || abandoned_) return absl::OkStatus();
  if (index_ == nullptr) {
    auto index = PartitionIndex::Open(IndexPath(dir_), true);
    if (!index.ok()) return index.status();
    index_ = *std::move(index);
  }
  std::vector<std::pair<std::string, std::string>> records;
  records.reserve(dirty_.size());
  for (const auto& log : dirty_) records.emplace_back(log->id(), log->EncodeRecord());
  FaultOn("controller.logs.index");
  if (absl::Status status = index_->Write(records, present_); !status.ok()) return status;
  FaultOn("controller.logs.indexed");
  for (const auto& log : dirty_) log->dirty = false;
  dirty_.clear();
  Evict();
  return absl::OkStatus();
}

void Partition::MarkDirty(const std::shared_ptr<ExecutionLog>& log) {
  if (std::exchange(log->dirty, true)) return;
  dirty_.push_back(log);
}

// ---- Logs in memory

absl::StatusOr<std::shared_ptr<ExecutionLog>> Partition::Load(absl::string_view execution_id) {
  MutexLock lock(&mutex_);
  return LoadLocked(execution_id);
}

Partition::LogOrError Partition::LoadLocked(absl::string_view execution_id) {
  if (absl::Status status = EnsureOpen(false); !status.ok()) return status;
  LogOrError log = LoadOrFail(execution_id);
  if (log.ok() || !IsDamage(log.status())) return log;
  if (absl::Status status = RebuildIndex(); !status.ok()) return status;
  return LoadOrFail(execution_id);
}

Partition::LogOrError Partition::LoadOrFail(absl::string_view execution_id) {
  if (const auto it = logs_.find(execution_id); it != logs_.end()) {
    lru_.splice(lru_.begin(), lru_, it->second);
    return *it->second;
  }
  auto log = std::make_shared<ExecutionLog>(std::string(execution_id));
  if (index_ != nullptr) {
    const auto record = index_->Find(execution_id);
    if (!record.ok()) return record.status();
    if (record->has_value()) {
      if (absl::Status status = log->DecodeRecord(**record); !status.ok()) return status;
    }
  }
  if (absl::Status status = LoadTail(log.get()); !status.ok()) return status;
  Evict();
  lru_.push_front(log);
  logs_[log->id()] = lru_.begin();
  return log;
}

absl::Status Partition::LoadTail(ExecutionLog* log) {
  const std::string dir = TailDir(log->id());
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error == std::errc::no_such_file_or_directory) return absl::OkStatus();
  if (error) return ErrnoError(dir, "cannot list", error.value());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    Segment segment{.path = absl::StrCat(dir, "/", name)};
    const bool newest = name == names.back();
    auto file = FrameFile::Open(segment.path, FrameFile::Mode::kWrite);
    if (!file.ok() && !absl::IsDataLoss(file.status())) return file.status();
    if (file.ok()) {
      // Older ones were durable before the next was begun; only the newest may be torn.
      const auto scan = ScanFrames(**file, kFileHeaderBytes, std::numeric_limits<uint64_t>::max(),
                                   newest ? Payloads::kCheck : Payloads::kSkip,
                                   [&](const FrameHeader& header, uint64_t offset) {
                                     segment.extent.Add(header, offset);
                                     return absl::OkStatus();
                                   });
      if (!scan.ok()) return scan.status();
      if (newest && scan->end > 0) {
        if (absl::Status status = (*file)->Truncate(scan->end); !status.ok()) return status;
        if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
      }
    } else {
      LogError("log segment is damaged; its entries are lost",
               {{"path", segment.path}, {"error", file.status()}});
    }
    if (!segment.extent.empty()) {
      log->AddSegment(std::move(segment));
    } else if (newest && file.ok()) {
      // It was begun, and nothing in it was durable.
      unlink(segment.path.c_str());
    }
  }
  return absl::OkStatus();
}

void Partition::Evict() {
  // Those that someone holds (the writer, a follower, dirty_) are passed over, a few at a time.
  constexpr int kTries = 16;
  for (int i = 0; i < kTries && lru_.size() >= max_cached_ && !lru_.empty(); ++i) {
    if (lru_.back().use_count() == 1) {
      logs_.erase(lru_.back()->id());
      lru_.pop_back();
    } else {
      lru_.splice(lru_.begin(), lru_, std::prev(lru_.end()));
    }
  }
}

// ---- Readers

absl::StatusOr<v1::LogSummary> Partition::Summary(absl::string_view execution_id) {
  MutexLock lock(&mutex_);
  const LogOrError log = LoadLocked(execution_id);
  if (!log.ok()) return log.status();
  return (*log)->Summary();
}

absl::StatusOr<std::optional<v1::LogCut>> Partition::Hole(absl::string_view execution_id) {
  MutexLock lock(&mutex_);
  const LogOrError log = LoadLocked(execution_id);
  if (!log.ok()) return log.status();
  return (*log)->hole();
}

void Partition::PointInto(const ExecutionLog& log, const Extent* extent, ReadStep* step) {
  step->kind = ReadStep::Kind::kFrames;
  if (const Segment* segment = log.SegmentOf(extent); segment != nullptr) {
    step->segment_path = segment->path;
  } else {
    step->file = file_;
  }
}

absl::StatusOr<ReadStep> Partition::Next(absl::string_view execution_id, uint64_t after_seq,
                                         int64_t max_bytes) {
  MutexLock lock(&mutex_);
  const LogOrError found = LoadLocked(execution_id);
  if (!found.ok()) return found.status();
  const ExecutionLog& log = **found;
  ReadStep step{.durable_seq = log.last_seq()};
  if (after_seq >= step.durable_seq) return step;
  if (log.recent != nullptr) step.recent = log.recent->After(after_seq, max_bytes);
  if (!step.recent.empty()) {
    step.kind = ReadStep::Kind::kRecent;
    return step;
  }
  const uint64_t seq = after_seq + 1;
  if (const Extent* extent = log.Find(seq); extent != nullptr) {
    PointInto(log, extent, &step);
    step.from = extent->OffsetAtOrAfter(seq);
    return step;
  }
  const auto hole = log.hole();
  if (!hole.has_value() || seq < hole->first_seq() || seq > hole->last_seq()) {
    return absl::DataLossError(
        absl::StrCat("log of ", execution_id, ": entry ", seq, " is missing from its files"));
  }
  step.kind = ReadStep::Kind::kCut;
  step.cut.set_first_seq(seq);
  *step.cut.mutable_cut() = *hole;
  if (seq > hole->first_seq()) {
    step.cut.mutable_cut()->set_first_seq(seq);
    step.cut.mutable_cut()->set_bytes(0);
  }
  return step;
}

absl::StatusOr<ReadStep> Partition::NextAtTime(absl::string_view execution_id, int64_t time_ns) {
  MutexLock lock(&mutex_);
  const LogOrError found = LoadLocked(execution_id);
  if (!found.ok()) return found.status();
  const ExecutionLog& log = **found;
  ReadStep step{.durable_seq = log.last_seq()};
  if (log.last_seq() == 0 || log.max_time_ns() < time_ns) return step;
  const Extent* extent = &log.head();
  if (log.head().max_time_ns() < time_ns) {
    for (const Segment& segment : log.tail()) {
      extent = &segment.extent;
      if (extent->max_time_ns() >= time_ns) break;
    }
    // It may be in the hole.
    if (extent == &log.tail().front().extent && extent->max_time_before_ns() >= time_ns &&
        log.hole().has_value()) {
      step.kind = ReadStep::Kind::kCut;
      step.cut.set_first_seq(log.hole()->first_seq());
      *step.cut.mutable_cut() = *log.hole();
      return step;
    }
  }
  PointInto(log, extent, &step);
  step.from = extent->OffsetAtOrAfterTime(time_ns);
  return step;
}

absl::StatusOr<std::shared_ptr<ExecutionLog>> Partition::Subscribe(
    absl::string_view execution_id, std::shared_ptr<Subscriber> subscriber) {
  MutexLock lock(&mutex_);
  LogOrError log = LoadLocked(execution_id);
  if (!log.ok()) return log;
  if ((*log)->recent == nullptr) (*log)->recent = std::make_shared<RecentChunks>(recent_budget_);
  (*log)->subscribers.push_back(std::move(subscriber));
  return log;
}

void Partition::Unsubscribe(ExecutionLog* log, const Subscriber* subscriber) {
  MutexLock lock(&mutex_);
  auto& all = log->subscribers;
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const auto& other) { return other.get() == subscriber; }),
            all.end());
  if (all.empty()) log->recent.reset();
}

// ---- The writer

namespace {

// Subscribers to tell, collected under the lock and told without it.
class Notices {
 public:
  void Add(const ExecutionLog& log) {
    for (const auto& subscriber : log.subscribers) {
      notices_.emplace_back(subscriber, log.last_seq());
    }
  }
  void Send() {
    for (const auto& [subscriber, durable_seq] : notices_) subscriber->Notify(durable_seq);
  }

 private:
  std::vector<std::pair<std::shared_ptr<Subscriber>, uint64_t>> notices_;
};

}  // namespace

absl::Status Partition::PrepareToWrite() {
  MutexLock lock(&mutex_);
  if (absl::Status status = EnsureOpen(true); !status.ok()) return status;
  if (!FlushIsDue()) return absl::OkStatus();
  absl::Status status = Flush();
  return IsDamage(status) ? RebuildIndex() : status;
}

std::shared_ptr<FrameFile> Partition::file() {
  MutexLock lock(&mutex_);
  return file_;
}

uint64_t Partition::end() {
  MutexLock lock(&mutex_);
  return present_.end;
}

std::shared_ptr<RecentChunks> Partition::Recent(const ExecutionLog& log) {
  MutexLock lock(&mutex_);
  return log.recent;
}

void Partition::PublishHead(const std::vector<PlacedFrame>& frames) {
  Notices notices;
  {
    MutexLock lock(&mutex_);
    for (const PlacedFrame& frame : frames) {
      if (frame.header.kind == FrameKind::kUncertain) {
        frame.log->SetUncertain();
      } else {
        frame.log->AddToHead(frame.header, frame.offset);
      }
      MarkDirty(frame.log);
      present_ = {.end = frame.offset + frame.header.size(),
                  .last_frame = frame.offset,
                  .last_hash = frame.header.hash};
    }
    for (size_t i = 0; i < frames.size(); ++i) {
      // Frames of one log lie together: tell once, with the last.
      if (i + 1 == frames.size() || frames[i + 1].log != frames[i].log) notices.Add(*frames[i].log);
    }
  }
  notices.Send();
}

void Partition::PublishTail(ExecutionLog* log, const std::string& new_segment_path,
                            const std::vector<PlacedFrame>& frames) {
  Notices notices;
  {
    MutexLock lock(&mutex_);
    if (!new_segment_path.empty()) log->AddSegment({.path = new_segment_path});
    for (const PlacedFrame& frame : frames) log->AddToTail(frame.header, frame.offset);
    notices.Add(*log);
  }
  notices.Send();
}

std::string Partition::DropOldestSegment(ExecutionLog* log) {
  MutexLock lock(&mutex_);
  std::string path = log->tail().front().path;
  log->DropOldestSegment();
  return path;
}

void Partition::PublishFinish(const std::shared_ptr<ExecutionLog>& log) {
  Notices notices;
  {
    MutexLock lock(&mutex_);
    log->tail_file.reset();
    log->recent.reset();
    if (const auto it = logs_.find(log->id()); it != logs_.end()) {
      lru_.splice(lru_.end(), lru_, it->second);
    }
    notices.Add(*log);
  }
  notices.Send();
}

}  // namespace cronium::controller::logs
