// SPDX-License-Identifier: Apache-2.0
#include "common/lease.h"

#include <limits>

namespace cronium {

int64_t LeaseEndNs(LeaseSide side, int64_t contact_ns, absl::Duration lost_after,
                   absl::Duration stop_grace) {
  absl::Duration span = lost_after;
  if (side == LeaseSide::kController) {
    span += stop_grace + kLeaseKillMargin + lost_after / kLeaseDriftDivisor;
  }
  // ToInt64Nanoseconds saturates.
  const int64_t span_ns = absl::ToInt64Nanoseconds(span);
  int64_t end = 0;
  if (__builtin_add_overflow(contact_ns, span_ns, &end)) return std::numeric_limits<int64_t>::max();
  return end;
}

}  // namespace cronium
