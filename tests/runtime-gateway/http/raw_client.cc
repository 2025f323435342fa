// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime-gateway/http/raw_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cronium::gateway {

RawConnection::RawConnection(const std::string& address) {
  sockaddr_storage storage = {};
  socklen_t length;
  if (address.front() == '/') {
    auto* unix_address = reinterpret_cast<sockaddr_un*>(&storage);
    unix_address->sun_family = AF_UNIX;
    std::strncpy(unix_address->sun_path, address.c_str(), sizeof(unix_address->sun_path) - 1);
    length = sizeof(sockaddr_un);
  } else {
    auto* in_address = reinterpret_cast<sockaddr_in*>(&storage);
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    in_address->sin_family = AF_INET;
    in_address->sin_port = htons(static_cast<uint16_t>(port));
    in_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    length = sizeof(sockaddr_in);
  }
  fd_.Reset(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience = {30, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  EXPECT_EQ(connect(fd_.get(), reinterpret_cast<sockaddr*>(&storage), length), 0)
      << address << ": " << std::strerror(errno);
}

bool RawConnection::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

void RawConnection::FinishSending() { shutdown(fd_.get(), SHUT_WR); }

bool RawConnection::Fill() {
  char bytes[65536];
  const ssize_t n = recv(fd_.get(), bytes, sizeof(bytes), 0);
  if (n <= 0) return false;
  buffer_.append(bytes, n);
  return true;
}

RawReply RawConnection::Read(bool to_head) {
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return {};
  }
  RawReply reply;
  const std::vector<std::string> lines = absl::StrSplit(buffer_.substr(0, end), "\r\n");
  buffer_.erase(0, end + 4);
  const std::vector<std::string> first = absl::StrSplit(lines[0], absl::MaxSplits(' ', 2));
  EXPECT_EQ(first[0], "HTTP/1.1");
  EXPECT_EQ(first.size(), 3u) << lines[0];
  EXPECT_TRUE(absl::SimpleAtoi(first[1], &reply.status)) << lines[0];
  reply.reason = first[2];
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
    reply.headers[absl::AsciiStrToLower(header.first)] = header.second;
  }
  size_t length = 0;
  if (!to_head && reply.status >= 200) {
    EXPECT_TRUE(absl::SimpleAtoi(reply.headers["content-length"], &length));
  }
  while (buffer_.size() < length) {
    if (!Fill()) return {};
  }
  reply.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return reply;
}

bool RawConnection::ReadsEnd() {
  while (buffer_.empty() && Fill()) {
  }
  return buffer_.empty();
}

std::string RequestText(absl::string_view method, absl::string_view target,
                        const std::vector<std::string>& headers, absl::string_view body) {
  std::string text = absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: runtime-api:8081\r\n");
  for (const std::string& header : headers) absl::StrAppend(&text, header, "\r\n");
  if (!body.empty()) absl::StrAppend(&text, "Content-Length: ", body.size(), "\r\n");
  absl::StrAppend(&text, "\r\n", body);
  return text;
}

}  // namespace cronium::gateway
