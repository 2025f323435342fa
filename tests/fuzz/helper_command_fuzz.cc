// SPDX-License-Identifier: Apache-2.0
// The shell helpers as a whole: arguments, standard input, and what the API answers.
//
// Input: standard input, the API's answer and the arguments, with 0x1E between them.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime-gateway/helpers/command.h"
#include "runtime-gateway/helpers/json.h"
#include "tests/fuzz/input.h"

namespace cronium::gateway::helpers {
namespace {

using fuzz::Require;

constexpr size_t kMostArguments = 24;

// What the helpers send, checked from outside.
void CheckRequest(std::string_view request) {
  const size_t end = request.find("\r\n\r\n");
  Require(end != std::string_view::npos, "a request has a whole head", request);
  const std::string_view body = request.substr(end + 4);
  size_t line_begin = 0;
  bool first = true;
  for (std::string_view head = request.substr(0, end); line_begin <= head.size();) {
    const size_t line_end = std::min(head.find("\r\n", line_begin), head.size());
    const std::string_view line = head.substr(line_begin, line_end - line_begin);
    line_begin = line_end + 2;
    for (const char c : line) {
      Require(static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F,
              "a head is printable ASCII", request);
    }
    if (first) {
      Require(line.ends_with(" HTTP/1.1") && std::count(line.begin(), line.end(), ' ') == 2,
              "a request line has three parts", request);
      first = false;
      continue;
    }
    const std::string_view name = line.substr(0, line.find(": "));
    bool known = false;
    for (const char* ours : {"Host", "Authorization", "User-Agent", "Accept", "Connection",
                             "Idempotency-Key", "Content-Type", "Content-Length"}) {
      known |= name == ours;
    }
    Require(known, "no header but ours", request);
  }
  if (!body.empty()) Require(IsJson(body), "a body is JSON", request);
}

size_t LengthOfBody(std::string_view head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const size_t at = head.find(kName);
  return at == std::string_view::npos
             ? 0
             : std::strtoul(std::string(head.substr(at + kName.size(), 20)).c_str(), nullptr, 10);
}

// Answers each connection with the bytes it was told, and ends it.
class Api {
 public:
  Api() {
    path_ = "/tmp/cronium-fuzz-" + std::to_string(getpid()) + ".sock";
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    unlink(path_.c_str());
    Require(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                listen(fd_, 16) == 0,
            "a socket can be made");
    std::thread([this] { Serve(); }).detach();
  }

  const std::string& path() const { return path_; }
  void Answer(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

 private:
  void Serve() {
    while (true) {
      const int connection = accept(fd_, nullptr, nullptr);
      if (connection < 0) continue;
      ServeOne(connection);
      close(connection);
    }
  }

  void ServeOne(int connection) {
    std::string request;
    char bytes[65536];
    size_t end = std::string::npos;
    while (end == std::string::npos || request.size() < end + 4 + LengthOfBody(request)) {
      const ssize_t n = recv(connection, bytes, sizeof(bytes), 0);
      if (n <= 0) break;
      request.append(bytes, static_cast<size_t>(n));
      end = request.find("\r\n\r\n");
    }
    CheckRequest(request);
    const std::lock_guard lock(mutex_);
    (void)send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
  }

  std::string path_;
  int fd_ = -1;
  std::mutex mutex_;
  std::string answer_;
};

// Makes the text what standard input gives.
void SetStandardInput(const std::string& text) {
  const int fd = memfd_create("stdin", MFD_CLOEXEC);
  (void)!write(fd, text.data(), text.size());
  lseek(fd, 0, SEEK_SET);
  dup2(fd, STDIN_FILENO);
  close(fd);
}

}  // namespace
}  // namespace cronium::gateway::helpers

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cronium::gateway::helpers;  // NOLINT(google-build-using-namespace)
  static Api& api = *[] {
    auto* made = new Api();
    setenv("CRONIUM_RUNTIME_SOCKET", made->path().c_str(), 1);
    setenv("CRONIUM_EXECUTION_TOKEN", "token", 1);
    setenv("CRONIUM_EXECUTION_ID", "exec_0aZ9zA0aZ9zA", 1);
    setenv("CRONIUM_RETRY_FOR", "0", 1);
    return made;
  }();
  const std::vector<std::string> parts = cronium::fuzz::Split(data, size, 2 + kMostArguments);
  if (parts.size() < 3) return 0;
  SetStandardInput(parts[0]);
  api.Answer(parts[1]);
  const Arguments arguments(parts.begin() + 2, parts.end());
  const int exit_code = RunCommand(arguments);
  cronium::fuzz::Require(exit_code == 0 || exit_code == 1, "a helper exits with 0 or 1");
  return 0;
}
