// SPDX-License-Identifier: Apache-2.0
#include "agent/init/timer.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

namespace cronium::agent::init {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

int64_t BootTimeNs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

bool Timer::Open(EventLoop* loop, EventLoop::Handler* handler) {
  fd_ = UniqueFd(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  return fd_.ok() && loop->Watch(fd_.get(), EPOLLIN, handler);
}

void Timer::ArmAt(int64_t boottime_ns) {
  // Zero would disarm; a time in the past fires at once.
  const int64_t at = std::max<int64_t>(boottime_ns, 1);
  itimerspec spec{};
  spec.it_value.tv_sec = at / kNsPerSecond;
  spec.it_value.tv_nsec = at % kNsPerSecond;
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Timer::Disarm() {
  const itimerspec spec{};
  timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

bool Timer::Consume() {
  uint64_t expirations = 0;
  return read(fd_.get(), &expirations, sizeof(expirations)) == sizeof(expirations);
}

}  // namespace cronium::agent::init
