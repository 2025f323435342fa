// SPDX-License-Identifier: Apache-2.0
#include "tests/common/rpc/slow_forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace cronium {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

UniqueFd TcpSocket() { return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

}  // namespace

SlowForwarder::SlowForwarder(const std::string& target, std::chrono::milliseconds delay)
    : target_port_(atoi(target.substr(target.rfind(':') + 1).c_str())),
      delay_(delay),
      listener_(TcpSocket()),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_.get(), 16);
  getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

SlowForwarder::~SlowForwarder() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

std::string SlowForwarder::address() const { return absl::StrCat("127.0.0.1:", port_); }

void SlowForwarder::Run() {
  while (true) {
    pollfd events[] = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    if (poll(events, 2, -1) < 0 || events[0].revents != 0) return;
    const UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const UniqueFd server = TcpSocket();
    const sockaddr_in target = Loopback(target_port_);
    if (connect(server.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(target)) == 0) {
      Serve(client.get(), server.get());
    }
  }
}

void SlowForwarder::Serve(int client, int server) {
  while (true) {
    pollfd events[] = {{stop_.get(), POLLIN, 0}, {client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(events, 3, -1) < 0 || events[0].revents != 0) return;
    if (events[1].revents != 0 && !PassOn(client, server)) return;
    if (events[2].revents != 0 && !PassOn(server, client)) return;
  }
}

bool SlowForwarder::PassOn(int from, int to) {
  std::this_thread::sleep_for(delay_);
  char bytes[65536];
  const ssize_t count = recv(from, bytes, sizeof(bytes), 0);
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t done = send(to, bytes + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
    if (done < 0) return false;
    sent += done;
  }
  return count > 0;
}

}  // namespace cronium
