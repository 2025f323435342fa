// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_RATE_LIMITER_H_
#define CRONIUM_RUNTIME_GATEWAY_API_RATE_LIMITER_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace cronium::gateway {

// A token bucket per execution: so many calls a minute, and as many at once. Knows at most
// `max_buckets` executions; one more makes it forget the one that called least recently, whose
// bucket has usually filled up again. Thread-safe.
class RateLimiter {
 public:
  // per_minute: of executions that have no limit of their own; 0 for no limit.
  explicit RateLimiter(int per_minute, size_t max_buckets = 16'384)
      : per_minute_(per_minute), max_buckets_(max_buckets) {}

  // Zero where the call may be made, else how long to wait until one may. own_limit: the
  // execution's, always the same one. now_ns: of a clock that does not jump.
  absl::Duration Take(absl::string_view execution_id, std::optional<int64_t> own_limit,
                      int64_t now_ns);

 private:
  struct Bucket {
    std::string execution_id;
    double tokens;
    int64_t filled_ns;
  };

  const int per_minute_;
  const size_t max_buckets_;
  Mutex mutex_;
  // The latest caller first.
  std::list<Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::list<Bucket>::iterator> by_execution_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_RATE_LIMITER_H_
