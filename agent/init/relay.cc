// SPDX-License-Identifier: Apache-2.0
#include "agent/init/relay.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace cronium::agent::init {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

// A connection to a unix socket is made at once or not at all, whether one waits or not; a full
// queue is EAGAIN.
UniqueFd ConnectUnix(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (!fd.ok() ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return UniqueFd();
  }
  return fd;
}

}  // namespace

std::string Relay::Start(EventLoop* loop, const sockaddr_in& address,
                         const std::string& socket_path) {
  loop_ = loop;
  socket_path_ = socket_path;
  listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener_.ok() ||
      setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_.get(), kRelayBacklog) != 0 || !retry_timer_.Open(loop, this) ||
      !loop->Watch(listener_.get(), EPOLLIN, this)) {
    std::string error = strerror(errno);
    Stop();
    return "cannot relay the runtime API: " + error;
  }
  return "";
}

std::string Relay::Address() const {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
  return std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
}

void Relay::Stop() {
  if (loop_ != nullptr) loop_->Forget(listener_.get());
  listener_.Reset();
  connections_.clear();
}

void Relay::OnEvent(int fd, uint32_t events) {
  if (retry_timer_.Is(fd)) {
    if (!retry_timer_.Consume()) return;
    retry_armed_ = false;
    out_of_resources_ = false;
    RetryWaiting();
  } else {
    Accept();
  }
  Rearm();
}

void Relay::Accept() {
  UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client.ok()) {
    // Left in the queue; asked for again with the next tick rather than at once and for ever.
    out_of_resources_ = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return;
  }
  std::unique_ptr<RelayConnection> connection(new (std::nothrow)
                                                  RelayConnection(loop_, this, std::move(client)));
  if (connection == nullptr) return;
  connections_.push_back(std::move(connection));
  TryStart(connections_.back().get());
}

void Relay::Rearm() {
  if (!listener_.ok()) return;
  const bool room = connections_.size() < kMaxRelayConnections && !out_of_resources_;
  loop_->Watch(listener_.get(), room ? uint32_t{EPOLLIN} : 0, this);
  const bool waiting = std::any_of(connections_.begin(), connections_.end(),
                                   [](const auto& connection) { return !connection->started(); });
  if ((waiting || out_of_resources_) && !retry_armed_) {
    retry_timer_.ArmAfterMs(kGatewayRetryMs);
    retry_armed_ = true;
  }
}

void Relay::RetryWaiting() {
  std::vector<RelayConnection*> waiting;
  for (const auto& connection : connections_) {
    if (!connection->started()) waiting.push_back(connection.get());
  }
  const int64_t now = BootTimeNs();
  for (RelayConnection* connection : waiting) {
    if (TryStart(connection)) continue;
    if (now - connection->accepted_ns() < kGatewayPatienceMs * kNsPerMs) continue;
    connection->ResetClient();
    OnConnectionOver(connection);
  }
}

bool Relay::TryStart(RelayConnection* connection) {
  UniqueFd gateway = ConnectUnix(socket_path_);
  if (!gateway.ok()) return false;
  connection->Start(std::move(gateway));
  return true;
}

void Relay::OnConnectionOver(RelayConnection* connection) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [connection](const auto& owned) { return owned.get() == connection; });
  if (found != connections_.end()) connections_.erase(found);
  Rearm();
}

}  // namespace cronium::agent::init
