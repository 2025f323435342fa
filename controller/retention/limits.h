// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_RETENTION_LIMITS_H_
#define CRONIUM_CONTROLLER_RETENTION_LIMITS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cronium::controller {

// How much of what has ended is kept in one namespace. What is past any of its limits goes, oldest
// first.
struct RetentionLimits {
  // No limit: absl::InfiniteDuration() or kNoLimit.
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  // Counted from the job's end.
  absl::Duration job_age = absl::Hours(30 * 24);
  int64_t jobs = 100'000;
  // Of their specs and outputs.
  int64_t job_bytes = int64_t{1} << 30;
  // Counted from the end of the hour in which the execution was assigned.
  absl::Duration log_age = absl::Hours(14 * 24);
  // On disk, as compressed.
  int64_t log_bytes = int64_t{10} << 30;

  bool operator==(const RetentionLimits& other) const;
};

// The limits of each namespace.
class RetentionPolicy {
 public:
  // The defaults everywhere.
  RetentionPolicy() = default;

  // Of settings `NAMESPACE:NAME=VALUE,NAME=VALUE`, where NAMESPACE is `*` for all without a setting
  // of their own, and each name may be left out:
  //
  //   *:job-age=30d,jobs=100000,job-bytes=1GiB,log-age=14d,log-bytes=10GiB
  //   nightly:log-age=90d,log-bytes=none
  //
  // Ages in d, h, m or s; bytes with KiB, MiB, GiB, TiB or nothing; `none` for no limit. A
  // namespace takes what its own setting leaves out from `*`. INVALID_ARGUMENT names what is wrong.
  static absl::StatusOr<RetentionPolicy> Parse(const std::vector<std::string>& settings);

  const RetentionLimits& LimitsOf(absl::string_view name_space) const;

 private:
  RetentionLimits default_;
  absl::flat_hash_map<std::string, RetentionLimits> by_namespace_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_RETENTION_LIMITS_H_
