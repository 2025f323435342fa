// SPDX-License-Identifier: Apache-2.0
#include "agent/init/relay_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "agent/init/timer.h"

namespace cronium::agent::init {

RelayConnection::RelayConnection(EventLoop* loop, Owner* owner, UniqueFd client)
    : loop_(loop), owner_(owner), client_(std::move(client)), accepted_ns_(BootTimeNs()) {}

RelayConnection::~RelayConnection() {
  loop_->Forget(client_.get());
  loop_->Forget(gateway_.get());
}

void RelayConnection::Start(UniqueFd gateway) {
  gateway_ = std::move(gateway);
  request_.from = answer_.to = client_.get();
  request_.to = answer_.from = gateway_.get();
  if (!WatchBoth()) {
    ResetClient();
    owner_->OnConnectionOver(this);
  }
}

void RelayConnection::ResetClient() {
  const linger abort = {.l_onoff = 1, .l_linger = 0};
  setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

void RelayConnection::OnEvent(int fd, uint32_t events) {
  const bool readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
  if (!Carry(&request_, readable && fd == request_.from) ||
      !Carry(&answer_, readable && fd == answer_.from)) {
    owner_->OnConnectionOver(this);
    return;
  }
  if ((request_.over && answer_.over) || !WatchBoth()) owner_->OnConnectionOver(this);
}

bool RelayConnection::Carry(Way* way, bool may_read) {
  if (way->over) return true;
  if (may_read && !way->input_ended && way->begin == way->end && !Read(way)) return false;
  if (way->begin < way->end && !Write(way)) return false;
  if (way->input_ended && way->begin == way->end) {
    if (!way->discarding) shutdown(way->to, SHUT_WR);
    way->over = true;
  }
  return true;
}

bool RelayConnection::Read(Way* way) {
  const ssize_t length = recv(way->from, way->buffer, sizeof(way->buffer), MSG_DONTWAIT);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (length < 0 && way == &request_) return false;
  way->begin = 0;
  way->end = length > 0 && !way->discarding ? static_cast<size_t>(length) : 0;
  way->input_ended = length <= 0;
  return true;
}

bool RelayConnection::Write(Way* way) {
  const ssize_t length =
      send(way->to, way->buffer + way->begin, way->end - way->begin, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (length >= 0) {
    way->begin += static_cast<size_t>(length);
    return true;
  }
  if (errno == EAGAIN || errno == EINTR) return true;
  // Who takes no more requests may still be answering.
  if (way != &request_) return false;
  way->discarding = true;
  way->begin = way->end = 0;
  return true;
}

bool RelayConnection::WatchBoth() {
  const auto interest = [](const Way& incoming, const Way& outgoing) {
    const bool room = !incoming.input_ended && incoming.begin == incoming.end;
    const bool pending = outgoing.begin < outgoing.end;
    return (room ? uint32_t{EPOLLIN} : 0) | (pending ? uint32_t{EPOLLOUT} : 0);
  };
  return loop_->Watch(client_.get(), interest(request_, answer_), this) &&
         loop_->Watch(gateway_.get(), interest(answer_, request_), this);
}

}  // namespace cronium::agent::init
