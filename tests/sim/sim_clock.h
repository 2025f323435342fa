// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_CLOCK_H_
#define CRONIUM_TESTS_SIM_SIM_CLOCK_H_

#include <cmath>
#include <cstdint>

#include "common/clock.h"
#include "tests/sim/scheduler.h"

namespace cronium::sim {

// One machine's clocks: they do not run equally fast everywhere, CLOCK_BOOTTIME begins anew with
// each boot, and the wall clock is set from time to time.
class SimClock : public Clock {
 public:
  // drift: parts per million that this machine's clocks run too fast.
  SimClock(const Scheduler* scheduler, int64_t drift_ppm)
      : scheduler_(scheduler), drift_ppm_(drift_ppm) {}

  absl::Time Now() const override {
    return absl::FromUnixSeconds(1'800'000'000) + absl::Nanoseconds(Elapsed()) + wall_offset_;
  }
  int64_t BoottimeNs() const override { return Elapsed() - boot_ns_ + kFirstNs; }

  void SetWall(absl::Duration by) { wall_offset_ += by; }
  void Reboot() { boot_ns_ = Elapsed(); }

  // When BoottimeNs will be `ns`, in the scheduler's time.
  absl::Duration TimeOf(int64_t ns) const {
    const int64_t left = ns - BoottimeNs();
    if (left <= 0) return scheduler_->now();
    // Rounded up, so that it is never too early: Elapsed goes in steps of up to drift_ppm ns.
    const int64_t real = left - left / 1'000'000 * drift_ppm_ + left / 1'000'000 + 1000;
    return scheduler_->now() + absl::Nanoseconds(real);
  }

 private:
  static constexpr int64_t kFirstNs = 5'000'000'000;

  int64_t Elapsed() const {
    const int64_t real = absl::ToInt64Nanoseconds(scheduler_->now());
    return real + real / 1'000'000 * drift_ppm_;
  }

  const Scheduler* const scheduler_;
  const int64_t drift_ppm_;
  absl::Duration wall_offset_;
  int64_t boot_ns_ = 0;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_CLOCK_H_
