// SPDX-License-Identifier: Apache-2.0
#include "controller/core/variable_math.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/json.h"

namespace cronium::controller {
namespace {

std::string Sum(const std::string& present, const std::string& by) {
  const auto sum = IncrementedValue("k", present, by);
  return sum.ok() ? *sum : ErrorReason(sum.status());
}

std::string Appended(const std::string& present, const std::string& separator,
                     const std::string& text) {
  const auto value = AppendedValue("k", present, separator, text);
  return value.ok() ? *value : ErrorReason(value.status());
}

TEST(IncrementedValueTest, IntegersAreAddedExactlyWithin64Bits) {
  EXPECT_EQ(Sum("0", "1"), "1");
  EXPECT_EQ(Sum("-0", "0"), "0");
  EXPECT_EQ(Sum("5", "-7"), "-2");
  EXPECT_EQ(Sum(" 41\n", " 1 "), "42") << "white space around a value is no part of it";
  EXPECT_EQ(Sum("9007199254740992", "1"), "9007199254740993") << "not a double";
  EXPECT_EQ(Sum("18446744073709551614", "1"), "18446744073709551615");
  EXPECT_EQ(Sum("-9223372036854775807", "-1"), "-9223372036854775808");
  EXPECT_EQ(Sum("-9223372036854775808", "18446744073709551615"), "9223372036854775807");
}

TEST(IncrementedValueTest, WhatDoesNotFitIsAnErrorAndNotAWrap) {
  EXPECT_EQ(Sum("18446744073709551615", "1"), "VARIABLE_OUT_OF_RANGE");
  EXPECT_EQ(Sum("-9223372036854775808", "-1"), "VARIABLE_OUT_OF_RANGE");
  EXPECT_EQ(Sum("18446744073709551616", "-1"), "VARIABLE_OUT_OF_RANGE");
  EXPECT_EQ(Sum("0", "-9223372036854775809"), "VARIABLE_OUT_OF_RANGE");
  EXPECT_EQ(Sum(std::string(400, '9'), "1"), "VARIABLE_OUT_OF_RANGE");
  EXPECT_EQ(Sum("1.0", "18446744073709551616"), "VARIABLE_OUT_OF_RANGE") << "not rounded unnoticed";
  EXPECT_EQ(Sum("1.7976931348623157e308", "1.7976931348623157e308"), "VARIABLE_OUT_OF_RANGE");
  EXPECT_EQ(Sum("1e400", "1"), "VARIABLE_OUT_OF_RANGE");
}

TEST(IncrementedValueTest, DecimalsAreDoublesWithTheFewestDigitsThatReadBackAndStayDecimals) {
  EXPECT_EQ(Sum("0", "0.5"), "0.5");
  EXPECT_EQ(Sum("0.5", "0.5"), "1.0");
  EXPECT_EQ(Sum("1.0", "1"), "2.0");
  EXPECT_EQ(Sum("0.1", "0.2"), "0.30000000000000004");
  EXPECT_EQ(Sum("1e21", "0"), "1e+21");
  EXPECT_EQ(Sum("1E2", "1"), "101.0");
  EXPECT_EQ(Sum("1e-400", "1"), "1.0");
  EXPECT_EQ(Sum("-1.5", "1.5"), "0.0");
  for (const char* present : {"0.1", "1e300", "123456789.125", "5e-324"}) {
    EXPECT_TRUE(ValidateJson(Sum(present, "0.25")).ok()) << Sum(present, "0.25");
  }
}

TEST(IncrementedValueTest, OnlyANumberCanBeCountedUp) {
  for (const char* present : {"\"1\"", "null", "true", "[1]", "{\"n\":1}", ""}) {
    EXPECT_EQ(Sum(present, "1"), "VARIABLE_NOT_A_NUMBER") << present;
  }
  const auto failed = IncrementedValue("hits", "\"1\"", "1");
  EXPECT_EQ(failed.status().message(),
            "variable hits: is a string, and only a number can be counted up; set or delete it "
            "first");
}

TEST(AppendedValueTest, TheSeparatorStandsOnlyBetween) {
  EXPECT_EQ(Appended("\"\"", "\", \"", "\"a\""), "\"a\"");
  EXPECT_EQ(Appended("\"a\"", "\", \"", "\"b\""), "\"a, b\"");
  EXPECT_EQ(Appended("\"a\"", "\", \"", "\"\""), "\"a, \"");
  EXPECT_EQ(Appended("\"a\"", "\"\"", "\"b\""), "\"ab\"");
}

TEST(AppendedValueTest, EscapesAndBytesStayAsTheyAre) {
  EXPECT_EQ(Appended("\"\\u00e9\\n\"", "\"\\t\"", "\"\xc3\xa9\\\"\""),
            "\"\\u00e9\\n\\t\xc3\xa9\\\"\"");
}

TEST(AppendedValueTest, OnlyAStringCanBeAppendedTo) {
  for (const char* present : {"1", "null", "false", "[]", "{}"}) {
    EXPECT_EQ(Appended(present, "\"\"", "\"x\""), "VARIABLE_NOT_A_STRING") << present;
  }
}

TEST(AppendedValueTest, AValueMayBeAsLargeAsTheLimitAndNoLarger) {
  const std::string most = absl::StrCat("\"", std::string(kMaxVariableBytes - 3, 'x'), "\"");
  EXPECT_EQ(Appended(most, "\"\"", "\"y\"").size(), kMaxVariableBytes);
  EXPECT_EQ(Appended(most, "\"\"", "\"yz\""), "VARIABLE_TOO_LARGE");
  EXPECT_EQ(Appended(most, "\",\"", "\"y\""), "VARIABLE_TOO_LARGE");
}

TEST(JsonNumberTest, OnlyTheGrammarOfJsonIsANumber) {
  for (const char* text : {"0", "-0", "12", "1.5", "1e5", "1E-5", "-1.25e+10"}) {
    EXPECT_TRUE(IsJsonNumber(text)) << text;
  }
  for (const char* text : {"", "-", "01", "+1", ".5", "1.", "1e", "0x1", "NaN", "1 2", "\"1\""}) {
    EXPECT_FALSE(IsJsonNumber(text)) << text;
  }
}

}  // namespace
}  // namespace cronium::controller
