// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/execution_spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/fault.h"
#include "common/log_entries.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

constexpr uint64_t kSpoolPage = 4096;
// Index records read at a time.
constexpr size_t kReadRecords = 128;
// Largest record: what is read of a stream's file at a time. Of the size of the longest entry, so
// that a message's share is filled by whole records, and none is read twice to be cut.
constexpr size_t kMaxRecordBytes = kMaxLogEntryBytes;
// Ends of records that were read and not acknowledged yet, kept in memory.
constexpr size_t kMaxReadEnds = 1024;

v1::LogStream ToProto(uint32_t stream) {
  return stream == 0 ? v1::LOG_STREAM_STDOUT : v1::LOG_STREAM_STDERR;
}

// How much of data can be indexed while more of it is to come: up to the last newline, and whole
// pieces of a long line after that.
size_t CompleteLength(absl::string_view data) {
  const void* newline = memrchr(data.data(), '\n', data.size());
  const size_t lines = newline == nullptr ? 0 : static_cast<const char*>(newline) - data.data() + 1;
  return lines + (data.size() - lines) / kMaxLogEntryBytes * kMaxLogEntryBytes;
}

}  // namespace

absl::StatusOr<std::shared_ptr<ExecutionSpool>> ExecutionSpool::Open(
    const std::string& folder, int64_t now_ns, int64_t punch_step_bytes,
    std::atomic<int64_t>* total_bytes, bool index_rest) {
  if (absl::Status made = MakeDirectories(folder, 0700); !made.ok()) return made;
  absl::StatusOr<LogIndex> index = LogIndex::Open(folder + "/index");
  if (!index.ok()) return index.status();
  std::shared_ptr<ExecutionSpool> spool(
      new ExecutionSpool(folder, *std::move(index), punch_step_bytes, total_bytes));
  if (absl::Status recovered = spool->Recover(now_ns, index_rest); !recovered.ok())
    return recovered;
  return spool;
}

ExecutionSpool::ExecutionSpool(std::string folder, LogIndex index, int64_t punch_step_bytes,
                               std::atomic<int64_t>* total_bytes)
    : folder_(std::move(folder)),
      punch_step_bytes_(punch_step_bytes),
      total_bytes_(total_bytes),
      index_(std::move(index)) {}

ExecutionSpool::~ExecutionSpool() { AddSpoolBytes(-spool_bytes_); }

std::string ExecutionSpool::StreamPath(int stream) const {
  return folder_ + (stream == 0 ? "/stdout" : "/stderr");
}

void ExecutionSpool::AddSpoolBytes(int64_t bytes) {
  spool_bytes_ += bytes;
  *total_bytes_ += bytes;
}

