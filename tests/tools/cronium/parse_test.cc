// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/parse.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace cronium::cli {
namespace {

TEST(ParseDuration, ReadsEachUnitAndSums) {
  EXPECT_EQ(*ParseDuration("90s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("1.5h"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("2d"), absl::Hours(48));
  EXPECT_EQ(*ParseDuration("0s"), absl::ZeroDuration());
}

TEST(ParseDuration, RefusesWhatIsNoneAndSaysWhatWouldBe) {
  for (const char* text : {"", "5", "s", "-5s", "5x", "5s6", "1..5s", "5 s", "1e3s", "infs"}) {
    const auto result = ParseDuration(text);
    EXPECT_FALSE(result.ok()) << text;
    EXPECT_TRUE(absl::StrContains(result.status().message(), "for example 90s")) << text;
  }
}

TEST(ParseSize, TellsPowersOf1024FromPowersOf1000) {
  EXPECT_EQ(*ParseSize("1048576"), 1048576);
  EXPECT_EQ(*ParseSize("512M"), 512 << 20);
  EXPECT_EQ(*ParseSize("512Mi"), 512 << 20);
  EXPECT_EQ(*ParseSize("512mib"), 512 << 20);
  EXPECT_EQ(*ParseSize("512MB"), 512'000'000);
  EXPECT_EQ(*ParseSize("1.5k"), 1536);
  EXPECT_EQ(*ParseSize("7b"), 7);
}

TEST(ParseSize, RefusesWhatIsNone) {
  for (const char* text : {"", "M", "-1M", "5X", "5Mx", "5 M", "99999999999T"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(ParseCpuMillis, ReadsCpusAndThousandths) {
  EXPECT_EQ(*ParseCpuMillis("2"), 2000);
  EXPECT_EQ(*ParseCpuMillis("0.5"), 500);
  EXPECT_EQ(*ParseCpuMillis("250m"), 250);
  for (const char* text : {"", "m", "0", "-1", "1,5", "two", "0.0001"}) {
    EXPECT_FALSE(ParseCpuMillis(text).ok()) << text;
  }
}

TEST(ParseKeyValue, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(*ParseKeyValue("A=b=c"), std::pair(std::string("A"), std::string("b=c")));
  EXPECT_EQ(*ParseKeyValue("A="), std::pair(std::string("A"), std::string()));
  EXPECT_FALSE(ParseKeyValue("A").ok());
  EXPECT_FALSE(ParseKeyValue("=b").ok());
}

TEST(ParseSince, TakesATimeOrHowLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(*ParseSince("10m", now), now - absl::Minutes(10));
  EXPECT_EQ(*ParseSince("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(*ParseSince("2023-11-14T23:13:20.5+01:00", now), now + absl::Milliseconds(500));
  EXPECT_FALSE(ParseSince("yesterday", now).ok());
}

}  // namespace
}  // namespace cronium::cli
