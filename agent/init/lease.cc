// SPDX-License-Identifier: Apache-2.0
#include "agent/init/lease.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {
namespace {

// The longest well-formed file: the 19 digits of the largest int64 and a newline. One byte more is
// asked for, so that a longer file is seen to be longer.
constexpr size_t kMaxLeaseBytes = 20;

}  // namespace

bool ParseLease(std::string_view text, Lease* lease) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text == "keep") {
    *lease = {.keep = true, .end_ns = 0};
    return true;
  }
  if (text.empty()) return false;
  int64_t end_ns = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const int digit = c - '0';
    if (end_ns > (std::numeric_limits<int64_t>::max() - digit) / 10) return false;
    end_ns = end_ns * 10 + digit;
  }
  *lease = {.keep = false, .end_ns = end_ns};
  return true;
}

std::string ReadLease(const std::string& path, Lease* lease) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return "cannot open the lease file " + path + ": " + strerror(errno);
  char buffer[kMaxLeaseBytes + 1];
  const ssize_t length = read(fd.get(), buffer, sizeof(buffer));
  if (length < 0) return "cannot read the lease file " + path + ": " + strerror(errno);
  if (!ParseLease({buffer, static_cast<size_t>(length)}, lease)) {
    return "the lease file " + path + " is neither a CLOCK_BOOTTIME time in nanoseconds nor 'keep'";
  }
  return "";
}

bool LeaseTimer::Start(EventLoop* loop, const std::string& path, const Lease& lease,
                       Listener* listener) {
  path_ = path;
  listener_ = listener;
  if (!timer_.Open(loop, this)) return false;
  Arm(lease);
  return true;
}

void LeaseTimer::OnEvent(int fd, uint32_t events) {
  if (!timer_.Consume()) return;
  Lease lease;
  if (ReadLease(path_, &lease).empty()) {
    if (lease.keep || lease.end_ns > BootTimeNs()) {
      Arm(lease);
      return;
    }
    if (lease.end_ns > end_ns_) end_ns_ = lease.end_ns;
  }
  listener_->OnLeaseEnded(end_ns_);
}

void LeaseTimer::Arm(const Lease& lease) {
  if (lease.keep) return;
  end_ns_ = lease.end_ns;
  timer_.ArmAt(lease.end_ns);
}

}  // namespace cronium::agent::init
