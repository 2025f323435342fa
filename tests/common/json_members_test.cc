// SPDX-License-Identifier: Apache-2.0
#include "common/json_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cronium {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(JsonMembers, ValuesAreSlicesThatNothingChanged) {
  const auto members = JsonMembers(
      R"( {"n" : 1.10e2 ,"s":"a\"}\u00e9","o":{"b":[1, {"c":"]"}],"a":2} , "z":null} )");
  ASSERT_TRUE(members.ok()) << members.status();
  ASSERT_EQ(members->size(), 4u);
  EXPECT_EQ((*members)[0].name, "n");
  EXPECT_EQ((*members)[0].value, "1.10e2");
  EXPECT_EQ((*members)[1].value, R"("a\"}\u00e9")");
  EXPECT_EQ((*members)[2].value, R"({"b":[1, {"c":"]"}],"a":2})");
  EXPECT_EQ((*members)[3].name, "z");
  EXPECT_EQ((*members)[3].value, "null");
}

TEST(JsonMembers, NamesAreDecoded) {
  const auto members = JsonMembers(R"({"\u0061\"":1,"a\"":2})");
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->size(), 2u);
  EXPECT_EQ((*members)[0].name, "a\"");
  EXPECT_EQ((*members)[1].name, "a\"");
}

TEST(JsonMembers, WhatIsNoObjectIsRefused) {
  EXPECT_EQ(JsonMembers("[1]").status().message(), "is not a JSON object");
  EXPECT_EQ(JsonMembers("\"{}\"").status().message(), "is not a JSON object");
  EXPECT_FALSE(JsonMembers("{").ok());
  EXPECT_FALSE(JsonMembers("").ok());
  EXPECT_THAT(*JsonMembers(" { } "), IsEmpty());
}

TEST(JsonElements, AreSlicesInTheirOrder) {
  EXPECT_THAT(*JsonElements(R"([ "a" ,[1,2], {"b":"]"},-0.5e1,true])"),
              ElementsAre(R"("a")", "[1,2]", R"({"b":"]"})", "-0.5e1", "true"));
  EXPECT_THAT(*JsonElements("[]"), IsEmpty());
  EXPECT_EQ(JsonElements("{}").status().message(), "is not a JSON array");
}

TEST(JsonStringText, IsWhatTheStringStandsFor) {
  EXPECT_EQ(JsonStringText(R"("plain \u00e9\n")"), "plain \xc3\xa9\n");
  EXPECT_EQ(JsonStringText(R"("")"), "");
  EXPECT_EQ(JsonStringText("12"), std::nullopt);
  EXPECT_EQ(JsonStringText("null"), std::nullopt);
}

}  // namespace
}  // namespace cronium
