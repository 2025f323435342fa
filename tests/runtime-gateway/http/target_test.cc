// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cronium::gateway {
namespace {

using ::testing::HasSubstr;

TEST(TargetTest, PathAndQueryAreApart) {
  EXPECT_EQ(SplitTarget("/a/b").path, "/a/b");
  EXPECT_EQ(SplitTarget("/a/b").query, "");
  EXPECT_EQ(SplitTarget("/a?b=c?d").path, "/a");
  EXPECT_EQ(SplitTarget("/a?b=c?d").query, "b=c?d");
  EXPECT_EQ(SplitTarget("").path, "");
}

TEST(TargetTest, AUrisAuthorityIsDropped) {
  EXPECT_EQ(SplitTarget("http://runtime-api:8081/a?b").path, "/a");
  EXPECT_EQ(SplitTarget("HTTP://x/a").path, "/a");
  EXPECT_EQ(SplitTarget("http://runtime-api:8081").path, "/");
}

TEST(TargetTest, PercentSequencesBecomeBytes) {
  EXPECT_EQ(PercentDecode("a%2Fb%2fc%00%FF+").value(), std::string("a/b/c\0\xFF+", 8));
  EXPECT_EQ(PercentDecode("").value(), "");
  EXPECT_EQ(PercentDecode("%25%32").value(), "%2");
}

TEST(TargetTest, BrokenPercentSequencesAreRefused) {
  for (const char* text : {"%", "%2", "a%", "%g0", "%0g", "%%20", "% 20"}) {
    EXPECT_FALSE(PercentDecode(text).ok()) << text;
  }
}

TEST(TargetTest, AParameterIsFoundByItsName) {
  const absl::string_view query = "a=1&b=x%26y+z&b=2&c&=d";
  EXPECT_EQ(QueryParameter(query, "a").value(), "1");
  EXPECT_EQ(QueryParameter(query, "b").value(), "x&y z");
  EXPECT_EQ(QueryParameter(query, "c").value(), "");
  EXPECT_EQ(QueryParameter(query, "d").value(), "");
  EXPECT_EQ(QueryParameter("", "a").value(), "");
  EXPECT_THAT(QueryParameter("a=%", "a").status().message(), HasSubstr("a: "));
}

}  // namespace
}  // namespace cronium::gateway
