// SPDX-License-Identifier: Apache-2.0
#include "agent/init/oom_kills.h"

#include <gtest/gtest.h>

namespace cronium::agent::init {
namespace {

TEST(ParseOomKills, ReadsBothVersionsOfTheFile) {
  EXPECT_EQ(ParseOomKills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n"), 2);
  EXPECT_EQ(ParseOomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), 7);
  EXPECT_EQ(ParseOomKills("oom_kill 0"), 0);
}

TEST(ParseOomKills, KnowsNothingOfOtherText) {
  EXPECT_EQ(ParseOomKills(""), -1);
  EXPECT_EQ(ParseOomKills("oom_kill_disable 0\nunder_oom 0\n"), -1);
  EXPECT_EQ(ParseOomKills("oom_kill \n"), -1);
  EXPECT_EQ(ParseOomKills("oom_kill x\n"), -1);
  EXPECT_EQ(ParseOomKills("oom_kill 1234567890123456789\n"), -1);
}

}  // namespace
}  // namespace cronium::agent::init
