// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/lag_histogram.h"

#include <algorithm>
#include <cstddef>

namespace cronium::bench {

void LagHistogram::Add(int64_t lag_ns, int64_t times) {
  const int64_t bucket = std::clamp<int64_t>(lag_ns / kBucketNs, 0, kBuckets - 1);
  counts_[static_cast<size_t>(bucket)] += times;
  total_ += times;
  max_ns_ = std::max(max_ns_, lag_ns);
}

double LagHistogram::PercentileMs(double fraction) const {
  int64_t left = static_cast<int64_t>(fraction * static_cast<double>(total_));
  for (size_t i = 0; i < counts_.size(); ++i) {
    left -= counts_[i];
    if (left < 0) return static_cast<double>(i + 1) * kBucketNs / 1e6;
  }
  return MaxMs();
}

double LagHistogram::MaxMs() const { return static_cast<double>(max_ns_) / 1e6; }

}  // namespace cronium::bench
