// SPDX-License-Identifier: Apache-2.0
#include "agent/init/status.h"

#include <gtest/gtest.h>

#include <string>

namespace cronium::agent::init {
namespace {

TEST(FormatStatusLine, EndsInOneNewlineAndHasNoOther) {
  EXPECT_EQ(FormatStatusLine("error exec a\nb\tc\x7F"), "error exec a b c \n");
}

TEST(FormatStatusLine, KeepsTextThatIsNotAscii) {
  EXPECT_EQ(FormatStatusLine("error exec /tmp/größe"), "error exec /tmp/größe\n");
}

TEST(FormatStatusLine, IsCutToLessThan512Bytes) {
  const std::string line = FormatStatusLine(std::string(2000, 'x'));
  EXPECT_EQ(line.size(), kMaxStatusLine);
  EXPECT_EQ(line.back(), '\n');
}

TEST(FormatStatusLine, IsNotCutWithinACharacter) {
  // 509 bytes, then a character of three bytes that would end at 512.
  const std::string line = FormatStatusLine(std::string(509, 'x') + "\u20AC");
  EXPECT_EQ(line, std::string(509, 'x') + "\n");
}

}  // namespace
}  // namespace cronium::agent::init
