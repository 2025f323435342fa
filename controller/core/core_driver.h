// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_CORE_DRIVER_H_
#define CRONIUM_CONTROLLER_CORE_CORE_DRIVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "controller/core/core.h"
#include "controller/core/messages.h"

namespace cronium::controller {

// Where the core's durable outputs go. All calls come from the committing thread, one after the
// other, in the order of the core's outputs, each after the commit that holds what it says. They
// must be quick and must not wait for the core.
class CoreEffects {
 public:
  virtual ~CoreEffects() = default;
  virtual void OnExecution(const ExecutionChange& change) = 0;
  virtual void OnJob(const v1::Job& job) = 0;
  virtual void OnSend(const Send& send) = 0;
  virtual void OnEndSession(const EndSession& end) = 0;
  virtual void OnHttp(const HttpCommand& command) = 0;
};

// Makes changes durable in the order of the calls, then calls done on a thread of its own. Empty
// changes keep their place in the order and cost nothing.
using CommitFunction =
    std::function<void(std::vector<Change> changes,
                       std::function<void(absl::StatusOr<std::vector<ChangeResult>>)> done)>;

// Carries inputs to the core, and what it puts out through the commit to the world: the one place
// that keeps the order "first durable, then said". Has no thread; CoreThread, or a simulation,
// drives it. Turn is for one thread.
class CoreDriver {
 public:
  // On the committing thread; with UNAVAILABLE where the commit did not come about.
  using AnswerFunction = std::function<void(const Answer&)>;

  // All pointers are borrowed. The clock's wall time is what the core is given; steps of it are
  // told apart from its passing by the clock's other time. `answer_early` answers before the
  // commit: the defect that the simulation must find; nothing else sets it.
  CoreDriver(Core* core, const Clock* clock, CommitFunction commit, CoreEffects* effects,
             AnswerFunction answer, bool answer_early = false);

  // Handles the inputs and whatever is due; what follows is to be released.
  Output Turn(std::vector<Input> inputs);
  // Commits the output's changes, then carries out the rest.
  void Release(Output output);

 private:
  void Announce(const Output& output) const;

  absl::Time Now();

  Core* const core_;
  const Clock* const clock_;
  const CommitFunction commit_;
  CoreEffects* const effects_;
  const AnswerFunction answer_;
  const bool answer_early_;
  // The wall clock's lead over BoottimeNs, as the core's times have it.
  std::optional<int64_t> lead_ns_;
};

// What a caller hears whose call the stopping controller does not carry out.
absl::Status ControllerStopping();

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_CORE_DRIVER_H_
