// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/frame_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace cronium::controller::logs {
namespace {

// Read together with the header, so that a small frame needs one call.
constexpr size_t kFirstReadBytes = 4096;
constexpr size_t kScanBufferBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::shared_ptr<FrameFile>> FrameFile::Open(const std::string& path, Mode mode) {
  const int flags = mode == Mode::kRead    ? O_RDONLY
                    : mode == Mode::kWrite ? O_RDWR
                                           : O_RDWR | O_CREAT;
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  std::shared_ptr<FrameFile> file(new FrameFile(std::move(fd), path));
  if (absl::Status status = file->ReadFileHeader(mode); !status.ok()) return status;
  return file;
}

absl::Status FrameFile::ReadFileHeader(Mode mode) {
  std::string bytes;
  if (absl::Status status = Read(0, kFileHeaderBytes + 1, &bytes); !status.ok()) return status;
  if (const std::optional<uint64_t> seed = DecodeFileHeader(bytes); seed.has_value()) {
    seed_ = *seed;
    return absl::OkStatus();
  }
  if (bytes.size() > kFileHeaderBytes || mode == Mode::kRead) {
    return Damaged(0, "no header of a log file");
  }
  if (getrandom(&seed_, sizeof(seed_), 0) != sizeof(seed_)) {
    return ErrnoError(path_, "no random numbers", errno);
  }
  // Durable before the first frame, so that a file with frames has its header.
  if (absl::Status status = Write(0, EncodeFileHeader(seed_)); !status.ok()) return status;
  return Sync();
}

absl::StatusOr<uint64_t> FrameFile::Size() const {
  struct stat info;
  if (fstat(fd_.get(), &info) != 0) return ErrnoError(path_, "cannot stat", errno);
  return static_cast<uint64_t>(info.st_size);
}

absl::Status FrameFile::Read(uint64_t offset, size_t size, std::string* out) const {
  out->resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        pread(fd_.get(), out->data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path_, "cannot read", errno);
    if (n == 0) break;
    done += n;
  }
  out->resize(done);
  return absl::OkStatus();
}

absl::Status FrameFile::Damaged(uint64_t offset, absl::string_view why) const {
  return absl::DataLossError(absl::StrCat(path_, ": damaged at byte ", offset, ": ", why));
}

absl::StatusOr<FrameHeader> FrameFile::ReadHeader(uint64_t offset,
                                                  absl::string_view execution_id) const {
  std::string bytes;
  if (absl::Status status = Read(offset, kFrameHeaderBytes, &bytes); !status.ok()) return status;
  std::optional<FrameHeader> header = DecodeHeader(seed_, bytes);
  if (!header.has_value()) return Damaged(offset, "no frame");
  if (header->execution_id != execution_id) {
    return Damaged(offset, absl::StrCat("a frame of ", header->execution_id));
  }
  return *std::move(header);
}

absl::StatusOr<std::vector<v1::LogChunk>> FrameFile::ReadChunks(uint64_t offset,
                                                                absl::string_view execution_id,
                                                                FrameDecoder* decoder) const {
  std::string bytes;
  if (absl::Status status = Read(offset, kFirstReadBytes, &bytes); !status.ok()) return status;
  const std::optional<FrameHeader> header = DecodeHeader(seed_, bytes);
  if (!header.has_value()) return Damaged(offset, "no frame");
  if (header->execution_id != execution_id) {
    return Damaged(offset, absl::StrCat("a frame of ", header->execution_id));
  }
  if (bytes.size() < header->size()) {
    std::string rest;
    absl::Status status = Read(offset + bytes.size(), header->size() - bytes.size(), &rest);
    if (!status.ok()) return status;
    bytes += rest;
  }
  auto chunks = decoder->Decode(absl::string_view(bytes).substr(
      kFrameHeaderBytes, std::min<size_t>(header->payload_bytes, bytes.size())));
  if (!chunks.ok()) return Damaged(offset, chunks.status().message());
  return chunks;
}

absl::Status FrameFile::Write(uint64_t offset, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path_, "cannot write", errno);
    bytes.remove_prefix(n);
    offset += n;
  }
  return absl::OkStatus();
}

absl::Status FrameFile::Sync() {
  return fdatasync(fd_.get()) == 0 ? absl::OkStatus() : ErrnoError(path_, "cannot sync", errno);
}

absl::Status FrameFile::Truncate(uint64_t size) {
  return ftruncate(fd_.get(), static_cast<off_t>(size)) == 0
             ? absl::OkStatus()
             : ErrnoError(path_, "cannot truncate", errno);
}

