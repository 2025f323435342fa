// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/rate_limits.h"

#include <gtest/gtest.h>

#include "common/proto_time.h"
#include "controller/auth/execution_tokens.h"

namespace cronium::controller {
namespace {

TEST(RateLimitsTest, ANamespaceHasItsOwnLimitAndOthersTheCommonOne) {
  const auto limits = RateLimits::Parse("team-a=6000, 500 ,bench=0");
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(limits->Of("team-a"), 6000);
  EXPECT_EQ(limits->Of("bench"), 0);
  EXPECT_EQ(limits->Of("default"), 500);
  EXPECT_EQ(RateLimits::Parse("team-a=1")->Of("default"), std::nullopt);
  EXPECT_EQ(RateLimits::Parse("")->Of("default"), std::nullopt);
}

TEST(RateLimitsTest, WhatIsNoLimitIsNamed) {
  for (const char* text :
       {"x", "team-a=", "=5", "team a=5", "-1", "1.5", "1,2", "a=1,a=2", "5,", "1000000001"}) {
    EXPECT_FALSE(RateLimits::Parse(text).ok()) << text;
  }
  EXPECT_EQ(RateLimits::Parse("1,Team=2").status().message(),
            "\"Team=2\" is neither N nor NAMESPACE=N, with N from 0 to 1000000000");
}

TEST(RateLimitsTest, ATokenCarriesTheLimitOfItsNamespace) {
  const auto tokens =
      ExecutionTokens::Create(*TokenSigner::GenerateKeyPem(), *RateLimits::Parse("team-a=7"));
  ASSERT_TRUE(tokens.ok());
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  v1::Assignment assignment;
  assignment.set_execution_id("exec_a");
  SetTime(now, assignment.mutable_assign_time());
  for (const auto& [name, limit] :
       {std::pair<const char*, std::optional<int64_t>>{"team-a", 7}, {"default", std::nullopt}}) {
    assignment.set_namespace_(name);
    const auto claims = (*tokens)->Verify(*(*tokens)->Issue(assignment), now);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->calls_per_minute, limit);
  }
}

}  // namespace
}  // namespace cronium::controller
