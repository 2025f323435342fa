// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LOG_FOLLOW_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LOG_FOLLOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/bench/log_programs/follow_result.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

struct LogFollowOptions {
  std::vector<std::string> job_ids;
  // That each job's source writes.
  int64_t lines = 0;
  // Read what is stored of jobs that have ended, rather than live.
  bool replay = false;
  // Given up when nothing comes for so long.
  absl::Duration patience = absl::Seconds(60);
};

// Follows the logs of all jobs to their ends over one connection, and checks every line and the
// numbers of the entries. One thread, the caller's. A stream that breaks goes on after its last
// entry. An error where a job did not succeed, a log has a hole, or nothing comes any more.
absl::StatusOr<FollowResult> FollowJobLogs(const Target& target, const LogFollowOptions& options);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LOG_FOLLOW_H_
