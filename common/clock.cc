// SPDX-License-Identifier: Apache-2.0
#include "common/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace cronium {

absl::Time RealClock::Now() const { return absl::Now(); }

int64_t RealClock::BoottimeNs() const {
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return ts.tv_sec * 1'000'000'000LL + ts.tv_nsec;
}

}  // namespace cronium
