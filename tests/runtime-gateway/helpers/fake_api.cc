// SPDX-License-Identifier: Apache-2.0
#include "fake_api.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace cronium::gateway::helpers {
namespace {

// Reads on until `text` has `bytes`. False when the client is gone first.
bool ReadUpTo(int fd, size_t bytes, std::string* text) {
  char buffer[65536];
  while (text->size() < bytes) {
    const ssize_t length = recv(fd, buffer, sizeof(buffer), 0);
    if (length <= 0) return false;
    text->append(buffer, length);
  }
  return true;
}

}  // namespace

std::string JsonResponse(int status, const std::string& body, const std::string& fields) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: application/json\r\n" +
         fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string ErrorResponse(int status, const std::string& message, const std::string& fields) {
  return JsonResponse(
      status,
      R"({"success":false,"error":"Status","message":")" + message + R"(","code":"REASON"})",
      fields);
}

FakeApi::FakeApi(const std::string& path, Answer answer) : answer_(std::move(answer)) {
  if (path.empty()) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  } else {
    unlink(path.c_str());
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  EXPECT_EQ(listen(listener_, 16), 0);
  thread_ = std::thread([this] {
    int fd = -1;
    while ((fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
      Serve(fd);
      close(fd);
    }
  });
}

FakeApi::~FakeApi() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

std::vector<SeenRequest> FakeApi::requests() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void FakeApi::Serve(int fd) {
  std::string text;
  size_t head_end = std::string::npos;
  while ((head_end = text.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadUpTo(fd, text.size() + 1, &text)) return;
  }
  SeenRequest request;
  std::istringstream head(text.substr(0, head_end));
  std::string line;
  std::getline(head, line);
  request.method = line.substr(0, line.find(' '));
  request.path = line.substr(request.method.size() + 1);
  request.path.resize(request.path.find(' '));
  while (std::getline(head, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), ::tolower);
    request.fields[name] = line.substr(colon + 2);
  }
  const size_t body_begin = head_end + 4;
  const auto length = request.fields.find("content-length");
  const size_t body_bytes = length == request.fields.end() ? 0 : std::stoul(length->second);
  if (!ReadUpTo(fd, body_begin + body_bytes, &text)) return;
  request.body = text.substr(body_begin);
  int number = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
    number = static_cast<int>(requests_.size());
  }
  const std::string answer = answer_(request, number);
  size_t sent = 0;
  while (sent < answer.size()) {
    const ssize_t count = send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += count;
  }
}

}  // namespace cronium::gateway::helpers
