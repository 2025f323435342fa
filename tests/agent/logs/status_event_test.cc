// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/status_event.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/logs/status_reader.h"
#include "common/file.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

using Kind = StatusEvent::Kind;

TEST(StatusLine, EveryKindIsUnderstood) {
  EXPECT_EQ(ParseStatusLine("starting")->kind, Kind::kStarting);
  EXPECT_EQ(ParseStatusLine("started 12345678901234")->boottime_ns, 12345678901234);
  EXPECT_EQ(ParseStatusLine("error exec bash: not found")->kind, Kind::kError);
  EXPECT_EQ(ParseStatusLine("error exec bash: not found")->word, "exec");
  EXPECT_EQ(ParseStatusLine("error exec bash: not found")->text, "bash: not found");
  EXPECT_EQ(ParseStatusLine("ended exit 3")->kind, Kind::kEndedExit);
  EXPECT_EQ(ParseStatusLine("ended exit 3")->code, 3);
  EXPECT_EQ(ParseStatusLine("ended signal 9")->kind, Kind::kEndedSignal);
  EXPECT_EQ(ParseStatusLine("ended signal 9")->code, 9);
  EXPECT_EQ(ParseStatusLine("oom_killed 2")->code, 2);
  EXPECT_EQ(ParseStatusLine("stopped")->kind, Kind::kStopped);
  EXPECT_EQ(ParseStatusLine("lease_ended")->kind, Kind::kLeaseEnded);
  EXPECT_EQ(ParseStatusLine("drained")->kind, Kind::kDrained);
}

TEST(StatusLine, WhatAJobMayHaveWrittenThereIsLeftOut) {
  for (const char* line : {"", " ", "started", "started x", "ended", "ended exit", "ended exit x",
                           "ended badly 3", "error", "drained now", "hello", "\xff\xfe"}) {
    EXPECT_FALSE(ParseStatusLine(line).has_value()) << line;
  }
}

class StatusReaderTest : public testing::Test {
 protected:
  StatusReaderTest() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    reader_.Reset(ends[0]);
    writer_.Reset(ends[1]);
  }
  TempFolder folder_;
  UniqueFd reader_;
  UniqueFd writer_;
};

TEST_F(StatusReaderTest, ALineIsReportedOnceAndWhole) {
  auto status = StatusReader::Open(folder_.path("status"));
  ASSERT_TRUE(status.ok());
  ASSERT_TRUE(WriteAll(writer_.get(), "started 7\nended ex").ok());
  EXPECT_EQ(status->Take(reader_.get())->size(), 1u);
  EXPECT_EQ(status->Take(reader_.get())->size(), 0u);
  ASSERT_TRUE(WriteAll(writer_.get(), "it 3\njunk\ndrained\n").ok());
  const auto events = status->Take(reader_.get());
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ(events->at(0).code, 3);
  EXPECT_EQ(events->at(1).kind, Kind::kDrained);
}

TEST_F(StatusReaderTest, ARestartTellsAllAgain) {
  ASSERT_TRUE(WriteAll(writer_.get(), "started 7\nended exit 0\n").ok());
  ASSERT_EQ(StatusReader::Open(folder_.path("status"))->Take(reader_.get())->size(), 2u);
  auto again = StatusReader::Open(folder_.path("status"));
  ASSERT_TRUE(WriteAll(writer_.get(), "drained\n").ok());
  const auto events = again->Take(reader_.get());
  ASSERT_EQ(events->size(), 3u);
  EXPECT_EQ(events->at(0).kind, Kind::kStarted);
  EXPECT_EQ(events->at(2).kind, Kind::kDrained);
}

TEST_F(StatusReaderTest, KeepsNoMoreThanItsLimitAndLeavesNothingUnread) {
  auto status = StatusReader::Open(folder_.path("status"));
  const std::string junk(StatusReader::kMaxBytes / 4, 'x');
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(write(writer_.get(), junk.data(), junk.size()), static_cast<ssize_t>(junk.size()));
    ASSERT_TRUE(status->Take(reader_.get()).ok());
    int unread = 0;
    ASSERT_EQ(ioctl(reader_.get(), FIONREAD, &unread), 0);
    EXPECT_EQ(unread, 0);
  }
  EXPECT_EQ(ReadFile(folder_.path("status"))->size(), StatusReader::kMaxBytes);
}

}  // namespace
}  // namespace cronium::agent
