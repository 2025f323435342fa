// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_FOLLOW_RESULT_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_FOLLOW_RESULT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/bench/log_programs/lag_histogram.h"
#include "tools/bench/log_programs/line_check.h"

namespace cronium::bench {

// What cronium-bench-follow saw, as it prints it: one line of JSON.
struct FollowResult {
  LineCounts counts;
  // Entries of the logs, by their own numbers; of a plain stream none.
  uint64_t entries = 0;
  int64_t reconnects = 0;
  double lag_p50_ms = 0;
  double lag_p99_ms = 0;
  double lag_max_ms = 0;
  // Of the process that followed.
  double cpu_seconds = 0;

  void SetLags(const LagHistogram& lags);
  // From the first line's stamp to the last one's receipt.
  double Seconds() const;
  bool Whole() const { return counts.lost == 0 && counts.repeated == 0 && counts.damaged == 0; }

  std::string ToJson() const;
  static absl::StatusOr<FollowResult> FromJson(absl::string_view text);
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_FOLLOW_RESULT_H_
