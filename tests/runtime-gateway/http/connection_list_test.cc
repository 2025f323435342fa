// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/connection_list.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <vector>

#include "common/file.h"

namespace cronium::gateway {
namespace {

class ConnectionListTest : public testing::Test {
 protected:
  // One connection in the list, and its client.
  struct Connection {
    UniqueFd server;
    UniqueFd client;
    ConnectionList::Handle handle;

    // Whether the server has ended it.
    bool HasEnded() const {
      char byte;
      return recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }
  };

  Connection* Add() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    auto connection = std::make_unique<Connection>();
    connection->server.Reset(fds[0]);
    connection->client.Reset(fds[1]);
    clock_.Advance(absl::Seconds(1));
    ended_ += list_.Add(fds[0], &connection->handle);
    connections_.push_back(std::move(connection));
    return connections_.back().get();
  }

  FakeClock clock_;
  ConnectionList list_{3, &clock_};
  std::vector<std::unique_ptr<Connection>> connections_;
  int ended_ = 0;
};

TEST_F(ConnectionListTest, UpToTheLimitNoneIsEnded) {
  for (int i = 0; i < 3; ++i) Add();
  EXPECT_EQ(ended_, 0);
  for (const auto& connection : connections_) EXPECT_FALSE(connection->HasEnded());
}

TEST_F(ConnectionListTest, PastTheLimitTheLongestWaitingIsEnded) {
  for (int i = 0; i < 3; ++i) Add();
  list_.Answered(connections_[0]->handle);
  Add();
  EXPECT_EQ(ended_, 1);
  EXPECT_TRUE(connections_[1]->HasEnded());
  EXPECT_FALSE(connections_[0]->HasEnded());
}

TEST_F(ConnectionListTest, OneWhoseRequestIsUnderWayIsNotEnded) {
  for (int i = 0; i < 3; ++i) list_.Begin(Add()->handle);
  Add();
  EXPECT_EQ(ended_, 0);
  list_.WaitForRest(connections_[1]->handle);
  Add();
  EXPECT_EQ(ended_, 1);
  EXPECT_TRUE(connections_[1]->HasEnded());
}

TEST_F(ConnectionListTest, WaitingForABodyCountsFromTheRequestsStart) {
  for (int i = 0; i < 3; ++i) Add();
  list_.Begin(connections_[0]->handle);
  list_.WaitForRest(connections_[0]->handle);
  Add();
  EXPECT_TRUE(connections_[0]->HasEnded());
}

TEST_F(ConnectionListTest, OneThatIsEndedMakesRoomAtOnceAndIsNotEndedAgain) {
  for (int i = 0; i < 4; ++i) Add();
  EXPECT_EQ(ended_, 1);
  list_.Remove(connections_[0]->handle);
  list_.Remove(connections_[3]->handle);
  Add();
  EXPECT_EQ(ended_, 1);
  Add();
  EXPECT_EQ(ended_, 2);
  EXPECT_TRUE(connections_[1]->HasEnded());
}

TEST_F(ConnectionListTest, ThoseThatWaitTooLongAreEndedAndNoOthers) {
  Add();
  list_.Begin(Add()->handle);
  clock_.Advance(absl::Minutes(1));
  Add();
  EXPECT_EQ(list_.EndThoseWaiting(absl::Seconds(30)), 1);
  EXPECT_TRUE(connections_[0]->HasEnded());
  EXPECT_FALSE(connections_[1]->HasEnded());
  EXPECT_FALSE(connections_[2]->HasEnded());
  EXPECT_EQ(list_.EndThoseWaiting(absl::Seconds(30)), 0);
  list_.WaitForRest(connections_[1]->handle);
  EXPECT_EQ(list_.EndThoseWaiting(absl::Seconds(30)), 1);
}

}  // namespace
}  // namespace cronium::gateway
