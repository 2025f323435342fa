// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/log_writer.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/fault.h"
#include "common/file.h"
#include "controller/logs/log_store.h"

namespace cronium::controller::logs {
namespace {

// The head has half of the limit; the tail has four segments, which are dropped as a whole, of an
// eighth each. So the tail holds between three and four eighths.
constexpr uint64_t kHeadShare = 2;
constexpr uint64_t kSegmentShare = 8;
constexpr size_t kMaxSegments = 4;

}  // namespace

absl::Status LogWriter::Write(Partition* partition, absl::Span<WriteRequest* const> requests) {
  if (absl::Status status = partition->PrepareToWrite(); !status.ok()) return status;
  std::vector<Addition> additions;
  absl::Status status = Collect(partition, requests, &additions);
  if (!status.ok()) return status;
  // The heads are durable before any tail is begun: what is in a tail follows something.
  if (status = WriteHeads(partition, &additions); !status.ok()) return status;
  for (Addition& addition : additions) {
    if (addition.tail_slices.empty()) continue;
    if (status = WriteTail(partition, &addition); !status.ok()) return status;
  }
  for (const WriteRequest* request : requests) {
    if (request->finish) partition->PublishFinish(request->log);
  }
  return absl::OkStatus();
}

absl::Status LogWriter::Collect(Partition* partition, absl::Span<WriteRequest* const> requests,
                                std::vector<Addition>* additions) {
  absl::flat_hash_map<const ExecutionLog*, size_t> index;
  for (WriteRequest* request : requests) {
    auto log = partition->Load(request->execution_id);
    if (!log.ok()) return log.status();
    request->log = *std::move(log);
    const auto [it, is_new] = index.emplace(request->log.get(), additions->size());
    if (is_new) additions->push_back({.log = request->log, .last_seq = request->log->last_seq()});
    Addition& addition = (*additions)[it->second];
    addition.uncertain |= request->uncertain && !request->log->uncertain();
    if (request->chunks.empty()) continue;
    addition.limit_bytes = std::max(request->limit_bytes, LogStore::kMinLimitBytes);
    request->rewind = !Continue(addition.last_seq, request->chunks, &addition.slices);
    if (!request->rewind) addition.requests.push_back(request);
    if (!addition.slices.empty()) addition.last_seq = addition.slices.back().last_seq();
  }
  return absl::OkStatus();
}

absl::Status LogWriter::WriteHeads(Partition* partition, std::vector<Addition>* additions) {
  const std::shared_ptr<FrameFile> file = partition->file();
  Batch batch{.file = file.get(), .offset = partition->end()};
  bytes_.clear();
  for (Addition& addition : *additions) {
    const Extent& head = addition.log->head();
    const uint64_t head_limit = addition.limit_bytes / kHeadShare;
    uint64_t room = addition.log->tail().empty() && head.bytes_end() < head_limit
                        ? head_limit - head.bytes_end()
                        : 0;
    std::vector<Slice> head_slices;
    for (Slice& slice : addition.slices) {
      if (addition.tail_slices.empty()) {
        const Slice front = SplitFront(&slice, room);
        room -= front.size;
        if (front.entry_count > 0) head_slices.push_back(front);
      }
      if (slice.entry_count > 0) addition.tail_slices.push_back(slice);
    }
    Cursor cursor{.prev_offset = head.last_offset(),
                  .bytes = head.bytes_end(),
                  .max_time_ns = head.max_time_ns()};
    AddFrames(addition.log, head_slices, &cursor, &batch);
    if (addition.uncertain) {
      FrameHeader mark{.kind = FrameKind::kUncertain, .execution_id = addition.log->id()};
      payload_.clear();
      EmitFrame(addition.log, &mark, &cursor, &batch);
    }
  }
  if (batch.frames.empty()) return absl::OkStatus();
  if (absl::Status status = Commit(batch); !status.ok()) return status;
  for (Addition& addition : *additions) {
    if (addition.tail_slices.empty()) KeepRecent(partition, &addition);
  }
  partition->PublishHead(batch.frames);
  return absl::OkStatus();
}

absl::Status LogWriter::WriteTail(Partition* partition, Addition* addition) {
  ExecutionLog* const log = addition->log.get();
  const uint64_t segment_limit = addition->limit_bytes / kSegmentShare;
  if (absl::Status status = OpenTail(addition); !status.ok()) return status;
  absl::Span<Slice> slices = absl::MakeSpan(addition->tail_slices);
  while (!slices.empty()) {
    std::string new_path;
    Batch batch;
    bytes_.clear();
    uint64_t room = 0;
    Cursor cursor{.bytes = log->bytes(), .max_time_ns = log->max_time_ns()};
    if (log->tail_file != nullptr) {
      const Extent& extent = log->tail().back().extent;
      room = extent.bytes() < segment_limit ? segment_limit - extent.bytes() : 0;
      cursor.prev_offset = extent.last_offset();
      batch.offset = extent.end_offset();
    }
    std::vector<Slice> fitting;
    const auto take = [&] {
      while (!slices.empty()) {
        const Slice front = SplitFront(&slices.front(), room);
        if (front.entry_count > 0) fitting.push_back(front);
        room -= front.size;
        if (slices.front().entry_count > 0) return;
        slices.remove_prefix(1);
      }
    };
    take();
    if (fitting.empty()) {
      absl::Status status = BeginSegment(partition, log, slices.front().first_seq, &new_path);
      if (!status.ok()) return status;
      room = segment_limit;
      cursor.prev_offset = kNoOffset;
      batch.offset = kFileHeaderBytes;
      take();
    }
    batch.file = log->tail_file.get();
    AddFrames(addition->log, fitting, &cursor, &batch);
    if (absl::Status status = Commit(batch); !status.ok()) {
      // A segment that is not published is begun again.
      if (!new_path.empty()) log->tail_file.reset();
      return status;
    }
    if (slices.empty()) KeepRecent(partition, addition);
    partition->PublishTail(log, new_path, batch.frames);
  }
  return absl::OkStatus();
}

void LogWriter::KeepRecent(Partition* partition, Addition* addition) {
  const std::shared_ptr<RecentChunks> recent = partition->Recent(*addition->log);
  if (recent == nullptr) return;
  // Where the round is repeated, for another log's sake, these have nothing left to write.
  for (WriteRequest* request : addition->requests) recent->Add(std::exchange(request->chunks, {}));
  addition->slices.clear();
}

absl::Status LogWriter::OpenTail(Addition* addition) {
  ExecutionLog* const log = addition->log.get();
  if (log->tail().empty() || log->tail_file != nullptr) return absl::OkStatus();
  auto file = FrameFile::Open(log->tail().back().path, FrameFile::Mode::kWrite);
  if (!file.ok()) return file.status();
  log->tail_file = *std::move(file);
  return absl::OkStatus();
}

absl::Status LogWriter::BeginSegment(Partition* partition, ExecutionLog* log, uint64_t first_seq,
                                     std::string* path) {
  while (log->tail().size() >= kMaxSegments) unlink(partition->DropOldestSegment(log).c_str());
  const std::string dir = partition->TailDir(log->id());
  if (absl::Status status = MakeDirectories(dir, 0700); !status.ok()) return status;
  *path = absl::StrCat(dir, "/", absl::Dec(first_seq, absl::kZeroPad20));
  auto file = FrameFile::Open(*path, FrameFile::Mode::kCreate);
  if (!file.ok()) return file.status();
  FaultOn("controller.logs.segment");
  if (absl::Status status = SyncDirectory(dir); !status.ok()) return status;
  if (log->tail().empty()) {
    if (absl::Status status = SyncDirectory(partition->dir()); !status.ok()) return status;
  }
  log->tail_file = *std::move(file);
  return absl::OkStatus();
}

void LogWriter::AddFrames(const std::shared_ptr<ExecutionLog>& log, absl::Span<const Slice> slices,
                          Cursor* cursor, Batch* batch) {
  payload_.clear();
  FrameHeader header{.execution_id = log->id()};
  for (const Slice& slice : slices) {
    const bool whole = slice.size == slice.chunk->data().size();
    if (!payload_.empty() && payload_.size() + AppendedBytes(*slice.chunk) > kMaxFrameBytes) {
      EmitFrame(log, &header, cursor, batch);
      payload_.clear();
      header = {.execution_id = log->id()};
    }
    if (payload_.empty()) header.first_seq = slice.first_seq;
    header.last_seq = slice.last_seq();
    header.data_bytes += static_cast<uint32_t>(slice.size);
    header.max_time_ns = std::max(header.max_time_ns, TimeNs(*slice.chunk));
    if (whole) {
      AppendChunk(*slice.chunk, &payload_);
    } else {
      AppendChunk(ToChunk(slice), &payload_);
    }
  }
  if (!payload_.empty()) EmitFrame(log, &header, cursor, batch);
}

void LogWriter::EmitFrame(const std::shared_ptr<ExecutionLog>& log, FrameHeader* header,
                          Cursor* cursor, Batch* batch) {
  const uint64_t offset = batch->offset + bytes_.size();
  header->synced_offset = batch->offset;
  header->bytes_before = cursor->bytes;
  header->max_time_before_ns = cursor->max_time_ns;
  if (header->kind == FrameKind::kData) {
    header->prev_offset = cursor->prev_offset;
    encoder_.Encode(batch->file->seed(), header, payload_, &bytes_);
    cursor->prev_offset = offset;
  } else {
    EncodeHeader(batch->file->seed(), header, &bytes_);
  }
  cursor->bytes += header->data_bytes;
  cursor->max_time_ns = header->max_time_after_ns();
  batch->frames.push_back({.log = log, .header = *header, .offset = offset});
}

absl::Status LogWriter::Commit(const Batch& batch) {
  // What an attempt that failed may have left behind.
  const auto size = batch.file->Size();
  if (!size.ok()) return size.status();
  if (*size > batch.offset) {
    if (absl::Status status = batch.file->Truncate(batch.offset); !status.ok()) return status;
  }
  if (FaultOn("controller.logs.write"))
    return absl::UnavailableError("controller.logs.write is on");
  absl::Status status = batch.file->Write(batch.offset, bytes_);
  if (!status.ok()) return status;
  // After an error of fdatasync the kernel may have dropped the pages: the next attempt writes them
  // again rather than sync again.
  if (status = batch.file->Sync(); !status.ok()) return status;
  FaultOn("controller.logs.synced");
  ++stats_.syncs;
  stats_.disk_bytes += bytes_.size();
  stats_.frames += batch.frames.size();
  for (const PlacedFrame& frame : batch.frames) stats_.data_bytes += frame.header.data_bytes;
  return absl::OkStatus();
}

}  // namespace cronium::controller::logs
