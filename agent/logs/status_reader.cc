// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/status_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace cronium::agent {

absl::StatusOr<StatusReader> StatusReader::Open(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoError(path, "cannot open", errno);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoError(path, "cannot stat", errno);
  return StatusReader(path, std::move(file), info.st_size);
}

absl::Status StatusReader::TakeBytes(int fifo_fd) {
  while (size_ < kMaxBytes) {
    auto offset = static_cast<loff_t>(size_);
    const ssize_t n = splice(fifo_fd, nullptr, file_.get(), &offset, kMaxBytes - size_,
                             SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || (n < 0 && errno == EAGAIN)) break;
    if (n < 0) return ErrnoError(path_, "cannot take the status", errno);
    size_ += n;
  }
  return size_ < kMaxBytes ? absl::OkStatus() : DropBytes(fifo_fd);
}

absl::Status StatusReader::DropBytes(int fifo_fd) {
  char dropped[16384];
  for (uint64_t total = 0; total < kMaxDroppedBytes;) {
    const ssize_t n = read(fifo_fd, dropped, sizeof(dropped));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || (n < 0 && errno == EAGAIN)) break;
    if (n < 0) return ErrnoError(path_, "cannot read the status", errno);
    total += n;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StatusEvent>> StatusReader::Take(int fifo_fd) {
  const absl::Status taken = fifo_fd >= 0 ? TakeBytes(fifo_fd) : absl::OkStatus();
  std::vector<StatusEvent> events;
  if (size_ > parsed_) {
    std::string text(size_ - parsed_, '\0');
    const ssize_t n = pread(file_.get(), text.data(), text.size(), static_cast<off_t>(parsed_));
    if (n < 0) return ErrnoError(path_, "cannot read", errno);
    text.resize(n);
    absl::string_view rest = text;
    for (size_t newline; (newline = rest.find('\n')) != absl::string_view::npos;) {
      if (std::optional<StatusEvent> event = ParseStatusLine(rest.substr(0, newline))) {
        events.push_back(*std::move(event));
      }
      rest.remove_prefix(newline + 1);
      parsed_ += newline + 1;
    }
  }
  if (events.empty() && !taken.ok()) return taken;
  return events;
}

}  // namespace cronium::agent
