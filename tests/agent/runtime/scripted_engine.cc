// SPDX-License-Identifier: Apache-2.0
#include "scripted_engine.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace cronium::agent {
namespace {

void Send(int fd, const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t n = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += n;
  }
}

}  // namespace

void ScriptedEngine::Exchange::Reply(int code, const std::string& json) {
  Send(fd_, absl::StrCat("HTTP/1.1 ", code,
                         " X\r\nContent-Type: application/json\r\nContent-Length: ", json.size(),
                         "\r\n\r\n", json));
}

void ScriptedEngine::Exchange::Head(int code) {
  Send(fd_, absl::StrCat("HTTP/1.1 ", code, " X\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

void ScriptedEngine::Exchange::Chunk(const std::string& data) {
  Send(fd_, absl::StrCat(absl::Hex(data.size()), "\r\n", data, "\r\n"));
}

void ScriptedEngine::Exchange::End() { Send(fd_, "0\r\n\r\n"); }

void ScriptedEngine::Exchange::Break() { shutdown(fd_, SHUT_RDWR); }

void ScriptedEngine::Exchange::AwaitClose() {
  char byte;
  while (recv(fd_, &byte, 1, 0) > 0) {
  }
}

ScriptedEngine::ScriptedEngine(const std::string& socket_path, Handler handler)
    : handler_(std::move(handler)) {
  unlink(socket_path.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  listener_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_.get(), 16) != 0) {
    abort();
  }
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedEngine::~ScriptedEngine() {
  shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  for (const int fd : connections_) close(fd);
}

void ScriptedEngine::Accept() {
  for (;;) {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    MutexLock lock(&mutex_);
    connections_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void ScriptedEngine::Serve(int fd) {
  std::string buffer;
  char piece[4096];
  const auto read_more = [&] {
    const ssize_t n = recv(fd, piece, sizeof piece, 0);
    if (n <= 0) return false;
    buffer.append(piece, n);
    return true;
  };
  for (;;) {
    size_t end;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return;
    }
    const std::string head = buffer.substr(0, end);
    buffer.erase(0, end + 4);
    const size_t first = head.find(' ');
    const size_t second = head.find(' ', first + 1);
    const std::string method = head.substr(0, first);
    const std::string path = head.substr(first + 1, second - first - 1);
    size_t length = 0;
    if (const size_t at = head.find("Content-Length: "); at != std::string::npos) {
      length = strtoul(head.c_str() + at + 16, nullptr, 10);
    }
    while (buffer.size() < length) {
      if (!read_more()) return;
    }
    Exchange exchange(method, path, buffer.substr(0, length), fd);
    buffer.erase(0, length);
    {
      MutexLock lock(&mutex_);
      requests_.push_back(absl::StrCat(method, " ", path));
    }
    handler_(exchange);
  }
}

std::vector<std::string> ScriptedEngine::Requests() const {
  MutexLock lock(&mutex_);
  return requests_;
}

std::string ScriptedEngine::Version(const std::string& min_api, const std::string& max_api) {
  return absl::StrCat(R"({"Version":"99.1","ApiVersion":")", max_api, R"(","MinAPIVersion":")",
                      min_api, R"("})");
}

}  // namespace cronium::agent
