// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/log_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Logs that are nothing but their numbers.
class FakeLogSource : public LogSource {
 public:
  void Add(const std::string& id, uint64_t last_seq) { logs_[id].last_seq = last_seq; }

  absl::StatusOr<LogState> State(const std::string& id) const override {
    const auto it = logs_.find(id);
    if (it == logs_.end()) return absl::NotFoundError(id);
    return it->second;
  }
  absl::StatusOr<std::vector<v1::LogChunk>> Read(const std::string&, uint64_t,
                                                 size_t) const override {
    return std::vector<v1::LogChunk>();
  }
  void Acknowledge(const std::string& id, uint64_t seq) override {
    logs_[id].acknowledged_seq = seq;
  }
  void Discard(const std::string& id) override { logs_[id].acknowledged_seq = logs_[id].last_seq; }

 private:
  std::map<std::string, LogState> logs_;
};

class LogWatchTest : public ::testing::Test {
 protected:
  FakeLogSource source_;
  std::vector<std::string> stored_;
  LogWatch watch_{&source_, [this](const std::string& id) { stored_.push_back(id); }};
};

TEST_F(LogWatchTest, TellsOnceTheLastEntryIsAcknowledged) {
  source_.Add("exec_1", 10);
  EXPECT_FALSE(watch_.Watch("exec_1", 10));
  watch_.Acknowledge("exec_1", 9);
  EXPECT_THAT(stored_, IsEmpty());
  watch_.Acknowledge("exec_1", 10);
  watch_.Acknowledge("exec_1", 10);
  EXPECT_THAT(stored_, ElementsAre("exec_1"));
}

TEST_F(LogWatchTest, SaysSoWhereAllIsAcknowledgedAlready) {
  source_.Add("exec_1", 10);
  watch_.Acknowledge("exec_1", 10);
  EXPECT_TRUE(watch_.Watch("exec_1", 10));
  watch_.Acknowledge("exec_1", 10);
  EXPECT_THAT(stored_, IsEmpty());
}

TEST_F(LogWatchTest, AnEmptyLogAndOneThatIsNotThereAreStored) {
  source_.Add("exec_1", 0);
  EXPECT_TRUE(watch_.Watch("exec_1", 0));
  EXPECT_TRUE(watch_.Watch("exec_2", 5));
}

TEST_F(LogWatchTest, ALogThatNobodyWantsCountsAsStored) {
  source_.Add("exec_1", 10);
  EXPECT_FALSE(watch_.Watch("exec_1", 10));
  watch_.Discard("exec_1");
  EXPECT_THAT(stored_, ElementsAre("exec_1"));
}

TEST_F(LogWatchTest, WhatIsWatchedNoLongerIsNotTold) {
  source_.Add("exec_1", 10);
  EXPECT_FALSE(watch_.Watch("exec_1", 10));
  watch_.Unwatch("exec_1");
  watch_.Acknowledge("exec_1", 10);
  EXPECT_THAT(stored_, IsEmpty());
}

}  // namespace
}  // namespace cronium::agent
