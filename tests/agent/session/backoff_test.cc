// SPDX-License-Identifier: Apache-2.0
#include "agent/session/backoff.h"

#include <gtest/gtest.h>

namespace cronium::agent {
namespace {

TEST(BackoffTest, DoublesUpToItsMaximumWithARandomPartOfEach) {
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(5));
  absl::Duration whole = absl::Milliseconds(200);
  for (int i = 0; i < 20; ++i) {
    const absl::Duration delay = backoff.Next();
    EXPECT_GE(delay, whole / 2);
    EXPECT_LE(delay, whole);
    whole = std::min(whole * 2, absl::Seconds(5));
  }
}

TEST(BackoffTest, BeginsAnewOnceItWorked) {
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(5));
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(200));
}

}  // namespace
}  // namespace cronium::agent
