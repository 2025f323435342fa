// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/log_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/logs/admission.h"

namespace cronium::controller::logs {

absl::StatusOr<ReadResult> LogReader::Read(uint64_t after_seq, int64_t max_bytes) {
  max_bytes_ = max_bytes;
  ReadResult result{.next_after_seq = after_seq};
  while (true) {
    auto step = partition_.Next(id_, result.next_after_seq, max_bytes - bytes_);
    if (!step.ok()) return step.status();
    if (step->kind == ReadStep::Kind::kEnd) {
      result.at_end = true;
      return result;
    }
    bool full = false;
    if (step->kind == ReadStep::Kind::kCut) {
      result.next_after_seq = step->cut.cut().last_seq();
      result.chunks.push_back(std::move(step->cut));
    } else if (step->kind == ReadStep::Kind::kRecent) {
      for (size_t i = 0; i < step->recent.size() && !full; ++i) {
        // Nothing is copied in vain: the first goes on where the reader is, and each follows the
        // other.
        full = !result.chunks.empty() &&
               bytes_ + static_cast<int64_t>(step->recent[i]->data().size()) > max_bytes_;
        if (full) break;
        const auto taken = Take(*step->recent[i], &result);
        if (!taken.ok()) return taken.status();
        full = *taken;
      }
    } else {
      const auto file = OpenFile(*step);
      // Its segment was dropped between the two: what it held is part of the hole now.
      if (absl::IsNotFound(file.status())) continue;
      if (!file.ok()) return file.status();
      const auto read = ReadFrames(**file, step->from, &result);
      if (!read.ok()) return read.status();
      full = *read;
    }
    result.at_end = result.next_after_seq >= step->durable_seq;
    if (full || bytes_ >= max_bytes_ || result.at_end) return result;
  }
}

absl::StatusOr<std::shared_ptr<FrameFile>> LogReader::OpenFile(const ReadStep& step) {
  if (step.file != nullptr) return step.file;
  if (segment_ != nullptr && segment_->path() == step.segment_path) return segment_;
  auto file = FrameFile::Open(step.segment_path, FrameFile::Mode::kRead);
  if (file.ok()) segment_ = *file;
  return file;
}

absl::StatusOr<bool> LogReader::ReadFrames(const FrameFile& file, uint64_t from,
                                           ReadResult* result) {
  const uint64_t seq = result->next_after_seq + 1;
  const auto offsets = WalkBack(
      file, id_, from, [seq](const FrameHeader& header) { return header.first_seq <= seq; });
  if (!offsets.ok()) return offsets.status();
  for (const uint64_t offset : *offsets) {
    auto chunks = file.ReadChunks(offset, id_, &decoder_);
    if (!chunks.ok()) return chunks.status();
    for (v1::LogChunk& chunk : *chunks) {
      const auto full = Take(std::move(chunk), result);
      if (!full.ok() || *full) return full;
    }
  }
  return false;
}

absl::StatusOr<bool> LogReader::Take(v1::LogChunk chunk, ReadResult* result) {
  const uint64_t last_seq = chunk.first_seq() + chunk.entry_count() - 1;
  if (last_seq <= result->next_after_seq) return false;
  if (chunk.first_seq() > result->next_after_seq + 1) {
    return absl::DataLossError(absl::StrCat("log of ", id_, ": entry ", result->next_after_seq + 1,
                                            " is missing from its files"));
  }
  CutFront(result->next_after_seq, &chunk);
  const auto size = static_cast<int64_t>(chunk.data().size());
  if (!result->chunks.empty() && bytes_ + size > max_bytes_) return true;
  bytes_ += size;
  result->next_after_seq = last_seq;
  result->chunks.push_back(std::move(chunk));
  return false;
}

absl::StatusOr<uint64_t> LogReader::SeekTime(int64_t time_ns) {
  if (time_ns <= 0) return 0;
  while (true) {
    const auto step = partition_.NextAtTime(id_, time_ns);
    if (!step.ok()) return step.status();
    if (step->kind == ReadStep::Kind::kEnd) return step->durable_seq;
    if (step->kind == ReadStep::Kind::kCut) return step->cut.first_seq() - 1;
    const auto file = OpenFile(*step);
    if (absl::IsNotFound(file.status())) continue;
    if (!file.ok()) return file.status();
    const auto offsets = WalkBack(**file, id_, step->from, [time_ns](const FrameHeader& header) {
      return header.max_time_before_ns < time_ns;
    });
    if (!offsets.ok()) return offsets.status();
    const auto chunks = (*file)->ReadChunks(offsets->front(), id_, &decoder_);
    if (!chunks.ok()) return chunks.status();
    for (const v1::LogChunk& chunk : *chunks) {
      if (TimeNs(chunk) >= time_ns) return chunk.first_seq() - 1;
    }
    return absl::DataLossError(absl::StrCat("log of ", id_, ": its times and its index differ"));
  }
}

}  // namespace cronium::controller::logs
