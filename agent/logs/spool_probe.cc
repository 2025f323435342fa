// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/spool_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/logs/log_index.h"
#include "common/file.h"

namespace cronium::agent {

absl::Status ProbeSpoolFolder(const std::string& folder) {
  std::string path = folder + "/.probe-XXXXXX";
  UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return ErrnoError(folder, "cannot make a file in it", errno);
  unlink(path.c_str());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(folder, "cannot make a pipe", errno);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const std::string page(8192, 'x');
  if (absl::Status status = WriteAll(writer.get(), page); !status.ok()) return status;
  loff_t offset = 0;
  if (splice(reader.get(), nullptr, file.get(), &offset, page.size(), SPLICE_F_MOVE) <= 0) {
    if (errno != EINVAL) return ErrnoError(folder, "cannot write to it", errno);
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": its file system takes no splice: ", strerror(errno)));
  }
  if (!PunchHole(file.get(), folder, 0, 4096).ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder,
        ": its file system cannot punch holes; put the spool on ext4, xfs, btrfs or tmpfs"));
  }
  return absl::OkStatus();
}

}  // namespace cronium::agent
