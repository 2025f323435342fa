// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/exchange.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace cronium::gateway::helpers {
namespace {

constexpr const char* kTimedOut = "no answer in time";

// One connection, closed with the object.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }

  std::string Open(const Endpoint& endpoint, int64_t deadline_ms) {
    const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
    fd_ = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return strerror(errno);
    if (connect(fd_, address, endpoint.address_length) == 0) return "";
    if (errno == EAGAIN) return "too many connections wait to be taken";  // unix sockets only
    if (errno != EINPROGRESS) return strerror(errno);
    if (Wait(POLLOUT, deadline_ms) == 0) return kTimedOut;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 ? "" : strerror(error);
  }

  // Waits for one of `events`, or an error; 0 when the time is up.
  short Wait(short events, int64_t deadline_ms) const {
    while (true) {
      const int64_t left = deadline_ms - NowMs();
      if (left <= 0) return 0;
      pollfd entry = {.fd = fd_, .events = events, .revents = 0};
      const int ready = poll(&entry, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
      if (ready > 0) return entry.revents;
    }
  }

  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

std::string Exchange(const Endpoint& endpoint, std::string_view request, int64_t deadline_ms,
                     HttpResponse* response) {
  Connection connection;
  const std::string error = connection.Open(endpoint, deadline_ms);
  if (!error.empty()) return error;
  char buffer[65536];
  while (true) {
    const short events = request.empty() ? POLLIN : POLLIN | POLLOUT;
    const short ready = connection.Wait(events, deadline_ms);
    if (ready == 0) return kTimedOut;
    if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const ssize_t length = recv(connection.fd(), buffer, sizeof(buffer), 0);
      if (length < 0 && errno != EAGAIN && errno != EINTR) return strerror(errno);
      const bool over = length > 0    ? response->Feed({buffer, static_cast<size_t>(length)})
                        : length == 0 ? response->FeedEnd()
                                      : false;
      if (over) return response->error();
    }
    if (!request.empty() && (ready & POLLOUT) != 0) {
      const ssize_t length = send(connection.fd(), request.data(), request.size(), MSG_NOSIGNAL);
      if (length > 0) {
        request.remove_prefix(static_cast<size_t>(length));
      } else if (length < 0 && errno != EAGAIN && errno != EINTR) {
        request = {};  // it takes no more; what it answered is still to be read
      }
    }
  }
}

}  // namespace cronium::gateway::helpers
