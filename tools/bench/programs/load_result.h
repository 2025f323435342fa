// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_LOAD_RESULT_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_LOAD_RESULT_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace cronium::bench {

// What a load brought about in the time that counted.
struct LoadResult {
  double seconds = 0;
  // Of each answer, in ns.
  std::vector<int64_t> latencies_ns;

  double PerSecond() const {
    return seconds > 0 ? static_cast<double>(latencies_ns.size()) / seconds : 0;
  }
  // Reorders the latencies. 0 where there are none.
  double PercentileMs(double fraction) {
    if (latencies_ns.empty()) return 0;
    const size_t index =
        std::min(latencies_ns.size() - 1,
                 static_cast<size_t>(fraction * static_cast<double>(latencies_ns.size())));
    std::nth_element(latencies_ns.begin(), latencies_ns.begin() + static_cast<ptrdiff_t>(index),
                     latencies_ns.end());
    return static_cast<double>(latencies_ns[index]) / 1e6;
  }
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_LOAD_RESULT_H_
