// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_BACKOFF_H_
#define CRONIUM_TOOLS_CRONIUM_BACKOFF_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace cronium::cli {

// Whether a failure is one of contact rather than an answer, so that the same call may fare better
// soon.
bool IsLostContact(const absl::Status& status);

// How long to wait before each next try, and when to stop trying. Pauses double from 100 ms to 3 s,
// each shortened by a random part of up to half, so that many clients do not come back in step.
class Backoff {
 public:
  // `random` returns a number in [0, 1). clock must outlive it.
  Backoff(absl::Duration give_up_after, const Clock* clock, std::function<double()> random);

  // After a failure: the pause before the next try; none once failures have lasted for
  // give_up_after.
  std::optional<absl::Duration> NextPause();
  // The other side answered: the next failure is the first of its row.
  void Reset();

 private:
  const absl::Duration give_up_after_;
  const Clock* const clock_;
  const std::function<double()> random_;
  // Of the first failure of the row.
  std::optional<int64_t> failing_since_ns_;
  absl::Duration next_;
};

// Random numbers for Backoff. Not thread-safe.
std::function<double()> RandomSource();

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_BACKOFF_H_
