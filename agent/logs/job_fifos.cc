// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/job_fifos.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/logs/log_capture.h"

namespace cronium::agent {

absl::Status MakeJobFifos(const std::string& run_dir) {
  for (const char* name : {"stdout", "stderr", "status"}) {
    const std::string path = absl::StrCat(run_dir, "/", name);
    if (mkfifo(path.c_str(), 0666) != 0 && errno != EEXIST) {
      return ErrnoError(path, "cannot make the FIFO", errno);
    }
    struct stat info;
    if (lstat(path.c_str(), &info) != 0) return ErrnoError(path, "cannot stat", errno);
    if (!S_ISFIFO(info.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": is there and is no FIFO"));
    }
    // The umask was taken off; the job runs as a user that is not ours.
    if (chmod(path.c_str(), 0666) != 0) return ErrnoError(path, "cannot change the mode", errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenFifo(const std::string& path, int bytes) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoError(path, "cannot stat", errno);
  if (!S_ISFIFO(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": is no FIFO"));
  }
  // Refused above fs.pipe-max-size and fs.pipe-user-pages-soft. What it has does as well, only less
  // smoothly.
  const int now = fcntl(fd.get(), F_GETPIPE_SZ);
  for (int size = bytes; size > now && fcntl(fd.get(), F_SETPIPE_SZ, size) < 0; size /= 2) {
  }
  return fd;
}

}  // namespace cronium::agent
