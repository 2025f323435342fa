// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LAG_HISTOGRAM_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LAG_HISTOGRAM_H_

#include <cstdint>
#include <vector>

namespace cronium::bench {

// How late things came, to a tenth of a millisecond up to 10 s; what is later counts as that. Not
// thread-safe.
class LagHistogram {
 public:
  LagHistogram() : counts_(kBuckets) {}

  void Add(int64_t lag_ns, int64_t times);
  // 0 where nothing was added.
  double PercentileMs(double fraction) const;
  double MaxMs() const;

 private:
  static constexpr int64_t kBucketNs = 100'000;
  static constexpr int64_t kBuckets = 100'000;

  std::vector<int64_t> counts_;
  int64_t total_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LAG_HISTOGRAM_H_
