// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/rate_limiter.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace cronium::gateway {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(RateLimiterTest, ABurstIsAllowedAndThenTheRate) {
  RateLimiter limiter(60);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(limiter.Take("e", {}, 0), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("e", {}, 0), absl::Seconds(1));
  EXPECT_EQ(limiter.Take("e", {}, kSecond / 2), absl::Milliseconds(500));
  EXPECT_EQ(limiter.Take("e", {}, kSecond), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("e", {}, kSecond), absl::Seconds(1));
}

TEST(RateLimiterTest, ABucketDoesNotOverflow) {
  RateLimiter limiter(2);
  EXPECT_EQ(limiter.Take("e", {}, 0), absl::ZeroDuration());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(limiter.Take("e", {}, 3600 * kSecond), absl::ZeroDuration());
  }
  EXPECT_GT(limiter.Take("e", {}, 3600 * kSecond), absl::ZeroDuration());
}

TEST(RateLimiterTest, ExecutionsDoNotShare) {
  RateLimiter limiter(1);
  EXPECT_EQ(limiter.Take("a", {}, 0), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("b", {}, 0), absl::ZeroDuration());
  EXPECT_GT(limiter.Take("a", {}, 0), absl::ZeroDuration());
}

TEST(RateLimiterTest, WhateverTheRateALimitThatIsReachedIsNeverZero) {
  for (const int rate : {1, 7, 1000, 999'999'937}) {
    RateLimiter limiter(rate);
    int64_t now = 0;
    int allowed = 0;
    for (int i = 0; i < 2000; ++i) {
      const absl::Duration wait = limiter.Take("e", {}, now);
      allowed += wait == absl::ZeroDuration() ? 1 : 0;
      now += absl::ToInt64Nanoseconds(wait);
    }
    EXPECT_GE(allowed, 1000) << rate;
  }
}

TEST(RateLimiterTest, AnExecutionsOwnLimitCountsInsteadOfTheCommonOne) {
  RateLimiter limiter(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("three", 3, 0), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("three", 3, 0), absl::Seconds(20));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.Take("free", 0, 0), absl::ZeroDuration());
  RateLimiter none(0);
  EXPECT_EQ(none.Take("one", 1, 0), absl::ZeroDuration());
  EXPECT_EQ(none.Take("one", 1, 0), absl::Minutes(1));
}

TEST(RateLimiterTest, ZeroIsNoLimit) {
  RateLimiter limiter(0);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(limiter.Take("e", {}, 0), absl::ZeroDuration());
}

TEST(RateLimiterTest, TheOneThatCalledLeastRecentlyIsForgotten) {
  RateLimiter limiter(1, /*max_buckets=*/3);
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(limiter.Take(id, {}, 0), absl::ZeroDuration());
  EXPECT_GT(limiter.Take("a", {}, 0), absl::ZeroDuration());  // and is now the latest
  EXPECT_EQ(limiter.Take("d", {}, 0), absl::ZeroDuration());  // in place of b
  EXPECT_GT(limiter.Take("a", {}, 0), absl::ZeroDuration());
  EXPECT_GT(limiter.Take("c", {}, 0), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("b", {}, 0), absl::ZeroDuration());
}

TEST(RateLimiterTest, AClockThatStandsStillOrGoesBackDoesNoHarm) {
  RateLimiter limiter(1);
  EXPECT_EQ(limiter.Take("e", {}, 100 * kSecond), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("e", {}, 40 * kSecond), absl::Minutes(1));
}

}  // namespace
}  // namespace cronium::gateway
