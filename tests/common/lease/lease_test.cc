// SPDX-License-Identifier: Apache-2.0
#include "common/lease.h"

#include <gtest/gtest.h>

#include <limits>

namespace cronium {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(LeaseTest, TheAgentsLeaseEndsLostAfterTheSendTime) {
  EXPECT_EQ(LeaseEndNs(LeaseSide::kAgent, 7 * kSecond, absl::Minutes(10), absl::Seconds(10)),
            607 * kSecond);
}

TEST(LeaseTest, TheControllerWaitsForTheStopGraceTheKillAndTheClocksDrift) {
  EXPECT_EQ(LeaseEndNs(LeaseSide::kController, 0, absl::Seconds(1000), absl::Seconds(10)),
            (1000 + 10 + 5 + 1) * kSecond);
}

TEST(LeaseTest, TheAgentKillsBeforeTheControllerGivesUpWhateverTheTerms) {
  for (absl::Duration lost_after : {absl::Seconds(10), absl::Minutes(10), absl::Hours(24 * 30)}) {
    for (absl::Duration grace : {absl::Milliseconds(1), absl::Seconds(10), absl::Hours(1)}) {
      const int64_t sent = 100 * kSecond;
      const int64_t received = sent;  // the fastest network there is
      // A controller whose clock is fast and an agent whose clock is slow by 500 ppm each.
      const double agent_end = LeaseEndNs(LeaseSide::kAgent, sent, lost_after, grace) - sent +
                               absl::ToDoubleNanoseconds(grace);
      const double controller_end =
          LeaseEndNs(LeaseSide::kController, received, lost_after, grace) - received;
      EXPECT_LT(agent_end * 1.0005, controller_end * 0.9995 + 1.0) << lost_after << " " << grace;
    }
  }
}

TEST(LeaseTest, AnEndTooFarToCountIsTheLatestTimeThereIs) {
  EXPECT_EQ(LeaseEndNs(LeaseSide::kAgent, 1, absl::InfiniteDuration(), absl::ZeroDuration()),
            std::numeric_limits<int64_t>::max());
}

}  // namespace
}  // namespace cronium
