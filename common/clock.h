// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_CLOCK_H_
#define CRONIUM_COMMON_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace cronium {

// Where a component gets the time from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock: for people and for what is stored. May jump.
  virtual absl::Time Now() const = 0;
  // CLOCK_BOOTTIME in ns: for leases and timers. Never jumps back, and goes on while the host is
  // suspended.
  virtual int64_t BoottimeNs() const = 0;
};

class RealClock : public Clock {
 public:
  absl::Time Now() const override;
  int64_t BoottimeNs() const override;
};

// Stands still until it is advanced.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000))
      : now_ns_(absl::ToUnixNanos(start)) {}
  absl::Time Now() const override { return absl::FromUnixNanos(now_ns_.load()); }
  int64_t BoottimeNs() const override { return boottime_ns_.load(); }
  void Advance(absl::Duration by) {
    now_ns_ += absl::ToInt64Nanoseconds(by);
    boottime_ns_ += absl::ToInt64Nanoseconds(by);
  }

 private:
  std::atomic<int64_t> now_ns_;
  std::atomic<int64_t> boottime_ns_{1'000'000'000};
};

}  // namespace cronium

#endif  // CRONIUM_COMMON_CLOCK_H_
