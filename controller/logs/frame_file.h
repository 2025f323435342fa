// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_FRAME_FILE_H_
#define CRONIUM_CONTROLLER_LOGS_FRAME_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "controller/logs/frame.h"

namespace cronium::controller::logs {

// An open file of frames. Reads may run beside each other and beside the one writer, who only adds
// behind what readers know of; shared, so that a reader may go on with a file that was closed or
// removed meanwhile. Thread-safe.
class FrameFile {
 public:
  enum class Mode { kRead, kWrite, kCreate };
  // NOT_FOUND where there is none (and mode is not kCreate), DATA_LOSS where it is no file of
  // frames. One that was torn while it was made holds none: unless mode is kRead, it is begun anew.
  static absl::StatusOr<std::shared_ptr<FrameFile>> Open(const std::string& path, Mode mode);

  const std::string& path() const { return path_; }
  // What the hashes of its frames begin with.
  uint64_t seed() const { return seed_; }
  absl::StatusOr<uint64_t> Size() const;

  // `size` bytes, or as many as there are up to the end of the file.
  absl::Status Read(uint64_t offset, size_t size, std::string* out) const;
  // The header of a frame of this execution. DATA_LOSS where there is none at `offset`.
  absl::StatusOr<FrameHeader> ReadHeader(uint64_t offset, absl::string_view execution_id) const;
  // Such a frame's chunks.
  absl::StatusOr<std::vector<v1::LogChunk>> ReadChunks(uint64_t offset,
                                                       absl::string_view execution_id,
                                                       FrameDecoder* decoder) const;

  absl::Status Write(uint64_t offset, absl::string_view bytes);
  absl::Status Sync();
  absl::Status Truncate(uint64_t size);

 private:
  FrameFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  absl::Status ReadFileHeader(Mode mode);
  absl::Status Damaged(uint64_t offset, absl::string_view why) const;

  const UniqueFd fd_;
  const std::string path_;
  uint64_t seed_ = 0;
};

// Follows the chain from the frame at `from` back to the first for which `is_wanted` holds, and
// returns the offsets of that one and those after it up to `from`, oldest first, but at most
// kMaxWalk.
inline constexpr size_t kMaxWalk = 1024;
absl::StatusOr<std::vector<uint64_t>> WalkBack(
    const FrameFile& file, absl::string_view execution_id, uint64_t from,
    const std::function<bool(const FrameHeader&)>& is_wanted);

struct ScanResult {
  // Behind the last whole frame.
  uint64_t end = 0;
  // Bytes among them that belong to no whole frame.
  uint64_t damaged_bytes = 0;
};

enum class Payloads { kCheck, kSkip };

// Calls on_frame for each whole frame that begins in [from, limit), where `from` is a border, to
// the last: what follows is the torn tail of a write that nobody was told is durable. Where a later
// frame shows that a bad stretch was durable, it is damage: it is skipped, logged and counted.
absl::StatusOr<ScanResult> ScanFrames(
    const FrameFile& file, uint64_t from, uint64_t limit, Payloads payloads,
    const std::function<absl::Status(const FrameHeader&, uint64_t offset)>& on_frame);

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_FRAME_FILE_H_
