// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/retry.h"

#include <algorithm>

namespace cronium::gateway::helpers {

bool MayRetry(int status) { return status == 429 || status >= 500; }

int64_t RetryDelayMs(int tries, std::optional<int> retry_after_s, uint32_t random) {
  const int doublings = std::clamp(tries - 1, 0, 10);
  const int64_t full = std::min(kFirstDelayMs << doublings, kMaxDelayMs);
  const int64_t delay = full / 2 + random % (full / 2 + 1);
  if (!retry_after_s) return delay;
  const int64_t named = int64_t{*retry_after_s} * 1000;
  return std::max(delay, named + random % (kFirstDelayMs + 1));
}

}  // namespace cronium::gateway::helpers
