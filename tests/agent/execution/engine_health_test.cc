// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/engine_health.h"

#include <gtest/gtest.h>

#include "common/error.h"

namespace cronium::agent {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
const absl::Time kWall = absl::FromUnixSeconds(1'700'000'000);

absl::Status Unreachable() {
  return MakeError(absl::StatusCode::kUnavailable, kEngineUnreachable, "connection refused");
}

TEST(EngineHealthTest, IsNotReadyBeforeTheEngineHasAnswered) {
  EngineHealth health;
  EXPECT_EQ(health.condition().type(), "RuntimeReady");
  EXPECT_FALSE(health.condition().ok());
  EXPECT_EQ(health.NextPingNs(), 0);
}

TEST(EngineHealthTest, IsReadyOnceItAnswers) {
  EngineHealth health;
  EXPECT_TRUE(health.OnPing(EngineInfo{"docker", "20.10"}, 5 * kSecond, kWall));
  EXPECT_TRUE(health.condition().ok());
  EXPECT_EQ(health.condition().change_time().seconds(), 1'700'000'000);
  EXPECT_EQ(health.engine().version, "20.10");
  EXPECT_EQ(health.NextPingNs(), 15 * kSecond);
  EXPECT_FALSE(health.OnPing(EngineInfo{"docker", "20.10"}, 15 * kSecond, kWall));
}

TEST(EngineHealthTest, ADeadEngineIsAConditionWithItsReasonAndAskedMoreOften) {
  EngineHealth health;
  EXPECT_TRUE(health.OnPing(Unreachable(), 5 * kSecond, kWall));
  EXPECT_EQ(health.condition().reason(), "ENGINE_UNREACHABLE");
  EXPECT_EQ(health.condition().message(), "connection refused");
  EXPECT_EQ(health.NextPingNs(), 7 * kSecond);
}

TEST(EngineHealthTest, ACallWithoutAnAnswerLeadsToAPingAtOnce) {
  EngineHealth health;
  health.OnPing(EngineInfo{}, 5 * kSecond, kWall);
  health.OnCallFailed(absl::NotFoundError("no such image"), 6 * kSecond);
  EXPECT_EQ(health.NextPingNs(), 15 * kSecond);
  health.OnCallFailed(Unreachable(), 6 * kSecond);
  EXPECT_EQ(health.NextPingNs(), 6 * kSecond);
}

TEST(EngineHealthTest, OnePingIsUnderWayAtATime) {
  EngineHealth health;
  health.PingSent();
  EXPECT_GT(health.NextPingNs(), 1'000'000 * kSecond);
  health.OnPing(EngineInfo{}, 0, kWall);
  EXPECT_EQ(health.NextPingNs(), EngineHealth::kPingNs);
}

}  // namespace
}  // namespace cronium::agent