absl::StatusOr<std::vector<uint64_t>> WalkBack(
    const FrameFile& file, absl::string_view execution_id, uint64_t from,
    const std::function<bool(const FrameHeader&)>& is_wanted) {
  std::deque<uint64_t> offsets;
  for (uint64_t offset = from;;) {
    const auto header = file.ReadHeader(offset, execution_id);
    if (!header.ok()) return header.status();
    offsets.push_front(offset);
    if (offsets.size() > kMaxWalk) offsets.pop_back();
    if (is_wanted(*header)) break;
    if (header->prev_offset >= offset) {
      return absl::DataLossError(
          absl::StrCat(file.path(), ": the chain of ", execution_id, " ends at byte ", offset));
    }
    offset = header->prev_offset;
  }
  return std::vector<uint64_t>(offsets.begin(), offsets.end());
}

namespace {

// Sequential reading with a buffer that moves along.
class ScanBuffer {
 public:
  explicit ScanBuffer(const FrameFile& file) : file_(file) {}

  uint64_t seed() const { return file_.seed(); }

  // `size` bytes at `offset`, or as many as the file has; valid until the next call.
  absl::StatusOr<absl::string_view> At(uint64_t offset, size_t size) {
    if (offset < start_ || offset + size > start_ + buffer_.size()) {
      absl::Status status = file_.Read(offset, std::max(size, kScanBufferBytes), &buffer_);
      if (!status.ok()) return status;
      start_ = offset;
    }
    return absl::string_view(buffer_).substr(offset - start_, size);
  }

 private:
  const FrameFile& file_;
  uint64_t start_ = 0;
  std::string buffer_;
};

// The whole frame at `offset`, or nothing. Without a decoder the payload is not looked at.
absl::StatusOr<std::optional<FrameHeader>> WholeFrameAt(uint64_t offset, ScanBuffer* buffer,
                                                        FrameDecoder* decoder) {
  auto bytes = buffer->At(offset, kFrameHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  std::optional<FrameHeader> header = DecodeHeader(buffer->seed(), *bytes);
  if (!header.has_value() || header->payload_bytes == 0) return header;
  bytes = buffer->At(offset + kFrameHeaderBytes, header->payload_bytes);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < header->payload_bytes ||
      (decoder != nullptr && !decoder->Check(*bytes).ok())) {
    return std::optional<FrameHeader>();
  }
  return header;
}

// Where the next frame begins that shows the one at `bad` to have been durable; nothing where there
// is none.
absl::StatusOr<std::optional<uint64_t>> FindProofOfDamage(uint64_t bad, ScanBuffer* buffer,
                                                          FrameDecoder* decoder) {
  for (uint64_t offset = bad + 1;;) {
    const auto bytes = buffer->At(offset, kScanBufferBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->size() < kFrameHeaderBytes) return std::optional<uint64_t>();
    const size_t at = FindMagic(*bytes, 0);
    if (at == absl::string_view::npos) {
      // A magic number may lie across the buffer's end.
      offset += bytes->size() - kFrameHeaderBytes + 1;
      continue;
    }
    offset += at;
    const auto header = WholeFrameAt(offset, buffer, decoder);
    if (!header.ok()) return header.status();
    if (header->has_value() && (*header)->synced_offset > bad) return std::optional(offset);
    ++offset;
  }
}

}  // namespace

absl::StatusOr<ScanResult> ScanFrames(
    const FrameFile& file, uint64_t from, uint64_t limit, Payloads payloads,
    const std::function<absl::Status(const FrameHeader&, uint64_t offset)>& on_frame) {
  ScanBuffer buffer(file);
  FrameDecoder decoder;
  ScanResult result{.end = from};
  while (result.end < limit) {
    const auto header =
        WholeFrameAt(result.end, &buffer, payloads == Payloads::kCheck ? &decoder : nullptr);
    if (!header.ok()) return header.status();
    if (header->has_value()) {
      if (absl::Status status = on_frame(**header, result.end); !status.ok()) return status;
      result.end += (*header)->size();
      continue;
    }
    const auto next = FindProofOfDamage(result.end, &buffer, &decoder);
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    LogError("log file is damaged; the entries there are lost",
             {{"path", file.path()}, {"offset", result.end}, {"bytes", **next - result.end}});
    result.damaged_bytes += **next - result.end;
    result.end = **next;
  }
  return result;
}

}  // namespace cronium::controller::logs
