// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/line_check.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/log_programs/bench_line.h"
#include "tools/bench/log_programs/lag_histogram.h"

namespace cronium::bench {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStampNs = 1'764'000'000'000 * kMs;

class LineCheckTest : public testing::Test {
 protected:
  // Line `number` as a source writes it at kStampNs.
  std::string Line(int64_t number) const {
    std::string line =
        block_.substr(static_cast<size_t>(number) % kTextPeriod * kLineBytes, kLineBytes);
    FormatDigits(number, line.data(), kNumberBytes);
    FormatDigits(kStampNs, line.data() + kStampAt, kStampBytes);
    return line;
  }

  void Receive(const std::vector<int64_t>& numbers) {
    std::string bytes;
    for (const int64_t number : numbers) bytes += Line(number);
    check_.Add(bytes, kStampNs + 3 * kMs);
  }

  const std::string block_ = MakeLineBlock();
  LagHistogram lags_;
  LineCheck check_{&block_, &lags_};
};

TEST_F(LineCheckTest, WholeLogsAreWholeBeyondThePeriodOfTheirTexts) {
  constexpr int64_t kLines = 2 * static_cast<int64_t>(kTextPeriod) + 7;
  for (int64_t i = 0; i < kLines; ++i) Receive({i});
  check_.End(kLines);
  EXPECT_EQ(check_.counts().lines, kLines);
  EXPECT_EQ(check_.counts().lost, 0);
  EXPECT_EQ(check_.counts().repeated, 0);
  EXPECT_EQ(check_.counts().damaged, 0);
}

TEST_F(LineCheckTest, LinesMayComeInAnyPieces) {
  std::string bytes;
  for (int64_t i = 0; i < 50; ++i) bytes += Line(i);
  for (size_t at = 0, size = 1; at < bytes.size(); at += size, size = size * 2 % 251) {
    check_.Add(std::string_view(bytes).substr(at, size), kStampNs);
  }
  check_.End(50);
  EXPECT_EQ(check_.counts().lines, 50);
  EXPECT_EQ(check_.counts().lost + check_.counts().repeated + check_.counts().damaged, 0);
}

TEST_F(LineCheckTest, MissingLinesAreLost) {
  Receive({0, 1, 5, 6});
  check_.End(10);
  EXPECT_EQ(check_.counts().lost, 3 + 3);
  EXPECT_EQ(check_.counts().repeated, 0);
}

TEST_F(LineCheckTest, ALineThatComesAgainIsRepeated) {
  Receive({0, 1, 1, 2});
  check_.End(3);
  EXPECT_EQ(check_.counts().repeated, 1);
  EXPECT_EQ(check_.counts().lost, 0);
}

TEST_F(LineCheckTest, OtherBytesThanWereWrittenAreDamage) {
  std::string line = Line(0);
  line[kTextAt + 20] ^= 1;
  check_.Add(line, kStampNs);
  check_.Add(Line(1).substr(0, 40), kStampNs);
  check_.End(1);
  EXPECT_EQ(check_.counts().damaged, 2);
}

TEST_F(LineCheckTest, LagIsFromTheStampToTheReceipt) {
  Receive({0, 1, 2});
  EXPECT_NEAR(lags_.PercentileMs(0.5), 3, 0.11);
  EXPECT_NEAR(lags_.MaxMs(), 3, 0.01);
}

}  // namespace
}  // namespace cronium::bench
