// SPDX-License-Identifier: Apache-2.0
#include "agent/init/fifo.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace cronium::agent::init {

std::string OpenFifo(const std::string& path, int flags, UniqueFd* fd) {
  *fd = UniqueFd(open(path.c_str(), O_RDWR | O_CLOEXEC | flags));
  struct stat info {};
  if (!fd->ok() || fstat(fd->get(), &info) != 0) {
    return "cannot open the FIFO " + path + ": " + strerror(errno);
  }
  if (!S_ISFIFO(info.st_mode)) {
    fd->Reset();
    return path + " is not a FIFO";
  }
  return "";
}

int BytesInFifo(const UniqueFd& fd) {
  int bytes = 0;
  return ioctl(fd.get(), FIONREAD, &bytes) == 0 ? bytes : 0;
}

}  // namespace cronium::agent::init
