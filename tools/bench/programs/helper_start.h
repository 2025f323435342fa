// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_HELPER_START_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_HELPER_START_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/programs/load_result.h"

namespace cronium::bench {

struct HelperStart {
  int64_t bytes = 0;
  // From posix_spawn to its end, of each run.
  LoadResult runs;
};

// Runs `cronium_info`, which asks nobody, so many times. program: cronium-helper, whatever its
// name.
absl::StatusOr<HelperStart> MeasureHelperStart(const std::string& program, int runs);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_HELPER_START_H_
