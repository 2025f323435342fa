// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/json.h"

#include <gtest/gtest.h>

#include <string>

namespace cronium::gateway::helpers {
namespace {

using namespace std::string_literals;  // the one namespace that the style lets in whole

TEST(IsJson, TakesEveryKindOfValueAndSpaceAroundIt) {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "12",
                           "-1.5e+10",
                           "1E5",
                           "1e-2",
                           "0.0",
                           "\"\"",
                           "\"a\"",
                           "{}",
                           "[]",
                           "[1,2]",
                           " [ 1 , 2 ] ",
                           "{\"a\":{\"b\":[null]}}",
                           "\t\r\n 1 \n",
                           "{ \"a\" : 1 , \"a\" : 2 }",
                           R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")",
                           "\"größe €\"",
                           "9223372036854775808123456789"}) {
    EXPECT_TRUE(IsJson(text)) << text;
  }
}

TEST(IsJson, RefusesWhatOnlyLooksLikeIt) {
  for (const char* text :
       {"",     " ",        "01234",    "+1",         ".5",        "1.",
        "1e",   "1e+",      "-",        "--1",        "0x10",      "1 2",
        "NaN",  "Infinity", "True",     "nul",        "nulll",     "hello",
        "'a'",  "\"a",      "a\"",      "\"\\x\"",    "\"\\u12\"", "\"\\u12g4\"",
        "\"\\", "[",        "]",        "[1,]",       "[,1]",      "[1 2]",
        "{",    "{\"a\"}",  "{\"a\":}", "{\"a\":1,}", "{a:1}",     "{\"a\":1 \"b\":2}",
        "[1]]", "// 1",     "\"a\tb\"", "\"a\nb\""}) {
    EXPECT_FALSE(IsJson(text)) << text;
  }
  EXPECT_FALSE(IsJson("1\0"s));
  EXPECT_FALSE(
      IsJson("\xEF\xBB\xBF"
             "1"))
      << "a byte order mark";
}

TEST(IsJson, RefusesStringsThatAreNotUtf8) {
  for (const char* text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xe2\x82\"", "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"", "\"\x80\"", "\"\xe0\x80\x80\""}) {
    EXPECT_FALSE(IsJson(text));
  }
}

TEST(IsJson, GoesAsDeepAsItsLimitAndNoDeeper) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(IsJson(nested(kMaxJsonDepth)));
  EXPECT_FALSE(IsJson(nested(kMaxJsonDepth + 1)));
  EXPECT_FALSE(IsJson(nested(1'000'000)));
  std::string objects;
  for (int i = 0; i < kMaxJsonDepth; ++i) objects += "{\"a\":";
  objects += "1" + std::string(kMaxJsonDepth, '}');
  EXPECT_TRUE(IsJson(objects));
  EXPECT_FALSE(IsJson("[" + objects + "]"));
}

TEST(IsJsonNumber, TellsNumbersFromTheRest) {
  for (const char* text : {"1", "-2", "0.5", " 7 "}) EXPECT_TRUE(IsJsonNumber(text)) << text;
  for (const char* text : {"", "\"1\"", "01", "+1", "[1]", "null", "1x"}) {
    EXPECT_FALSE(IsJsonNumber(text)) << text;
  }
}

TEST(FindJson, GivesTheTextOfAValueAsItCame) {
  const std::string text =
      R"( {"success":true,"data":{"value": {"z":1, "a":[1.50, 9007199254740993]} }} )";
  EXPECT_EQ(FindJson(text, {"data", "value"}), R"({"z":1, "a":[1.50, 9007199254740993]})");
  EXPECT_EQ(FindJson(text, {"data", "value", "a", "0"}), "1.50");
  EXPECT_EQ(FindJson(text, {"data", "value", "a", "1"}), "9007199254740993");
  EXPECT_EQ(FindJson(text, {"success"}), "true");
  EXPECT_EQ(FindJson("  5 ", {}), "5");
}

TEST(FindJson, FindsNothingWhereThereIsNothing) {
  const std::string text = R"({"a":[1],"b":"x","c":null,"d":{}})";
  for (const auto& path : std::vector<std::vector<std::string_view>>{{"e"},
                                                                     {"a", "1"},
                                                                     {"a", "x"},
                                                                     {"a", ""},
                                                                     {"a", "-1"},
                                                                     {"a", "99999999999"},
                                                                     {"b", "0"},
                                                                     {"c", "x"},
                                                                     {"d", "x"},
                                                                     {"d", ""}}) {
    EXPECT_FALSE(FindJson(text, path).has_value()) << path.back();
  }
  EXPECT_FALSE(FindJson("[]", {"0"}).has_value());
  EXPECT_FALSE(FindJson("{\"a\":1", {"a"}).has_value()) << "not JSON as a whole";
}

TEST(FindJson, ComparesKeysByWhatTheyStandForAndTakesTheLast) {
  EXPECT_EQ(FindJson(R"({"\u0061":1})", {"a"}), "1");
  EXPECT_EQ(FindJson(R"({"a":1,"b":2,"a":3})", {"a"}), "3");
  EXPECT_EQ(FindJson(R"({"":4})", {""}), "4");
}

TEST(DecodeJsonString, UnescapesEverything) {
  EXPECT_EQ(DecodeJsonString(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(DecodeJsonString(R"("\u0041\u00e9\u20AC")"), "Aé€");
  EXPECT_EQ(DecodeJsonString("\"\\u0000\""), "\0"s);
  EXPECT_EQ(DecodeJsonString("\"größe\""), "größe");
}

TEST(DecodeJsonString, JoinsSurrogatePairsAndReplacesHalves) {
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\ude00")"), "😀");
  EXPECT_EQ(DecodeJsonString(R"("\uDBFF\uDFFF")"), "\xF4\x8F\xBF\xBF");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d")"), "\uFFFD");
  EXPECT_EQ(DecodeJsonString(R"("\ude00\ud83d")"), "\uFFFD\uFFFD");
  EXPECT_EQ(DecodeJsonString(R"("\ud83dx")"), "\uFFFDx");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\u0041")"), "\uFFFDA");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\n")"), "\uFFFD\n");
}

TEST(DecodeJsonString, IsOnlyForStrings) {
  for (const char* text : {"1", "null", "[\"a\"]", "", "\"a", "a"}) {
    EXPECT_FALSE(DecodeJsonString(text).has_value()) << text;
  }
}

TEST(EncodeJsonString, EscapesWhatMustBeAndNothingElse) {
  EXPECT_EQ(EncodeJsonString("a\"b\\c/d\n\r\t\b\x01\x1f\x7f é"),
            "\"a\\\"b\\\\c/d\\n\\r\\t\\u0008\\u0001\\u001f\x7f é\"");
  EXPECT_EQ(EncodeJsonString("\0"s), "\"\\u0000\"");
  EXPECT_EQ(EncodeJsonString(""), "\"\"");
}

TEST(EncodeJsonString, ComesBackThroughDecode) {
  std::string text;
  for (int c = 0; c < 0x80; ++c) text += static_cast<char>(c);
  text += "größe € 😀";
  EXPECT_EQ(DecodeJsonString(EncodeJsonString(text)), text);
}

}  // namespace
}  // namespace cronium::gateway::helpers
