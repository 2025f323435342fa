// SPDX-License-Identifier: Apache-2.0
#include "agent/init/event_loop.h"

#include <sys/epoll.h>

#include <cerrno>

namespace cronium::agent::init {
namespace {

// Events taken per epoll_wait. Only bounds a stack array; the rest comes with the next call.
constexpr int kBatch = 64;

}  // namespace

bool EventLoop::Open() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  return epoll_.ok();
}

bool EventLoop::Watch(int fd, uint32_t events, Handler* handler) {
  if (static_cast<size_t>(fd) >= entries_.size()) entries_.resize(fd + 1);
  Entry& entry = entries_[fd];
  if (entry.events == events) {
    entry.handler = handler;
    return true;
  }
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  const int operation = events == 0         ? EPOLL_CTL_DEL
                        : entry.events == 0 ? EPOLL_CTL_ADD
                                            : EPOLL_CTL_MOD;
  if (epoll_ctl(epoll_.get(), operation, fd, &event) != 0) return false;
  entry = {handler, events};
  return true;
}

void EventLoop::Forget(int fd) {
  if (fd < 0 || static_cast<size_t>(fd) >= entries_.size()) return;
  if (entries_[fd].events != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  entries_[fd] = {};
}

void EventLoop::Run() {
  epoll_event batch[kBatch];
  while (!stopped_) {
    const int count = epoll_wait(epoll_.get(), batch, kBatch, -1);
    if (count < 0 && errno != EINTR) return;  // only a closed epoll descriptor gets here
    for (int i = 0; i < count && !stopped_; ++i) {
      const int fd = batch[i].data.fd;
      // Forgotten by an earlier handler of this batch.
      if (entries_[fd].events == 0) continue;
      entries_[fd].handler->OnEvent(fd, batch[i].events);
    }
  }
}

}  // namespace cronium::agent::init
