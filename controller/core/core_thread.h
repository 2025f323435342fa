// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_CORE_THREAD_H_
#define CRONIUM_CONTROLLER_CORE_CORE_THREAD_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/mailbox.h"
#include "common/mutex.h"
#include "controller/core/core.h"
#include "controller/core/core_driver.h"
#include "controller/core/messages.h"

namespace cronium::controller {

// The one thread that owns the core, and the mailbox in front of it. Thread-safe.
//
//   gRPC threads --Post--> mailbox --> core thread --changes--> committing thread --answers, sends,
//   events--> gRPC
//
// The core goes on with the next batch while the last one is being committed; nothing is answered
// or sent before its commit.
class CoreThread {
 public:
  using AnswerCallback = std::function<void(absl::StatusOr<v1::Job>)>;

  // Everything is borrowed and must outlive Stop.
  CoreThread(Core* core, const Clock* clock, CommitFunction commit, CoreEffects* effects);
  ~CoreThread();

  // `loaded`: what Core::Load put out.
  void Start(Output loaded);

  // Hands an input over; waits while the mailbox is full. done, where given, is called on the
  // committing thread with the core's answer; with UNAVAILABLE once the core has stopped.
  void Post(InputMessage message, AnswerCallback done = nullptr);
  // The same for threads that the core's progress depends on (the committing thread and the log
  // writer): never waits. Such inputs are bounded by what is under way there.
  void PostUrgent(InputMessage message);

  // Handles what was posted, then ends the thread. Outputs on their way still need the committing
  // thread.
  void Stop();

  // Why the first job of a placement class waits; an empty reason where it is unknown.
  WaitReason WaitReasonOf(const std::string& placement_class) const;
  size_t queued_jobs() const;

  // Nodes as the core sees them now, with what is used of them. NOT_FOUND (NODE_NOT_FOUND).
  absl::StatusOr<v1::Node> FindNode(absl::string_view name) const;
  // By name, those after after_name.
  std::vector<v1::Node> ListNodes(absl::string_view after_name, int limit) const;

 private:
  void Run();
  void Answered(const Answer& answer);
  void Publish();

  Core* const core_;
  const Clock* const clock_;
  CoreDriver driver_;
  Mailbox<Input> mailbox_;
  std::thread thread_;

  mutable Mutex mutex_;
  Ticket next_ticket_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<Ticket, AnswerCallback> waiting_ ABSL_GUARDED_BY(mutex_);
  WaitReasons wait_reasons_ ABSL_GUARDED_BY(mutex_);
  size_t queued_jobs_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::btree_map<std::string, v1::Node> nodes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_CORE_THREAD_H_
