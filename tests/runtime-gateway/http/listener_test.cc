// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"

namespace cronium::gateway {
namespace {

using ::testing::HasSubstr;

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    std::string pattern = testing::TempDir() + "listener-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ListenerTest() override { std::filesystem::remove_all(folder_); }

  static mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  // A socket as a process leaves it that was killed.
  static void LeaveStaleSocket(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    close(fd);
  }

  std::string folder_;
};

TEST_F(ListenerTest, TheFolderIsMadeAndEveryUserMayConnect) {
  const mode_t before = umask(0077);
  {
    const auto listener = Listener::OnUnixSocket(folder_ + "/a/b");
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(ModeOf(folder_ + "/a/b"), 0755u);
    EXPECT_EQ(ModeOf(folder_ + "/a/b/runtime.sock"), 0666u);
    EXPECT_EQ(listener->address(), folder_ + "/a/b/runtime.sock");
  }
  umask(before);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/a/b"));
}

TEST_F(ListenerTest, AFolderThatIsThereGetsTheRightMode) {
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  ASSERT_TRUE(Listener::OnUnixSocket(folder_).ok());
  EXPECT_EQ(ModeOf(folder_), 0755u);
}

TEST_F(ListenerTest, WhatAKilledGatewayLeftIsReplaced) {
  LeaveStaleSocket(folder_ + "/runtime.sock");
  LeaveStaleSocket(folder_ + "/runtime.sock.new");
  const auto listener = Listener::OnUnixSocket(folder_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(ModeOf(folder_ + "/runtime.sock"), 0666u);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/runtime.sock.new"));
}

TEST_F(ListenerTest, AFolderIsServedOnce) {
  auto first = Listener::OnUnixSocket(folder_);
  ASSERT_TRUE(first.ok());
  const absl::Status second = Listener::OnUnixSocket(folder_ + "/").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.message(), HasSubstr("another runtime gateway"));
  first->Close();
  EXPECT_TRUE(Listener::OnUnixSocket(folder_).ok());
}

TEST_F(ListenerTest, ASocketThatSomeoneElseServesIsLeftAlone) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder_ + "/runtime.sock").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  EXPECT_EQ(Listener::OnUnixSocket(folder_).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/runtime.sock"));
  close(fd);
}

TEST_F(ListenerTest, APathTooLongForASocketIsNamedWithTheLimit) {
  const absl::Status status =
      Listener::OnUnixSocket(folder_ + "/" + std::string(100, 'x')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("socket-dir: "));
  EXPECT_THAT(status.message(), HasSubstr("at most 103"));
}

TEST_F(ListenerTest, AFileInPlaceOfTheFolderIsNamed) {
  std::ofstream(folder_ + "/file") << "x";
  EXPECT_THAT(Listener::OnUnixSocket(folder_ + "/file").status().message(), HasSubstr("/file"));
}

TEST_F(ListenerTest, LoopbackAddressesAreBoundAndTheirPortIsTold) {
  for (const char* address : {"127.0.0.1:0", "localhost:0", "127.1.2.3:0", "[::1]:0"}) {
    const auto listener = Listener::OnLoopback(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_FALSE(absl::EndsWith(listener->address(), ":0")) << listener->address();
    EXPECT_EQ(listener->transport(), Transport::kLoopback);
  }
}

TEST_F(ListenerTest, OtherAddressesAreRefusedByName) {
  for (const char* address :
       {"0.0.0.0:0", "10.0.0.1:80", "[::]:0", "example.com:80", ":80", "localhost.example.com:1"}) {
    const absl::Status status = Listener::OnLoopback(address).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(status.message(), HasSubstr("not on the loopback"));
  }
  for (const char* address :
       {"", "8081", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1"}) {
    EXPECT_THAT(Listener::OnLoopback(address).status().message(), HasSubstr("HOST:PORT"))
        << address;
  }
}

TEST_F(ListenerTest, APortIsServedOnce) {
  const auto first = Listener::OnLoopback("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(Listener::OnLoopback(first->address()).status().message(),
              HasSubstr("listen: " + first->address() + ": cannot bind"));
}

}  // namespace
}  // namespace cronium::gateway
