// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace cronium {

void UniqueFd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

absl::Status ErrnoError(absl::string_view path, absl::string_view what, int error_number) {
  return absl::ErrnoToStatus(error_number, absl::StrCat(path, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path, "cannot read", errno);
    if (n == 0) return out;
    if (static_cast<int64_t>(out.size()) + n > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": is larger than the limit of ", max_bytes, " bytes"));
    }
    out.append(buffer, n);
  }
}

absl::Status WriteAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "cannot write");
    data.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomic(const std::string& path, absl::string_view content, mode_t mode,
                             bool sync) {
  const std::string temporary = absl::StrCat(path, ".new");
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd.valid()) return ErrnoError(temporary, "cannot create", errno);
  if (fchmod(fd.get(), mode) != 0) return ErrnoError(temporary, "cannot set its mode", errno);
  if (absl::Status status = WriteAll(fd.get(), content); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(temporary, ": ", status.message()));
  }
  if (sync && fdatasync(fd.get()) != 0) return ErrnoError(temporary, "cannot sync", errno);
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoError(path, "cannot rename into place", errno);
  }
  const size_t slash = path.rfind('/');
  return sync && slash != std::string::npos ? SyncDirectory(path.substr(0, slash))
                                            : absl::OkStatus();
}

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return ErrnoError(part, "cannot make the folder", errno);
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::StatusOr<UniqueFd> LockFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoError(path, "cannot lock", errno);
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": another process holds it; only one may use this folder at a time"));
}

absl::Status SyncDirectory(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) return ErrnoError(path, "cannot sync", errno);
  return absl::OkStatus();
}

}  // namespace cronium
