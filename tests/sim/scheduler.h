// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SCHEDULER_H_
#define CRONIUM_TESTS_SIM_SCHEDULER_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/sim/random.h"

namespace cronium::sim {

// An invariant does not hold. Ends the run.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Simulated time and all that is to happen in it: one event after the other, at the time it was set
// to, those of one time in the order in which they were set. The same seed gives the same run.
class Scheduler {
 public:
  Scheduler(uint64_t seed, bool trace) : random_(seed), trace_(trace) {}

  // Since the run began. The world's own time: every clock in it is a view of this one.
  absl::Duration now() const { return now_; }
  Random* random() { return &random_; }

  void At(absl::Duration time, std::function<void()> event) {
    events_.push({std::max(time, now_), next_number_++, std::move(event)});
  }
  void After(absl::Duration delay, std::function<void()> event) {
    At(now_ + delay, std::move(event));
  }

  // Runs the next event; false where there is none until `end`.
  bool RunOne(absl::Duration end) {
    if (events_.empty() || events_.top().time > end) return false;
    // top() is const, and the event is about to go.
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = event.time;
    ++count_;
    fingerprint_ =
        (fingerprint_ ^ random_.state() ^ static_cast<uint64_t>(absl::ToInt64Nanoseconds(now_))) *
        0x100000001B3;
    event.run();
    return true;
  }

  bool tracing() const { return trace_; }
  // One readable line; only where tracing.
  template <typename... Parts>
  void Trace(absl::string_view who, const Parts&... parts) {
    if (!trace_) return;
    absl::FPrintF(stdout, "%12.6f %-14s %s\n", absl::ToDoubleSeconds(now_), who,
                  absl::StrCat(parts...));
  }
  [[noreturn]] void Fail(const std::string& what) const {
    throw Violation(absl::StrFormat("at %.6f s: %s", absl::ToDoubleSeconds(now_), what));
  }

  uint64_t count() const { return count_; }
  // Of everything that has happened: two runs of one seed have the same.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  struct Event {
    absl::Duration time;
    uint64_t number;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : number > other.number;
    }
  };

  Random random_;
  const bool trace_;
  absl::Duration now_;
  uint64_t next_number_ = 0;
  uint64_t count_ = 0;
  uint64_t fingerprint_ = 14695981039346656037u;
  std::priority_queue<Event> events_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SCHEDULER_H_
