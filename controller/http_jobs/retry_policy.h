// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_HTTP_JOBS_RETRY_POLICY_H_
#define CRONIUM_CONTROLLER_HTTP_JOBS_RETRY_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/core/status_ranges.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// What HttpSpec says of answers and failures. spec: valid, with its defaults.
class RetryPolicy {
 public:
  explicit RetryPolicy(const v1::HttpSpec& spec);

  bool IsExpected(int status) const { return expected_.Contains(status); }
  bool RetriesStatus(int status) const { return retried_.Contains(status); }
  bool RetriesError(const absl::Status& error) const;
  int max_tries() const { return max_tries_; }

  // How long to wait after so many tries: doubled each time, spread by up to a fifth either way so
  // that jobs that failed together do not come back together, but no less than retry_after; never
  // more than max_backoff. seed: of the execution.
  absl::Duration Backoff(int tries, std::optional<absl::Duration> retry_after, uint64_t seed) const;

 private:
  StatusRanges expected_;
  StatusRanges retried_;
  const v1::HttpRetryErrors errors_;
  const int max_tries_;
  const absl::Duration backoff_;
  const absl::Duration max_backoff_;
};

// A Retry-After header: seconds, or a date. Nothing where it is neither.
std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_HTTP_JOBS_RETRY_POLICY_H_
