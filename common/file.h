// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_FILE_H_
#define CRONIUM_COMMON_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium {

// Owns a file descriptor; closes it when destroyed.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

// A status for errno: "PATH: what failed: No such file or directory", with the code that fits it.
absl::Status ErrnoError(absl::string_view path, absl::string_view what, int error_number);

// The whole file; RESOURCE_EXHAUSTED where it is larger than max_bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes = 64 << 20);

// Writes a new file and renames it over path: a reader sees the old or the new content, whole. With
// sync, also after a power cut.
absl::Status WriteFileAtomic(const std::string& path, absl::string_view content, mode_t mode,
                             bool sync = false);

// All of data, or an error.
absl::Status WriteAll(int fd, absl::string_view data);

// Makes path and its parents; no error where it exists.
absl::Status MakeDirectories(const std::string& path, mode_t mode);

// Holds path, made where it does not exist, for as long as the descriptor is open: how a process
// makes sure that a folder is its alone. FAILED_PRECONDITION where another one holds it. The file
// stays when the lock goes.
absl::StatusOr<UniqueFd> LockFile(const std::string& path);

// fsync of a folder, so that a new or removed name in it is durable.
absl::Status SyncDirectory(const std::string& path);

}  // namespace cronium

#endif  // CRONIUM_COMMON_FILE_H_
