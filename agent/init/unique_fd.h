// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_UNIQUE_FD_H_
#define CRONIUM_AGENT_INIT_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace cronium::agent::init {

// Owns one file descriptor and closes it. Not thread-safe; moved, never copied.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

  void Reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_UNIQUE_FD_H_
