// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_FRAME_H_
#define CRONIUM_CONTROLLER_LOGS_FRAME_H_

#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cronium/v1/log.pb.h"

// The unit of a log file: consecutive chunks of one execution, compressed. A file is a header of
// its own and then frames one after another, of any executions:
//
//   | file header | frame header | payload: a zstd frame with checksum | frame header | ...
//     24 bytes      128 bytes
//
// A frame's header has a hash, so that frames can be walked without reading payloads, and names the
// frame before it of the same execution, so that those are a chain through the file. The hash is
// seeded with a random number from the file header: what a job writes may end up in the file as it
// is, and must never pass for a frame.
namespace cronium::controller::logs {

inline constexpr size_t kFileHeaderBytes = 24;
inline constexpr size_t kFrameHeaderBytes = 128;
// Serialised chunks in one frame, unless a single chunk is larger: what a reader must hold to see
// one of them.
inline constexpr size_t kMaxFrameBytes = 257 << 10;
inline constexpr uint64_t kNoOffset = ~uint64_t{0};

enum class FrameKind : uint8_t {
  kData = 1,
  // No payload: the execution's log is `uncertain` (LogSummary).
  kUncertain = 2,
};

struct FrameHeader {
  FrameKind kind = FrameKind::kData;
  std::string execution_id;
  uint64_t first_seq = 0;
  uint64_t last_seq = 0;
  // Bytes of data of the execution before this frame, and in it.
  uint64_t bytes_before = 0;
  uint32_t data_bytes = 0;
  uint32_t payload_bytes = 0;
  // The frame before of this execution in this file, or kNoOffset.
  uint64_t prev_offset = kNoOffset;
  // Newest capture time of all entries before this frame, and of those in it.
  int64_t max_time_before_ns = 0;
  int64_t max_time_ns = 0;
  // Everything in the file before this was durable when the frame was written. A bad frame below
  // the synced_offset of a later one was whole once: that is damage, and no torn tail.
  uint64_t synced_offset = 0;
  // Set by Decode: tells this header from every other.
  uint64_t hash = 0;

  uint64_t size() const { return kFrameHeaderBytes + payload_bytes; }
  int64_t max_time_after_ns() const { return std::max(max_time_before_ns, max_time_ns); }
};

// The header of a file whose frames are seeded with `seed`, and back; nothing where it is none.
std::string EncodeFileHeader(uint64_t seed);
std::optional<uint64_t> DecodeFileHeader(absl::string_view bytes);

// Appends the header's 128 bytes and sets header->hash.
void EncodeHeader(uint64_t seed, FrameHeader* header, std::string* out);

// Nothing where the bytes do not begin with the header of a frame of that file.
std::optional<FrameHeader> DecodeHeader(uint64_t seed, absl::string_view bytes);

// Where the next header may begin at or after `from`; npos where nowhere in these bytes.
size_t FindMagic(absl::string_view bytes, size_t from);

// Makes frames. Keeps zstd's tables, so it is used by one thread.
class FrameEncoder {
 public:
  FrameEncoder();

  // Appends one frame of `payload`, which is serialised chunks (see ChunkPayload). Fills in
  // header's payload_bytes and hash.
  void Encode(uint64_t seed, FrameHeader* header, absl::string_view payload, std::string* out);

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  // As long as the longest compressed payload may be so far.
  std::string compressed_;
};

// Reads payloads. Used by one thread.
class FrameDecoder {
 public:
  // DATA_LOSS where the payload is damaged.
  absl::StatusOr<std::vector<v1::LogChunk>> Decode(absl::string_view payload);
  // The same without the chunks.
  absl::Status Check(absl::string_view payload);

 private:
  absl::Status Decompress(absl::string_view payload);

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  // Made when first needed: who reads what is in memory needs none.
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  std::string buffer_;
};

// Appends chunk to a payload.
void AppendChunk(const v1::LogChunk& chunk, std::string* payload);

// How many bytes AppendChunk adds, at most.
size_t AppendedBytes(const v1::LogChunk& chunk);

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_FRAME_H_
