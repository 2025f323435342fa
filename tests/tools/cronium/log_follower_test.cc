// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/log_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/tools/cronium/scripted_client.h"

namespace cronium::cli {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

v1::FollowLogsResponse Lines(const std::string& execution, uint64_t first_seq,
                             const std::vector<std::string>& lines) {
  v1::FollowLogsResponse message;
  message.set_execution_id(execution);
  v1::LogChunk& chunk = *message.add_chunks();
  chunk.set_first_seq(first_seq);
  chunk.set_entry_count(static_cast<uint32_t>(lines.size()));
  for (const std::string& line : lines) chunk.mutable_data()->append(line + "\n");
  return message;
}

v1::FollowLogsResponse Hole(const std::string& execution, uint64_t first_seq, uint64_t last_seq) {
  v1::FollowLogsResponse message;
  message.set_execution_id(execution);
  message.add_chunks()->mutable_cut()->set_first_seq(first_seq);
  message.mutable_chunks(0)->mutable_cut()->set_last_seq(last_seq);
  return message;
}

v1::FollowLogsResponse End(const std::string& execution,
                           v1::JobState state = v1::JOB_STATE_SUCCEEDED) {
  v1::FollowLogsResponse message;
  message.set_execution_id(execution);
  message.mutable_job()->set_execution_id(execution);
  message.mutable_job()->set_state(state);
  return message;
}

const absl::Status kCut = absl::UnavailableError("cut");

class LogFollowerTest : public testing::Test {
 protected:
  LogFollowerTest() {
    request_.set_job_id("job_000000000001");
    request_.set_follow(true);
  }

  void Stream(std::vector<v1::FollowLogsResponse> messages, absl::Status status = {}) {
    client_.streams.push_back({std::move(messages), std::move(status)});
  }
  absl::StatusOr<v1::Job> Run() {
    LogFollower::Options options;
    options.clock = &clock_;
    options.give_up_after = absl::Minutes(1);
    options.pause = [this](absl::Duration time) {
      clock_.Advance(time);
      return true;
    };
    options.on_lost = [this](const absl::Status&) { ++lost_; };
    options.on_found = [this] { ++found_; };
    return LogFollower(&client_, nullptr, options).Run(request_, [&](const auto& message) {
      for (const v1::LogChunk& chunk : message.chunks()) {
        seen_.push_back(chunk.has_cut() ? "hole from " + std::to_string(chunk.cut().first_seq())
                                        : chunk.data());
      }
      return sink_status_;
    });
  }

  FakeClock clock_;
  ScriptedClient client_;
  v1::FollowLogsRequest request_;
  std::vector<std::string> seen_;
  absl::Status sink_status_;
  int lost_ = 0;
  int found_ = 0;
};

TEST_F(LogFollowerTest, GoesOnAfterTheLastEntryThatItGaveOn) {
  Stream({Lines("e1", 1, {"a", "b"})}, kCut);
  Stream({}, kCut);
  Stream({Lines("e1", 3, {"c"}), End("e1")});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(seen_, ElementsAre("a\nb\n", "c\n"));
  EXPECT_EQ(client_.followed[1].after_seq(), 2u);
  EXPECT_EQ(client_.followed[2].after_seq(), 2u);
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(found_, 1);
}

TEST_F(LogFollowerTest, DropsWhatAChunkRepeats) {
  Stream({Lines("e1", 1, {"a", "b"})}, kCut);
  Stream({Lines("e1", 1, {"a", "b"}), Lines("e1", 2, {"b", "c"}), End("e1")});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(seen_, ElementsAre("a\nb\n", "c\n"));
}

TEST_F(LogFollowerTest, AHoleThatBeganBeforeThePositionGoesOnFromThere) {
  Stream({Lines("e1", 1, {"a", "b"})}, kCut);
  Stream({Hole("e1", 2, 10), Lines("e1", 11, {"z"}), End("e1")});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(seen_, ElementsAre("a\nb\n", "hole from 3", "z\n"));
}

TEST_F(LogFollowerTest, TheTailIsThatOfTheStartAlone) {
  request_.set_tail(1);
  Stream({}, kCut);
  Stream({Lines("e1", 9, {"a"})}, kCut);
  Stream({End("e1")});
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(client_.followed[1].tail(), 1u);
  EXPECT_EQ(client_.followed[2].tail(), 0u);
  EXPECT_EQ(client_.followed[2].after_seq(), 9u);
}

TEST_F(LogFollowerTest, APositionNamesItsExecution) {
  Stream({Lines("e1", 1, {"a"})}, kCut);
  Stream({Lines("e1", 2, {"b"}), Lines("e2", 1, {"c"})}, kCut);
  Stream({Lines("e3", 1, {"d"}), End("e3")});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(seen_, ElementsAre("a\n", "b\n", "c\n", "d\n"));
  EXPECT_EQ(client_.followed[0].after_execution_id(), "");
  EXPECT_EQ(client_.followed[1].after_execution_id(), "e1");
  EXPECT_EQ(client_.followed[1].after_seq(), 1u);
  EXPECT_EQ(client_.followed[2].after_execution_id(), "e2");
  EXPECT_EQ(client_.followed[2].after_seq(), 1u);
  EXPECT_EQ(client_.followed[2].execution_id(), "");
}

TEST_F(LogFollowerTest, AStreamThatEndsBeforeTheJobIsNoEnd) {
  Stream({Lines("e1", 1, {"a"})}, absl::OkStatus());
  Stream({End("e1", v1::JOB_STATE_RUNNING)});
  Stream({End("e1")});
  const auto job = Run();
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(client_.followed, SizeIs(3));
}

TEST_F(LogFollowerTest, WithoutFollowItEndsWithWhatIsStored) {
  request_.set_follow(false);
  Stream({Lines("e1", 1, {"a"}), End("e1", v1::JOB_STATE_RUNNING)});
  EXPECT_EQ(Run()->state(), v1::JOB_STATE_RUNNING);
}

TEST_F(LogFollowerTest, AnAttemptAskedForByNameIsTheOnlyOne) {
  request_.set_execution_id("e1");
  Stream({Lines("e1", 1, {"a"})}, kCut);
  Stream({Lines("e1", 2, {"b"}), End("e1")});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(seen_, ElementsAre("a\n", "b\n"));
  EXPECT_EQ(client_.followed[1].execution_id(), "e1");
  EXPECT_EQ(client_.followed[1].after_seq(), 1u);
}

TEST_F(LogFollowerTest, GivesUpWhenContactIsLostForTooLong) {
  for (int i = 0; i < 1000; ++i) Stream({}, kCut);
  EXPECT_EQ(Run().status(), kCut);
}

TEST_F(LogFollowerTest, AnAnswerEndsIt) {
  Stream({}, absl::PermissionDeniedError("no"));
  EXPECT_EQ(Run().status(), absl::PermissionDeniedError("no"));
}

TEST_F(LogFollowerTest, AnOutputThatFailsEndsIt) {
  sink_status_ = absl::UnavailableError("disk full");
  Stream({Lines("e1", 1, {"a"})});
  EXPECT_EQ(Run().status(), sink_status_);
  EXPECT_THAT(client_.followed, SizeIs(1));
}

}  // namespace
}  // namespace cronium::cli
