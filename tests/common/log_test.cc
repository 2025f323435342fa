// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cronium {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

std::string Logged(LogLevel level, std::initializer_list<LogField> fields) {
  testing::internal::CaptureStderr();
  Log(level, "something happened", fields);
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, ALineHasTimeLevelMessageAndFields) {
  EXPECT_THAT(
      Logged(LogLevel::kInfo, {{"node", "web-1"}, {"epoch", 7}, {"ok", true}}),
      MatchesRegex("20[0-9-]+T[0-9:.]+Z info something happened node=web-1 epoch=7 ok=true\n"));
}

TEST(LogTest, WhateverAValueHoldsItStaysOnOneLineAndInItsField) {
  const std::string line =
      Logged(LogLevel::kInfo, {{"a", "two\nlines"}, {"b", "x=\"y\""}, {"c", ""}, {"d", "\x1b[0m"}});
  EXPECT_THAT(line, HasSubstr(R"(a="two\nlines" b="x=\"y\"" c="" d="\x1b[0m")"));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(LogTest, AStatusIsLoggedWithoutItsBinaryDetails) {
  EXPECT_THAT(Logged(LogLevel::kError, {{"reason", absl::NotFoundError("no such thing")}}),
              HasSubstr(R"(reason="NOT_FOUND: no such thing")"));
}

TEST(LogTest, LevelsBelowTheOneSetAreLeftOut) {
  EXPECT_THAT(Logged(LogLevel::kDebug, {}), IsEmpty());
  ASSERT_TRUE(SetLogLevel("debug").ok());
  EXPECT_THAT(Logged(LogLevel::kDebug, {}), HasSubstr("debug something"));
  ASSERT_TRUE(SetLogLevel("error").ok());
  EXPECT_THAT(Logged(LogLevel::kWarning, {}), IsEmpty());
  ASSERT_TRUE(SetLogLevel("info").ok());
}

TEST(LogTest, AnUnknownLevelIsNamed) {
  EXPECT_THAT(SetLogLevel("loud").message(), HasSubstr("\"loud\" is not"));
}

}  // namespace
}  // namespace cronium
