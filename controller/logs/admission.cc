// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/admission.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/ids.h"
#include "common/log_entries.h"
#include "common/protocol_rules.h"

namespace cronium::controller::logs {
namespace {

constexpr uint64_t kMaxSeq = uint64_t{1} << 62;
// Nanoseconds in an int64 end in the year 2262.
constexpr int64_t kMaxSeconds = std::numeric_limits<int64_t>::max() / 1'000'000'000 - 1;

// What is wrong with a field of the chunk, or nothing.
std::pair<absl::string_view, std::string> Check(const v1::LogChunk& chunk) {
  if (chunk.has_cut()) return {"cut", "is set by the controller alone"};
  if (chunk.stream() != v1::LOG_STREAM_STDOUT && chunk.stream() != v1::LOG_STREAM_STDERR) {
    return {"stream",
            absl::StrCat("is ", static_cast<int>(chunk.stream()), "; must be STDOUT or STDERR")};
  }
  if (chunk.first_seq() == 0 || chunk.first_seq() > kMaxSeq) {
    return {"first_seq", absl::StrCat("is ", chunk.first_seq(), "; entries count from 1")};
  }
  if (chunk.data().empty() || chunk.data().size() > kMaxLogChunkBytes) {
    return {"data", absl::StrCat("has ", chunk.data().size(), " bytes; must have 1 to ",
                                 kMaxLogChunkBytes)};
  }
  if (chunk.time().seconds() < 0 || chunk.time().seconds() > kMaxSeconds ||
      chunk.time().nanos() < 0 || chunk.time().nanos() > 999'999'999) {
    return {"time", "is not between the years 1970 and 2262"};
  }
  if (const uint32_t held = CountLogEntries(chunk.data()); held != chunk.entry_count()) {
    return {"entry_count",
            absl::StrCat("is ", chunk.entry_count(), ", but data holds ", held, " entries")};
  }
  return {};
}

}  // namespace

absl::Status CheckKey(const LogKey& key) {
  Violations violations;
  if (!IsName(key.name_space)) violations.Add("namespace", "is not a name");
  if (!IsId(key.execution_id, kExecutionIdPrefix)) {
    violations.Add("execution_id", "is not the id of an execution");
  }
  if (key.assign_time < absl::UnixEpoch() || key.assign_time > absl::FromUnixSeconds(kMaxSeconds)) {
    violations.Add("assign_time", "is not between the years 1970 and 2262");
  }
  return violations.ToStatus();
}

absl::Status CheckChunks(absl::Span<const v1::LogChunk> chunks) {
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto [field, description] = Check(chunks[i]);
    if (field.empty()) continue;
    Violations violations;
    violations.Add(absl::StrCat("chunks[", i, "].", field), description);
    return violations.ToStatus();
  }
  return absl::OkStatus();
}

bool Continue(uint64_t last_seq, absl::Span<const v1::LogChunk> chunks,
              std::vector<Slice>* slices) {
  const size_t size_before = slices->size();
  for (const v1::LogChunk& chunk : chunks) {
    if (chunk.first_seq() > last_seq + 1) {
      slices->resize(size_before);
      return false;
    }
    const uint64_t chunk_last = chunk.first_seq() + chunk.entry_count() - 1;
    const bool repeats = chunk.first_seq() <= last_seq;
    if (repeats) RuleApplied(23);  // docs/protocol.md P23
    if (repeats && FaultOn("controller.logs.seam_off_by_one")) --last_seq;
    if (chunk_last <= last_seq) continue;
    const auto known = static_cast<uint32_t>(last_seq + 1 - chunk.first_seq());
    const size_t offset = LogPrefixLength(chunk.data(), known);
    slices->push_back({.chunk = &chunk,
                       .first_seq = last_seq + 1,
                       .entry_count = chunk.entry_count() - known,
                       .offset = offset,
                       .size = chunk.data().size() - offset});
    last_seq = chunk_last;
  }
  return true;
}

Slice SplitFront(Slice* slice, uint64_t max_bytes) {
  Slice front = *slice;
  if (front.size > max_bytes) {
    const absl::string_view data = absl::string_view(slice->chunk->data()).substr(slice->offset);
    front.size = 0;
    front.entry_count = 0;
    while (true) {
      const size_t next = FirstLogEntryLength(data.substr(front.size));
      if (front.size + next > max_bytes) break;
      front.size += next;
      ++front.entry_count;
    }
  }
  slice->first_seq += front.entry_count;
  slice->entry_count -= front.entry_count;
  slice->offset += front.size;
  slice->size -= front.size;
  return front;
}

v1::LogChunk ToChunk(const Slice& slice) {
  v1::LogChunk chunk;
  chunk.set_stream(slice.chunk->stream());
  chunk.set_first_seq(slice.first_seq);
  chunk.set_entry_count(slice.entry_count);
  *chunk.mutable_time() = slice.chunk->time();
  chunk.set_data(slice.chunk->data().substr(slice.offset, slice.size));
  return chunk;
}

void CutFront(uint64_t after_seq, v1::LogChunk* chunk) {
  if (chunk->first_seq() > after_seq) return;
  const auto known = static_cast<uint32_t>(after_seq + 1 - chunk->first_seq());
  chunk->mutable_data()->erase(0, LogPrefixLength(chunk->data(), known));
  chunk->set_first_seq(after_seq + 1);
  chunk->set_entry_count(chunk->entry_count() - known);
}

int64_t TimeNs(const v1::LogChunk& chunk) {
  return chunk.time().seconds() * 1'000'000'000 + chunk.time().nanos();
}

}  // namespace cronium::controller::logs
