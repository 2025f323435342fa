// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/rate_limiter.h"

#include <algorithm>

namespace cronium::gateway {

absl::Duration RateLimiter::Take(absl::string_view execution_id, std::optional<int64_t> own_limit,
                                 int64_t now_ns) {
  const auto per_minute = static_cast<double>(own_limit.value_or(per_minute_));
  if (per_minute <= 0) return absl::ZeroDuration();
  const double per_ns = per_minute / 60e9;
  MutexLock lock(&mutex_);
  auto found = by_execution_.find(execution_id);
  if (found == by_execution_.end()) {
    if (buckets_.size() >= max_buckets_) {
      by_execution_.erase(buckets_.back().execution_id);
      buckets_.pop_back();
    }
    buckets_.push_front({std::string(execution_id), per_minute, now_ns});
    found = by_execution_.emplace(execution_id, buckets_.begin()).first;
  } else {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
  }
  Bucket& bucket = *found->second;
  const double refill =
      static_cast<double>(std::max<int64_t>(0, now_ns - bucket.filled_ns)) * per_ns;
  bucket.tokens = std::min(per_minute, bucket.tokens + refill);
  bucket.filled_ns = now_ns;
  if (bucket.tokens < 1) {
    // Rounded up, so that who waits as long as it was told is not a nanosecond early.
    return std::max(
        absl::Microseconds(1),
        absl::Ceil(absl::Nanoseconds((1 - bucket.tokens) / per_ns), absl::Microseconds(1)));
  }
  bucket.tokens -= 1;
  return absl::ZeroDuration();
}

}  // namespace cronium::gateway
