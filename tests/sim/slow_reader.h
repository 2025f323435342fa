// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SLOW_READER_H_
#define CRONIUM_TESTS_SIM_SLOW_READER_H_

#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "tests/sim/scheduler.h"

namespace cronium::sim {

// When somebody who reads a stream gets round to reading on: soon after he was told that there is
// something, and now and then much later.
class SlowReader {
 public:
  SlowReader(Scheduler* scheduler, std::function<void()> read)
      : scheduler_(scheduler), read_(std::move(read)) {}

  void Wake() {
    if (std::exchange(due_, true)) return;
    Random* const random = scheduler_->random();
    const absl::Duration pause = random->Chance(0.05)
                                     ? random->Between(absl::Milliseconds(10), absl::Seconds(5))
                                     : absl::Microseconds(50);
    scheduler_->After(pause, [this] {
      due_ = false;
      read_();
    });
  }

 private:
  Scheduler* const scheduler_;
  const std::function<void()> read_;
  bool due_ = false;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SLOW_READER_H_
