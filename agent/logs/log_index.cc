// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_index.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cronium::agent {
namespace {

constexpr char kMagic[8] = {'C', 'R', 'O', 'N', 'L', 'I', 'D', 'X'};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kSlotOffsets[2] = {512, 1024};
constexpr uint64_t kIndexPage = 4096;

// Both as they lie in the file, in the host's byte order: a spool does not travel.
struct DiskRecord {
  uint64_t first_seq;
  uint64_t offset;
  uint64_t other_end;
  int64_t time_ns;
  uint32_t length;
  // Stream in the highest bit: a record has at most 262,144 entries.
  uint32_t entries_and_stream;
  uint32_t reserved;
  uint32_t checksum;
};
static_assert(sizeof(DiskRecord) == LogIndex::kRecordBytes);
constexpr uint32_t kStreamBit = 0x80000000;

struct DiskSlot {
  uint64_t acknowledged_seq;
  uint64_t acknowledged_records;
  uint64_t generation;
  uint32_t reserved;
  uint32_t checksum;
};

// CRC-32C (Castagnoli), four bytes at a time: table n is for a byte with n more behind it.
using CrcTables = std::array<std::array<uint32_t, 256>, 4>;
constexpr CrcTables MakeCrcTables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    tables[0][i] = crc;
  }
  for (size_t n = 1; n < tables.size(); ++n) {
    for (uint32_t i = 0; i < 256; ++i) {
      const uint32_t crc = tables[n - 1][i];
      tables[n][i] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}
constexpr CrcTables kCrc = MakeCrcTables();

// Over all of a struct before its checksum, the last member.
template <typename T>
uint32_t Checksum(const T& value) {
  constexpr size_t kWords = offsetof(T, checksum) / sizeof(uint32_t);
  static_assert(offsetof(T, checksum) % sizeof(uint32_t) == 0);
  uint32_t words[kWords];
  std::memcpy(words, &value, sizeof words);
  uint32_t crc = 0xffffffff;
  for (const uint32_t word : words) {
    crc ^= word;
    crc = kCrc[3][crc & 0xff] ^ kCrc[2][(crc >> 8) & 0xff] ^ kCrc[1][(crc >> 16) & 0xff] ^
          kCrc[0][crc >> 24];
  }
  return ~crc;
}

DiskRecord ToDisk(const IndexRecord& record) {
  DiskRecord disk{};
  disk.first_seq = record.first_seq;
  disk.offset = record.offset;
  disk.other_end = record.other_end;
  disk.time_ns = record.time_ns;
  disk.length = record.length;
  disk.entries_and_stream = record.entries | (record.stream != 0 ? kStreamBit : 0);
  disk.checksum = Checksum(disk);
  return disk;
}

IndexRecord FromDisk(const DiskRecord& disk) {
  IndexRecord record;
  record.first_seq = disk.first_seq;
  record.offset = disk.offset;
  record.other_end = disk.other_end;
  record.time_ns = disk.time_ns;
  record.length = disk.length;
  record.entries = disk.entries_and_stream & ~kStreamBit;
  record.stream = (disk.entries_and_stream & kStreamBit) != 0 ? 1 : 0;
  return record;
}

// Bytes read, less than size only at the file's end; -1 with errno.
ssize_t ReadAt(int fd, uint64_t offset, void* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        pread(fd, static_cast<char*>(data) + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += n;
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

absl::StatusOr<UniqueFd> OpenSpoolFile(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;
  UniqueFd fd(open(path.c_str(), kFlags | O_NOATIME, 0600));
  // Refused for a file of somebody else.
  if (!fd.valid() && errno == EPERM) fd.Reset(open(path.c_str(), kFlags, 0600));
  if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  return fd;
}

absl::Status PunchHole(int fd, const std::string& path, uint64_t from, uint64_t to) {
  if (to <= from) return absl::OkStatus();
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from),
                static_cast<off_t>(to - from)) != 0) {
    return ErrnoError(path, "cannot give back the space of acknowledged output", errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<LogIndex> LogIndex::Open(const std::string& path) {
  absl::StatusOr<UniqueFd> fd = OpenSpoolFile(path);
  if (!fd.ok()) return fd.status();
  struct stat info;
  if (fstat(fd->get(), &info) != 0) return ErrnoError(path, "cannot stat", errno);
  LogIndex index(path, *std::move(fd));
  if (static_cast<uint64_t>(info.st_size) < kHeaderBytes) {
    // New, or killed while it was made: nothing was appended yet.
    std::string header(kHeaderBytes, '\0');
    std::memcpy(header.data(), kMagic, sizeof kMagic);
    std::memcpy(header.data() + sizeof kMagic, &kVersion, sizeof kVersion);
    if (absl::Status status = index.WriteAt(0, header.data(), header.size()); !status.ok()) {
      return status;
    }
    return index;
  }
  if (absl::Status status = index.LoadHeader(); !status.ok()) return status;
  if (absl::Status status = index.CutTornRecords(info.st_size); !status.ok()) return status;
  return index;
}

absl::Status LogIndex::LoadHeader() {
  char header[kHeaderBytes];
  if (ReadAt(fd_.get(), 0, header, sizeof header) != sizeof header) {
    return ErrnoError(path_, "cannot read", errno);
  }
  uint32_t version;
  std::memcpy(&version, header + sizeof kMagic, sizeof version);
  if (std::memcmp(header, kMagic, sizeof kMagic) != 0 || version != kVersion) {
    return absl::DataLossError(absl::StrCat(path_, ": is not a log index of this version"));
  }
  for (const uint64_t offset : kSlotOffsets) {
    DiskSlot slot;
    std::memcpy(&slot, header + offset, sizeof slot);
    if (slot.generation <= generation_ || slot.checksum != Checksum(slot)) continue;
    generation_ = slot.generation;
    acknowledged_seq_ = slot.acknowledged_seq;
    acknowledged_records_ = slot.acknowledged_records;
  }
  return absl::OkStatus();
}

absl::Status LogIndex::CutTornRecords(uint64_t file_bytes) {
  size_ = (file_bytes - kHeaderBytes) / kRecordBytes;
  // A kill tears at most the last append; a crash of the host may leave more.
  while (size_ > acknowledged_records_) {
    const absl::StatusOr<std::vector<IndexRecord>> last = Read(size_ - 1, 1);
    if (last.ok()) break;
    if (!absl::IsDataLoss(last.status())) return last.status();
    --size_;
  }
  acknowledged_records_ = std::min(acknowledged_records_, size_);
  return Truncate(size_);
}

absl::Status LogIndex::Truncate(uint64_t size) {
  if (ftruncate(fd_.get(), static_cast<off_t>(kHeaderBytes + size * kRecordBytes)) != 0) {
    return ErrnoError(path_, "cannot truncate", errno);
  }
  size_ = size;
  acknowledged_records_ = std::min(acknowledged_records_, size_);
  return absl::OkStatus();
}

absl::Status LogIndex::WriteAt(uint64_t offset, const char* data, size_t size) const {
  while (size > 0) {
    const ssize_t n = pwrite(fd_.get(), data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path_, "cannot write", errno);
    data += n;
    offset += n;
    size -= n;
  }
  return absl::OkStatus();
}

absl::Status LogIndex::Append(absl::Span<const IndexRecord> records) {
  if (records.empty()) return absl::OkStatus();
  std::vector<DiskRecord> disk;
  disk.reserve(records.size());
  for (const IndexRecord& record : records) disk.push_back(ToDisk(record));
  if (absl::Status status =
          WriteAt(kHeaderBytes + size_ * kRecordBytes, reinterpret_cast<const char*>(disk.data()),
                  disk.size() * kRecordBytes);
      !status.ok()) {
    return status;
  }
  size_ += records.size();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<IndexRecord>> LogIndex::Read(uint64_t first, size_t count) const {
  std::vector<DiskRecord> disk(count);
  const ssize_t bytes =
      ReadAt(fd_.get(), kHeaderBytes + first * kRecordBytes, disk.data(), count * kRecordBytes);
  if (bytes < 0) return ErrnoError(path_, "cannot read", errno);
  disk.resize(static_cast<size_t>(bytes) / kRecordBytes);
  std::vector<IndexRecord> records;
  records.reserve(disk.size());
  for (const DiskRecord& record : disk) {
    if (record.checksum != Checksum(record)) {
      return absl::DataLossError(
          absl::StrCat(path_, ": record ", first + records.size(), " is damaged"));
    }
    records.push_back(FromDisk(record));
  }
  return records;
}

absl::StatusOr<uint64_t> LogIndex::Find(uint64_t seq, uint64_t first, uint64_t limit) const {
  while (limit - first > 1) {
    const uint64_t middle = first + (limit - first) / 2;
    const absl::StatusOr<std::vector<IndexRecord>> record = Read(middle, 1);
    if (!record.ok()) return record.status();
    if (record->empty()) return absl::DataLossError(absl::StrCat(path_, ": is cut short"));
    if (record->front().first_seq <= seq) {
      first = middle;
    } else {
      limit = middle;
    }
  }
  return first;
}

absl::Status LogIndex::Acknowledge(uint64_t seq, uint64_t records) {
  DiskSlot slot{};
  slot.acknowledged_seq = seq;
  slot.acknowledged_records = records;
  slot.generation = generation_ + 1;
  slot.checksum = Checksum(slot);
  if (absl::Status status = WriteAt(kSlotOffsets[slot.generation % 2],
                                    reinterpret_cast<const char*>(&slot), sizeof slot);
      !status.ok()) {
    return status;
  }
  generation_ = slot.generation;
  acknowledged_seq_ = seq;
  acknowledged_records_ = records;
  return absl::OkStatus();
}

absl::Status LogIndex::PunchAcknowledged(int64_t step_bytes) {
  // The last record stays, whoever acknowledged it: it says where the streams' files stand.
  const uint64_t records = acknowledged_records_ - (acknowledged_records_ > 0 ? 1 : 0);
  const uint64_t end = (kHeaderBytes + records * kRecordBytes) / kIndexPage * kIndexPage;
  if (end < punched_ + static_cast<uint64_t>(step_bytes)) return absl::OkStatus();
  absl::Status status = PunchHole(fd_.get(), path_, punched_, end);
  if (status.ok()) punched_ = end;
  return status;
}

}  // namespace cronium::agent
