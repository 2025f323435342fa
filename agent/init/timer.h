// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_TIMER_H_
#define CRONIUM_AGENT_INIT_TIMER_H_

#include <cstdint>
#include <ctime>

#include "agent/init/event_loop.h"
#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// Nanoseconds of CLOCK_BOOTTIME: monotonic, and runs on while the host is suspended.
int64_t BootTimeNs();

// A one-shot CLOCK_BOOTTIME timer on the event loop. The handler calls Consume to learn whether the
// timer really fired. Lives on the loop's thread and must not outlive the loop.
class Timer {
 public:
  // False, with errno set, when the kernel gives no timer descriptor.
  bool Open(EventLoop* loop, EventLoop::Handler* handler);

  void ArmAt(int64_t boottime_ns);
  void ArmAfterMs(int64_t ms) { ArmAt(BootTimeNs() + ms * 1'000'000); }
  void Disarm();

  bool Is(int fd) const { return fd == fd_.get(); }
  // True once for each time that the timer fired.
  bool Consume();

 private:
  UniqueFd fd_;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_TIMER_H_
