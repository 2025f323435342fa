// SPDX-License-Identifier: Apache-2.0
#include "agent/init/lease.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace cronium::agent::init {
namespace {

TEST(ParseLease, TakesDecimalNanosecondsWithOrWithoutANewline) {
  for (const char* text : {"12345678901", "12345678901\n"}) {
    Lease lease;
    ASSERT_TRUE(ParseLease(text, &lease)) << text;
    EXPECT_FALSE(lease.keep);
    EXPECT_EQ(lease.end_ns, 12345678901);
  }
}

TEST(ParseLease, TakesTheLargestTimeThereIsAndNoLarger) {
  Lease lease;
  ASSERT_TRUE(ParseLease("9223372036854775807", &lease));
  EXPECT_EQ(lease.end_ns, std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(ParseLease("9223372036854775808", &lease));
  EXPECT_FALSE(ParseLease("99999999999999999999", &lease));
}

TEST(ParseLease, TakesKeepAsNoEnd) {
  Lease lease;
  ASSERT_TRUE(ParseLease("keep\n", &lease));
  EXPECT_TRUE(lease.keep);
}

TEST(ParseLease, RefusesAnythingElseAndLeavesTheLeaseAlone) {
  for (const char* text : {"", "\n", "-1", "+1", " 1", "1 ", "1\n\n", "0x10", "1e9", "Keep",
                           "keep it", "12345678901ns", "1\r\n"}) {
    Lease lease = {.keep = false, .end_ns = 7};
    EXPECT_FALSE(ParseLease(text, &lease)) << "'" << text << "'";
    EXPECT_EQ(lease.end_ns, 7);
  }
}

TEST(ReadLease, NamesTheFileThatIsMissing) {
  Lease lease;
  EXPECT_EQ(ReadLease("/nonexistent/lease", &lease),
            "cannot open the lease file /nonexistent/lease: No such file or directory");
}

}  // namespace
}  // namespace cronium::agent::init
