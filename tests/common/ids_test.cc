// SPDX-License-Identifier: Apache-2.0
#include "common/ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace cronium {
namespace {

TEST(IdsTest, RandomIdsAreWellFormedAndDiffer) {
  RandomIdSource source;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = source.NewId(kJobIdPrefix);
    EXPECT_TRUE(IsId(id, kJobIdPrefix)) << id;
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(IdsTest, CountedIdsAreWellFormedAndComeInOrder) {
  CountingIdSource source;
  EXPECT_EQ(source.NewId(kExecutionIdPrefix), "exec_000000000001");
  EXPECT_EQ(source.NewId(kExecutionIdPrefix), "exec_000000000002");
  EXPECT_TRUE(IsId("exec_000000000002", kExecutionIdPrefix));
}

TEST(IdsTest, AnIdHasItsPrefixAndTwelveLettersOrDigits) {
  EXPECT_TRUE(IsId("job_0aZ9zA0aZ9zA", kJobIdPrefix));
  for (const char* id : {"", "job_", "job_0aZ9zA0aZ9z", "job_0aZ9zA0aZ9zAA", "exec_0aZ9zA0aZ9zA",
                         "job_0aZ9zA0aZ9z-", "job_0aZ9zA0aZ9z\n", "JOB_0aZ9zA0aZ9zA"}) {
    EXPECT_FALSE(IsId(id, kJobIdPrefix)) << id;
  }
}

TEST(IdsTest, SecretsHaveTheLengthAskedForAndUseEveryCharacterAlike) {
  EXPECT_EQ(RandomBase62(0), "");
  EXPECT_EQ(RandomBase62(1).size(), 1u);
  const std::string text = RandomBase62(62'000);
  ASSERT_EQ(text.size(), 62'000u);
  std::map<char, int> counts;
  for (const char c : text) ++counts[c];
  ASSERT_EQ(counts.size(), 62u);
  // 1000 expected, standard deviation 31.4: eight of them either way, so that chance never fails
  // this.
  for (const auto& [c, count] : counts) {
    EXPECT_GT(count, 749) << c;
    EXPECT_LT(count, 1251) << c;
  }
}

TEST(IdsTest, ANameIsUpTo63LowerCaseLettersDigitsDotsAndDashes) {
  for (const std::string& name :
       {std::string("a"), std::string("0"), std::string("web-1.rack-2"), std::string(63, 'a')}) {
    EXPECT_TRUE(IsName(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("A"), std::string("-a"), std::string("a-"), std::string(".a"),
        std::string("a."), std::string("a_b"), std::string("a b"), std::string("a/b"),
        std::string("a\0", 2), std::string(64, 'a')}) {
    EXPECT_FALSE(IsName(name)) << name;
  }
}

}  // namespace
}  // namespace cronium