absl::Status ExecutionSpool::Recover(int64_t now_ns, bool index_rest) {
  for (int stream : {0, 1}) {
    absl::StatusOr<UniqueFd> file = OpenSpoolFile(StreamPath(stream));
    if (!file.ok()) return file.status();
    files_[stream] = *std::move(file);
    struct stat info;
    if (fstat(files_[stream].get(), &info) != 0) {
      return ErrnoError(StreamPath(stream), "cannot stat", errno);
    }
    taken_[stream] = info.st_size;
  }
  absl::StatusOr<Published> published = LoadPublished();
  if (!published.ok()) return published.status();
  indexed_[0] = published->end[0];
  indexed_[1] = published->end[1];
  next_seq_ = published->last_seq + 1;
  {
    MutexLock lock(&consumer_mutex_);
    acknowledged_seq_ = index_.acknowledged_seq();
    acknowledged_records_ = index_.acknowledged_records();
    if (acknowledged_records_ < published->records) {
      const auto first = index_.Read(acknowledged_records_, 1);
      if (!first.ok()) return first.status();
      acknowledged_end_[first->front().stream] = first->front().offset;
      acknowledged_end_[1 - first->front().stream] = first->front().other_end;
    } else {
      acknowledged_end_[0] = published->end[0];
      acknowledged_end_[1] = published->end[1];
    }
    AddSpoolBytes(
        static_cast<int64_t>(taken_[0] - acknowledged_end_[0] + taken_[1] - acknowledged_end_[1]) +
        static_cast<int64_t>((published->records - acknowledged_records_) *
                             LogIndex::kRecordBytes));
  }
  Publish(*published);
  if (!index_rest) {
    // docs/protocol.md P24
    if (HasUnindexed(0) || HasUnindexed(1)) RuleApplied(24);
    for (int stream : {0, 1}) taken_[stream] = indexed_[stream];
    return absl::OkStatus();
  }
  for (int stream : {0, 1}) {
    const absl::StatusOr<int64_t> indexed = Index(stream, /*more=*/false, now_ns);
    if (!indexed.ok()) return indexed.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<ExecutionSpool::Published> ExecutionSpool::LoadPublished() {
  Published published;
  published.records = index_.size();
  // After a crash of the host a stream's file may be shorter than the index says: then the index is
  // cut to what is there.
  while (published.records > 0) {
    const absl::StatusOr<std::vector<IndexRecord>> last = index_.Read(published.records - 1, 1);
    if (!last.ok()) return last.status();
    const IndexRecord& record = last->front();
    if (record.end() <= taken_[record.stream] && record.other_end <= taken_[1 - record.stream]) {
      published.last_seq = record.last_seq();
      published.end[record.stream] = record.end();
      published.end[1 - record.stream] = record.other_end;
      break;
    }
    --published.records;
  }
  if (published.records < index_.size()) {
    if (absl::Status cut = index_.Truncate(published.records); !cut.ok()) return cut;
  }
  // What was acknowledged once is not numbered again, whatever the disk lost.
  published.last_seq = std::max(published.last_seq, index_.acknowledged_seq());
  return published;
}

void ExecutionSpool::Publish(const Published& published) {
  last_seq_ = published.last_seq;
  MutexLock lock(&mutex_);
  published_ = published;
}

absl::StatusOr<size_t> ExecutionSpool::Take(int stream, int pipe_fd, size_t max_bytes) {
  for (;;) {
    auto offset = static_cast<loff_t>(taken_[stream]);
    const ssize_t n = splice(pipe_fd, nullptr, files_[stream].get(), &offset, max_bytes,
                             SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return size_t{0};
    if (n < 0) return ErrnoError(StreamPath(stream), "cannot take the job's output", errno);
    taken_[stream] += n;
    AddSpoolBytes(n);
    return static_cast<size_t>(n);
  }
}

absl::StatusOr<int64_t> ExecutionSpool::Index(int stream, bool more, int64_t now_ns) {
  std::vector<IndexRecord> records;
  int64_t entries = 0;
  uint64_t begin = indexed_[stream];
  uint64_t seq = next_seq_;
  while (begin < taken_[stream]) {
    const size_t size = std::min<uint64_t>(taken_[stream] - begin, kMaxRecordBytes);
    if (scratch_.size() < size) scratch_.resize(kMaxRecordBytes);
    const ssize_t n = pread(files_[stream].get(), scratch_.data(), size, static_cast<off_t>(begin));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(StreamPath(stream), "cannot read", errno);
    if (n == 0)
      return absl::DataLossError(StreamPath(stream) + ": is shorter than what was written");
    absl::string_view data(scratch_.data(), n);
    if (more || begin + data.size() < taken_[stream]) data = data.substr(0, CompleteLength(data));
    if (data.empty()) break;
    IndexRecord record;
    record.first_seq = seq;
    record.offset = begin;
    record.other_end = indexed_[1 - stream];
    record.time_ns = now_ns;
    record.length = static_cast<uint32_t>(data.size());
    record.entries = CountLogEntries(data);
    record.stream = static_cast<uint32_t>(stream);
    records.push_back(record);
    begin += data.size();
    seq += record.entries;
    entries += record.entries;
  }
  if (records.empty()) return 0;
  if (absl::Status appended = index_.Append(records); !appended.ok()) return appended;
  indexed_[stream] = begin;
  next_seq_ = seq;
  AddSpoolBytes(static_cast<int64_t>(records.size() * LogIndex::kRecordBytes));
  Published published;
  published.records = index_.size();
  published.last_seq = next_seq_ - 1;
  published.end[0] = indexed_[0];
  published.end[1] = indexed_[1];
  Publish(published);
  return entries;
}

LogState ExecutionSpool::State() const {
  LogState state;
  MutexLock lock(&consumer_mutex_);
  state.acknowledged_seq = acknowledged_seq_;
  state.last_seq = last_seq_;
  state.spool_bytes = spool_bytes_;
  return state;
}

absl::StatusOr<std::vector<v1::LogChunk>> ExecutionSpool::Read(uint64_t after_seq,
                                                               size_t max_bytes) const {
  MutexLock lock(&consumer_mutex_);
  Published published;
  {
    MutexLock published_lock(&mutex_);
    published = published_;
  }
  std::vector<v1::LogChunk> chunks;
  if (after_seq < acknowledged_seq_) {
    return absl::OutOfRangeError(absl::StrCat(folder_, ": entries up to ", acknowledged_seq_,
                                              " are acknowledged and gone, asked for those after ",
                                              after_seq));
  }
  if (after_seq >= published.last_seq) return chunks;

  uint64_t number;
  if (cursor_seq_ == after_seq && cursor_record_ >= acknowledged_records_ &&
      cursor_record_ < published.records) {
    number = cursor_record_;
  } else {
    const auto found = index_.Find(after_seq + 1, acknowledged_records_, published.records);
    if (!found.ok()) return found.status();
    number = *found;
  }

  size_t used = 0;
  while (number < published.records) {
    const auto records =
        index_.Read(number, std::min<uint64_t>(kReadRecords, published.records - number));
    if (!records.ok()) return records.status();
    if (records->empty()) return absl::DataLossError(folder_ + "/index: is cut short");
    for (const IndexRecord& record : *records) {
      const size_t room = max_bytes - std::min(max_bytes, used + kChunkOverheadBytes);
      // Only the first is cut to fit, and may be larger than what was asked for.
      if (!chunks.empty() && record.length > room) return chunks;
      absl::StatusOr<v1::LogChunk> chunk = ReadChunk(record, after_seq, room);
      if (!chunk.ok()) return chunk.status();
      used += chunk->data().size() + kChunkOverheadBytes;
      after_seq = chunk->first_seq() + chunk->entry_count() - 1;
      chunks.push_back(*std::move(chunk));
      const bool whole = after_seq == record.last_seq();
      if (whole) {
        ++number;
        RememberEnd(record, number);
      }
      cursor_seq_ = after_seq;
      cursor_record_ = number;
      if (!whole) return chunks;
    }
  }
  return chunks;
}

void ExecutionSpool::RememberEnd(const IndexRecord& record, uint64_t records) const {
  // Read again after a reconnect: known already.
  if (!read_ends_.empty() && read_ends_.back().last_seq >= record.last_seq()) return;
  if (read_ends_.size() == kMaxReadEnds) read_ends_.pop_front();
  RecordEnd end{.last_seq = record.last_seq(), .records = records};
  end.end[record.stream] = record.end();
  end.end[1 - record.stream] = record.other_end;
  read_ends_.push_back(end);
}

// Where the records up to durable_seq end: mostly where a message ended, which is remembered.
absl::StatusOr<ExecutionSpool::RecordEnd> ExecutionSpool::FindEnd(uint64_t durable_seq,
                                                                  const Published& published) {
  while (!read_ends_.empty() && read_ends_.front().last_seq < durable_seq) read_ends_.pop_front();
  if (!read_ends_.empty() && read_ends_.front().last_seq == durable_seq) return read_ends_.front();
  RecordEnd end{.last_seq = durable_seq, .records = published.records};
  std::copy(published.end, published.end + 2, end.end);
  if (durable_seq == published.last_seq) return end;
  const auto found = index_.Find(durable_seq + 1, acknowledged_records_, published.records);
  if (!found.ok()) return found.status();
  const auto record = index_.Read(*found, 1);
  if (!record.ok()) return record.status();
  end.records = *found;
  end.end[record->front().stream] = record->front().offset;
  end.end[1 - record->front().stream] = record->front().other_end;
  return end;
}

// The record's entries after after_seq, as many as fit into max_bytes and at least one.
absl::StatusOr<v1::LogChunk> ExecutionSpool::ReadChunk(const IndexRecord& record,
                                                       uint64_t after_seq, size_t max_bytes) const {
  v1::LogChunk chunk;
  std::string& data = *chunk.mutable_data();
  data.resize(record.length);
  for (size_t done = 0; done < data.size();) {
    const ssize_t n = pread(files_[record.stream].get(), data.data() + done, data.size() - done,
                            static_cast<off_t>(record.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(StreamPath(record.stream), "cannot read", errno);
    if (n == 0) return absl::DataLossError(StreamPath(record.stream) + ": is cut short");
    done += n;
  }
  uint64_t first_seq = record.first_seq;
  uint32_t entries = record.entries;
  if (after_seq >= first_seq) {
    const auto skip = static_cast<uint32_t>(after_seq + 1 - first_seq);
    data.erase(0, LogPrefixLength(data, skip));
    first_seq += skip;
    entries -= skip;
  }
  if (data.size() > max_bytes) {
    size_t length = FirstLogEntryLength(data);
    entries = 1;
    for (;;) {
      const size_t next = FirstLogEntryLength(absl::string_view(data).substr(length));
      if (length + next > max_bytes) break;
      length += next;
      ++entries;
    }
    data.resize(length);
  }
  chunk.set_stream(ToProto(record.stream));
  chunk.set_first_seq(first_seq);
  chunk.set_entry_count(entries);
  chunk.mutable_time()->set_seconds(record.time_ns / 1'000'000'000);
  chunk.mutable_time()->set_nanos(static_cast<int32_t>(record.time_ns % 1'000'000'000));
  return chunk;
}

absl::Status ExecutionSpool::Acknowledge(uint64_t durable_seq) {
  MutexLock lock(&consumer_mutex_);
  Published published;
  {
    MutexLock published_lock(&mutex_);
    published = published_;
  }
  durable_seq = std::min(durable_seq, published.last_seq);
  if (durable_seq <= acknowledged_seq_) return absl::OkStatus();

  const absl::StatusOr<RecordEnd> found = FindEnd(durable_seq, published);
  if (!found.ok()) return found.status();
  const uint64_t records = found->records;
  const uint64_t* const ends = found->end;
  // First the word that it is acknowledged, then its blocks: so that what a restart finds is whole.
  if (absl::Status status = index_.Acknowledge(durable_seq, records); !status.ok()) return status;
  FaultOn("agent.logs.acknowledged");
  AddSpoolBytes(
      -static_cast<int64_t>(ends[0] - acknowledged_end_[0] + ends[1] - acknowledged_end_[1]) -
      static_cast<int64_t>((records - acknowledged_records_) * LogIndex::kRecordBytes));
  acknowledged_seq_ = durable_seq;
  acknowledged_records_ = records;
  for (int stream : {0, 1}) {
    acknowledged_end_[stream] = ends[stream];
    const uint64_t whole = ends[stream] / kSpoolPage * kSpoolPage;
    if (whole < punched_[stream] + static_cast<uint64_t>(punch_step_bytes_)) continue;
    if (absl::Status status =
            PunchHole(files_[stream].get(), StreamPath(stream), punched_[stream], whole);
        !status.ok()) {
      return status;
    }
    punched_[stream] = whole;
  }
  return index_.PunchAcknowledged(punch_step_bytes_);
}

}  // namespace cronium::agent
