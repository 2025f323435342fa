// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/json_field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace cronium::gateway {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Take(const std::string& body) { return TakeJsonField(body, "value").value(); }

std::string Refusal(const std::string& body) {
  const absl::Status status = TakeJsonField(body, "value").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << body;
  return std::string(status.message());
}

TEST(JsonFieldTest, TheTextOfTheFieldIsTakenAsItStands) {
  EXPECT_EQ(Take(R"({"value":1.50})"), "1.50");
  EXPECT_EQ(Take(R"( { "a" : [1,{"value":2}] , "value" : {"b": [ ]} , "c" : "}" } )"),
            R"({"b": [ ]})");
  EXPECT_EQ(Take("{\"value\"\n:\t\"a\\\"b\"\r\n}"), R"("a\"b")");
  EXPECT_EQ(Take(R"({"value":-0})"), "-0");
  EXPECT_EQ(Take(R"({"x":true,"value":null,"y":false})"), "null");
  EXPECT_EQ(Take(R"({"x":"\\","value":"]"})"), R"("]")");
}

TEST(JsonFieldTest, AFieldsNameIsKnownHoweverItIsEscaped) {
  EXPECT_EQ(Take(R"({"\u0076alue":1})"), "1");
  EXPECT_EQ(Take(R"({"\\value":1,"value":2})"), "2");
  EXPECT_THAT(Refusal(R"({"value":1,"v\u0061lue":2})"), Eq("value: is there more than once"));
}

TEST(JsonFieldTest, WhatIsNoObjectOrLacksTheFieldIsRefused) {
  EXPECT_THAT(Refusal(""), StartsWith("body: is empty"));
  EXPECT_THAT(Refusal("[]"), StartsWith("body: is not a JSON object"));
  EXPECT_THAT(Refusal("{}"), Eq("value: is required"));
  EXPECT_THAT(Refusal(R"({"Value":1})"), Eq("value: is required"));
  EXPECT_THAT(Refusal(R"({"value":1,"value":1})"), Eq("value: is there more than once"));
}

TEST(JsonFieldTest, OfTwoFieldsTheSecondMayBeAbsent) {
  const auto both = TakeJsonFields(R"({"separator":", ","x":1,"text":"a"})", "text", "separator");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->first, R"("a")");
  EXPECT_EQ(both->second, R"(", ")");
  EXPECT_EQ(TakeJsonFields(R"({"text":"a"})", "text", "separator")->second, "");
  for (const char* wrong : {"", "[]", "{", R"({"separator":","})", R"({"text":1,"text":1})",
                            R"({"text":1,"separator":1,"separator":2})"}) {
    EXPECT_FALSE(TakeJsonFields(wrong, "text", "separator").ok()) << wrong;
  }
}

TEST(JsonFieldTest, WhatIsNoJsonIsRefusedWhereverItIsBroken) {
  const std::string good = R"({"a":[1,2.5e3,"x\n",true],"value":{"k":null}})";
  ASSERT_EQ(Take(good), R"({"k":null})");
  for (size_t length = 1; length < good.size(); ++length) {
    EXPECT_THAT(Refusal(good.substr(0, length)), StartsWith("body: not valid JSON"));
  }
  EXPECT_THAT(Refusal(good + "x"), StartsWith("body: not valid JSON"));
}

TEST(JsonFieldTest, RandomBytesNeverDoHarm) {
  std::mt19937 random(11);
  const std::string alphabet = "{}[]\",:\\ value0123456789.eE+-truefalsn\t\n\xC3\xA9";
  for (int i = 0; i < 20'000; ++i) {
    std::string body = random() % 2 == 0 ? "{\"value\":" : "";
    for (unsigned n = random() % 24; n > 0; --n) body += alphabet[random() % alphabet.size()];
    if (random() % 2 == 0) body += "}";
    const absl::StatusOr<std::string> taken = TakeJsonField(body, "value");
    if (!taken.ok()) continue;
    EXPECT_NE(body.find(*taken), std::string::npos) << body;
  }
}

}  // namespace
}  // namespace cronium::gateway
