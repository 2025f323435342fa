// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/extent.h"

#include <gtest/gtest.h>

namespace cronium::controller::logs {
namespace {

constexpr uint64_t kFrameBytes = 200;

FrameHeader Frame(uint64_t i) {
  // Three entries and ten bytes each, a second apart.
  return {.first_seq = 3 * i + 1,
          .last_seq = 3 * i + 3,
          .bytes_before = 10 * i,
          .data_bytes = 10,
          .payload_bytes = kFrameBytes - kFrameHeaderBytes,
          .max_time_before_ns = static_cast<int64_t>(1000 * i),
          .max_time_ns = static_cast<int64_t>(1000 * (i + 1))};
}

Extent MakeExtent(uint64_t frames) {
  Extent extent;
  for (uint64_t i = 0; i < frames; ++i) extent.Add(Frame(i), i * kFrameBytes);
  return extent;
}

TEST(ExtentTest, LeadsToAFrameAtOrAfterTheEntryAndNeverFar) {
  for (const uint64_t frames : {1, 2, 127, 128, 129, 130, 256, 257, 1000, 5000, 100'000}) {
    const Extent extent = MakeExtent(frames);
    const uint64_t spacing = 2 * frames / Extent::kMaxCheckpoints + 1;
    for (uint64_t i = 0; i < frames; i += frames / 50 + 1) {
      for (uint64_t seq = 3 * i + 1; seq <= 3 * i + 3; ++seq) {
        const uint64_t frame = extent.OffsetAtOrAfter(seq) / kFrameBytes;
        ASSERT_GE(frame, i);
        ASSERT_LE(frame, i + spacing) << frames;
      }
      const auto time = static_cast<int64_t>(1000 * i + 1);
      const uint64_t frame = extent.OffsetAtOrAfterTime(time) / kFrameBytes;
      ASSERT_GE(frame, i);
      ASSERT_LE(frame, i + spacing);
    }
  }
}

TEST(ExtentTest, ComesBackFromItsEncodingAndGoesOnTheSame) {
  for (const uint64_t frames : {0, 1, 2, 300, 10'000}) {
    Extent extent = MakeExtent(frames);
    std::string encoded;
    extent.Encode(&encoded);
    EXPECT_LT(encoded.size(), 128u * 12 + 64);
    encoded += "rest";
    absl::string_view in = encoded;
    Extent decoded;
    ASSERT_TRUE(decoded.Decode(&in));
    EXPECT_EQ(in, "rest");
    for (uint64_t i = frames; i < frames + 300; ++i) {
      extent.Add(Frame(i), i * kFrameBytes);
      decoded.Add(Frame(i), i * kFrameBytes);
    }
    EXPECT_EQ(decoded.first_seq(), extent.first_seq());
    EXPECT_EQ(decoded.last_seq(), extent.last_seq());
    EXPECT_EQ(decoded.bytes_before(), extent.bytes_before());
    EXPECT_EQ(decoded.bytes_end(), extent.bytes_end());
    EXPECT_EQ(decoded.max_time_ns(), extent.max_time_ns());
    EXPECT_EQ(decoded.last_offset(), extent.last_offset());
    EXPECT_EQ(decoded.end_offset(), extent.end_offset());
    for (uint64_t seq = 1; seq <= extent.last_seq(); seq += 7) {
      ASSERT_EQ(decoded.OffsetAtOrAfter(seq), extent.OffsetAtOrAfter(seq));
    }
  }
}

TEST(ExtentTest, APartOfAnEncodingIsNone) {
  std::string encoded;
  MakeExtent(40).Encode(&encoded);
  for (size_t size = 0; size < encoded.size(); ++size) {
    absl::string_view in(encoded.data(), size);
    Extent decoded;
    ASSERT_FALSE(decoded.Decode(&in)) << size;
  }
}

}  // namespace
}  // namespace cronium::controller::logs
