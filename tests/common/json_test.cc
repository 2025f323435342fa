// SPDX-License-Identifier: Apache-2.0
#include "common/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace cronium {
namespace {

using ::testing::HasSubstr;

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

class ValidJson : public testing::TestWithParam<std::string> {};

TEST_P(ValidJson, IsAccepted) { EXPECT_TRUE(ValidateJson(GetParam()).ok()) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(Values, ValidJson,
                         testing::Values("null", "true", "false", "0", "-0", "\"\"", "[]", "{}",
                                         " {} ", "\t[1 , 2]\r\n", "9223372036854775807",
                                         "18446744073709551616", "123456789012345678901234567890",
                                         "0.10000000000000001", "1e-400", "-1.5E+10",
                                         R"("\u0000\u00e9\ud83d\ude00\"\\\/\b")",
                                         "\"\xC3\xA9\xF0\x9F\x98\x80\"", R"({"b":1,"a":2,"b":3})",
                                         Nested(kMaxJsonDepth)));

class InvalidJson : public testing::TestWithParam<std::string> {};

TEST_P(InvalidJson, IsRefused) {
  EXPECT_EQ(ValidateJson(GetParam()).code(), absl::StatusCode::kInvalidArgument) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Values, InvalidJson,
                         testing::Values("", " ", "nul", "truefalse", "01", "+1", ".5", "1.", "1e",
                                         "NaN", "Infinity", "-", "'a'", "\"a", "\"\t\"", R"("\x")",
                                         R"("\u12")", R"("\ud800")", "[1,]", "[1 2]", "{\"a\":}",
                                         "{a:1}", "{\"a\":1,}", "{}{}", "[] x", "// c\n1",
                                         "\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"",
                                         // A byte order mark, and what follows a zero byte.
                                         "\xEF\xBB\xBF{}", std::string("1\0", 2),
                                         std::string("{}\0garbage", 10), std::string("\"a\0b\"", 5),
                                         "1e400", Nested(kMaxJsonDepth + 1)));

TEST(JsonTest, ARefusalSaysWhereOrWhatIsWrong) {
  EXPECT_THAT(ValidateJson("[1,x]").message(), HasSubstr("at byte 4"));
  EXPECT_THAT(ValidateJson(Nested(kMaxJsonDepth + 1)).message(), HasSubstr("deeper than 512"));
  EXPECT_THAT(ValidateJson("1e400").message(), HasSubstr("beyond the range of a double"));
  EXPECT_THAT(ValidateJson("").message(), HasSubstr("empty"));
  for (const char* half : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\ud83d")"}) {
    EXPECT_THAT(ValidateJson(half).message(), HasSubstr("half of a surrogate pair")) << half;
  }
}

TEST(JsonTest, AMillionOpenBracketsAreRefusedRatherThanRecursedInto) {
  EXPECT_FALSE(ValidateJson(std::string(1'000'000, '[')).ok());
}

TEST(JsonTest, QuotedTextIsAJsonStringThatParsesBack) {
  for (const char* text : {"", "plain", "a\"b\\c\n\t\x01", "\xC3\xA9\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(nlohmann::json::parse(QuoteJson(text)).get<std::string>(), text);
  }
  EXPECT_EQ(QuoteJson("a\"b"), R"("a\"b")");
}

TEST(JsonTest, QuotingReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(nlohmann::json::parse(QuoteJson("a\xFFz")).get<std::string>(), "a\xEF\xBF\xBDz");
}

TEST(JsonTest, OnlyWellFormedUtf8IsUtf8) {
  for (const char* text : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << QuoteJson(text);
  }
  for (const char* text : {"\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE1\x80",
                           "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(IsUtf8(text)) << QuoteJson(text);
  }
}

TEST(JsonTest, LossyTextKeepsWhatIsWellFormed) {
  EXPECT_EQ(ToUtf8Lossy("\xC3\xA9 ok"), "\xC3\xA9 ok");
  EXPECT_EQ(ToUtf8Lossy("a\xFF\xC3\xA9\xC3"), "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD");
  EXPECT_TRUE(IsUtf8(ToUtf8Lossy("\xF0\x9F\x98 \xED\xA0\x80")));
}

}  // namespace
}  // namespace cronium
