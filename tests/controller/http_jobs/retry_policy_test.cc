// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/retry_policy.h"

#include <gtest/gtest.h>

#include <set>

#include "common/error.h"
#include "controller/core/http_spec.h"
#include "controller/outbound/address_rule.h"
#include "controller/outbound/transfer_error.h"

namespace cronium::controller {
namespace {

RetryPolicy Policy(v1::HttpRetryErrors errors = v1::HTTP_RETRY_ERRORS_ALL) {
  v1::HttpSpec spec;
  spec.mutable_retry()->set_errors(errors);
  spec.mutable_retry()->mutable_backoff()->set_seconds(1);
  spec.mutable_retry()->mutable_max_backoff()->set_seconds(60);
  FillHttpDefaults(&spec);
  return RetryPolicy(spec);
}

bool Retries(const RetryPolicy& policy, absl::string_view reason) {
  return policy.RetriesError(MakeError(absl::StatusCode::kUnavailable, reason, ""));
}

TEST(RetryPolicy, TellsFailuresBeforeTheRequestWentOutFromThoseAfter) {
  const RetryPolicy all = Policy(v1::HTTP_RETRY_ERRORS_ALL);
  const RetryPolicy not_sent = Policy(v1::HTTP_RETRY_ERRORS_NOT_SENT);
  const RetryPolicy none = Policy(v1::HTTP_RETRY_ERRORS_NONE);
  for (const absl::string_view before :
       {kOutboundUnresolved, kOutboundConnectFailed, kOutboundTlsFailed}) {
    EXPECT_TRUE(Retries(all, before)) << before;
    EXPECT_TRUE(Retries(not_sent, before)) << before;
    EXPECT_FALSE(Retries(none, before)) << before;
  }
  for (const absl::string_view after : {kOutboundConnectionLost, kOutboundTimeout}) {
    EXPECT_TRUE(Retries(all, after)) << after;
    EXPECT_FALSE(Retries(not_sent, after)) << after;
    EXPECT_FALSE(Retries(none, after)) << after;
  }
}

TEST(RetryPolicy, NeverRepeatsWhatIsRefusedForGood) {
  for (const absl::string_view refused :
       {kOutboundAddressRefused, kOutboundTlsUntrusted, kOutboundRedirectRefused, kOutboundBadUrl,
        kOutboundBadRequest, kOutboundHeadersTooLarge}) {
    EXPECT_FALSE(Retries(Policy(), refused)) << refused;
  }
}

TEST(RetryPolicy, WaitsLongerEachTimeUpToTheCap) {
  const RetryPolicy policy = Policy();
  for (uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_GE(policy.Backoff(1, std::nullopt, seed), absl::Milliseconds(800));
    EXPECT_LE(policy.Backoff(1, std::nullopt, seed), absl::Milliseconds(1200));
    EXPECT_GE(policy.Backoff(4, std::nullopt, seed), absl::Milliseconds(6400));
    EXPECT_LE(policy.Backoff(4, std::nullopt, seed), absl::Milliseconds(9600));
    EXPECT_LE(policy.Backoff(20, std::nullopt, seed), absl::Seconds(60));
  }
}

TEST(RetryPolicy, SpreadsJobsThatFailedTogether) {
  std::set<absl::Duration> waits;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    waits.insert(Policy().Backoff(1, std::nullopt, seed));
  }
  EXPECT_GT(waits.size(), 10u);
}

TEST(RetryPolicy, HonoursRetryAfterUpToTheCap) {
  EXPECT_EQ(Policy().Backoff(1, absl::Seconds(30), 1), absl::Seconds(30));
  EXPECT_EQ(Policy().Backoff(1, absl::Hours(5), 1), absl::Seconds(60));
  EXPECT_GE(Policy().Backoff(1, absl::ZeroDuration(), 1), absl::Milliseconds(800));
}

TEST(RetryAfter, IsSecondsOrADate) {
  const absl::Time now = absl::FromUnixSeconds(784111747);  // Sun, 06 Nov 1994 08:49:07 GMT
  EXPECT_EQ(ParseRetryAfter("120", now), absl::Seconds(120));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now), absl::Seconds(30));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", now), absl::ZeroDuration());
  EXPECT_EQ(ParseRetryAfter("", now), std::nullopt);
  EXPECT_EQ(ParseRetryAfter("soon", now), std::nullopt);
  EXPECT_EQ(ParseRetryAfter("-5", now), std::nullopt);
}

}  // namespace
}  // namespace cronium::controller
