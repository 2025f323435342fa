// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/streams.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace cronium::cli {
namespace {

constexpr absl::string_view kClosedPipe = "cronium.cli/closed-pipe";

// A descriptor that was inherited may be non-blocking: another process that has it open decides.
bool WaitUntilReady(int fd, short events) {
  pollfd waited{fd, events, 0};
  return poll(&waited, 1, -1) >= 0 || errno == EINTR;
}

absl::Status WriteFully(int fd, absl::string_view name, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(n);
      continue;
    }
    if (errno == EINTR || (errno == EAGAIN && WaitUntilReady(fd, POLLOUT))) continue;
    const int error_number = errno;
    absl::Status status = ErrnoError(name, "cannot write", error_number);
    if (error_number == EPIPE) status.SetPayload(kClosedPipe, absl::Cord());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Streams::Out(absl::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  MutexLock lock(&mutex_);
  return WriteOut(bytes);
}

absl::Status Streams::Err(absl::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  MutexLock lock(&mutex_);
  err_mid_line_ = bytes.back() != '\n';
  return WriteErr(bytes);
}

void Streams::Notice(absl::string_view text) {
  MutexLock lock(&mutex_);
  WriteErr(absl::StrCat(err_mid_line_ ? "\n" : "", "cronium: ", text, "\n")).IgnoreError();
  err_mid_line_ = false;
}

absl::StatusOr<std::string> ProcessStreams::ReadStdin(int64_t max_bytes) {
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (n < 0 && (errno == EINTR || (errno == EAGAIN && WaitUntilReady(STDIN_FILENO, POLLIN)))) {
      continue;
    }
    if (n < 0) return ErrnoError("stdin", "cannot read", errno);
    if (n == 0) return out;
    if (static_cast<int64_t>(out.size()) + n > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("stdin: has more than the limit of ", max_bytes, " bytes"));
    }
    out.append(buffer, n);
  }
}

absl::Status ProcessStreams::WriteOut(absl::string_view bytes) {
  return WriteFully(STDOUT_FILENO, "stdout", bytes);
}

absl::Status ProcessStreams::WriteErr(absl::string_view bytes) {
  return WriteFully(STDERR_FILENO, "stderr", bytes);
}

bool IsClosedPipe(const absl::Status& status) { return status.GetPayload(kClosedPipe).has_value(); }

}  // namespace cronium::cli
