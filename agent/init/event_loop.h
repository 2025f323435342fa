// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_EVENT_LOOP_H_
#define CRONIUM_AGENT_INIT_EVENT_LOOP_H_

#include <cstdint>
#include <vector>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// The one thread's epoll, level-triggered. Handlers are called from Run and own their descriptors.
//
// A handler may be called for a descriptor that is not ready: when one handler closes a descriptor
// and another opens one of the same number within a batch, the old event reaches the new owner. So
// every registered descriptor is non-blocking, and every handler treats EAGAIN as "nothing yet".
class EventLoop {
 public:
  class Handler {
   public:
    // `events` are epoll's EPOLLIN, EPOLLOUT, EPOLLHUP and EPOLLERR.
    virtual void OnEvent(int fd, uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };

  // False, with errno set, when the kernel gives no epoll descriptor.
  bool Open();

  // Watches `fd` for `events`, or changes what it is watched for. No events at all means that the
  // descriptor leaves the epoll set, since level-triggered epoll reports a hang-up even to those
  // who asked for nothing, and would spin. False, with errno set, when the kernel refuses.
  bool Watch(int fd, uint32_t events, Handler* handler);

  // Must be called before a watched descriptor is closed. Harmless for one that is not watched.
  void Forget(int fd);

  // Dispatches events until Stop is called.
  void Run();
  void Stop() { stopped_ = true; }

 private:
  struct Entry {
    Handler* handler = nullptr;
    uint32_t events = 0;  // 0: not in the epoll set
  };

  UniqueFd epoll_;
  std::vector<Entry> entries_;  // by descriptor number
  bool stopped_ = false;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_EVENT_LOOP_H_
