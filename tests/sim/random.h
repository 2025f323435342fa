// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_RANDOM_H_
#define CRONIUM_TESTS_SIM_RANDOM_H_

#include <cstdint>

#include "absl/time/time.h"

namespace cronium::sim {

// Numbers that follow from a seed alone, on every machine: splitmix64 (Steele, Lea, Flood: "Fast
// splittable pseudorandom number generators", 2014). The library's distributions promise no such
// thing.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // 0 to n - 1.
  uint64_t Below(uint64_t n) { return Next() % n; }
  // from to to.
  int64_t Between(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(Below(static_cast<uint64_t>(to - from + 1)));
  }
  absl::Duration Between(absl::Duration from, absl::Duration to) {
    return absl::Nanoseconds(Between(absl::ToInt64Nanoseconds(from), absl::ToInt64Nanoseconds(to)));
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double probability) { return Unit() < probability; }

  uint64_t state() const { return state_; }

 private:
  uint64_t state_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_RANDOM_H_
