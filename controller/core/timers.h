// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_TIMERS_H_
#define CRONIUM_CONTROLLER_CORE_TIMERS_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/time/time.h"

namespace cronium::controller {

// What is due when. A timer is not cancelled: its owner looks, when it fires, whether it still
// means anything. Not thread-safe.
template <typename Event>
class Timers {
 public:
  void Set(absl::Time when, Event event) { due_.emplace(when, std::move(event)); }

  // The next event that is due at `now`.
  std::optional<Event> Pop(absl::Time now) {
    if (due_.empty() || due_.begin()->first > now) return std::nullopt;
    Event event = due_.begin()->second;
    due_.erase(due_.begin());
    return event;
  }

  std::optional<absl::Time> next() const {
    if (due_.empty()) return std::nullopt;
    return due_.begin()->first;
  }

 private:
  absl::btree_set<std::pair<absl::Time, Event>> due_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_TIMERS_H_
