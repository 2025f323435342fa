// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_ADMISSION_H_
#define CRONIUM_CONTROLLER_LOGS_ADMISSION_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "controller/logs/log_store.h"
#include "cronium/v1/log.pb.h"

// What of an arriving batch becomes part of a log.
namespace cronium::controller::logs {

// INVALID_ARGUMENT where the key cannot be an execution's: its parts become names of files.
absl::Status CheckKey(const LogKey& key);

// INVALID_ARGUMENT that names the field, where a chunk is malformed: stream, sequence numbers,
// size, time, or an entry_count that is not what data holds.
absl::Status CheckChunks(absl::Span<const v1::LogChunk> chunks);

// Some whole entries of a chunk.
struct Slice {
  const v1::LogChunk* chunk = nullptr;
  uint64_t first_seq = 0;
  uint32_t entry_count = 0;
  // Where they begin in chunk->data(), and how many bytes they are.
  size_t offset = 0;
  size_t size = 0;

  uint64_t last_seq() const { return first_seq + entry_count - 1; }
};

// The part of `chunks` (checked) that follows entry last_seq: chunks that hold only earlier entries
// are left out, and one that overlaps is cut at the border. False where an entry is missing in
// between; `slices` is then as it was.
bool Continue(uint64_t last_seq, absl::Span<const v1::LogChunk> chunks, std::vector<Slice>* slices);

// Splits off the front of `slice` as many whole entries as fit into max_bytes; the front may come
// out empty (entry_count 0), and so may what remains.
Slice SplitFront(Slice* slice, uint64_t max_bytes);

// The chunk that holds just the slice.
v1::LogChunk ToChunk(const Slice& slice);

// Cuts what a reader who has everything up to after_seq already has off the front of chunk, which
// must hold entries after that.
void CutFront(uint64_t after_seq, v1::LogChunk* chunk);

// Of a checked chunk.
int64_t TimeNs(const v1::LogChunk& chunk);

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_ADMISSION_H_
