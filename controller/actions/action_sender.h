// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_ACTION_SENDER_H_
#define CRONIUM_CONTROLLER_ACTIONS_ACTION_SENDER_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/actions/action.h"
#include "controller/outbound/http_client.h"
#include "controller/outbound/transfer_loop.h"

namespace cronium::controller {

// Sends what a plan says, once. Thread-safe.
class ActionSender {
 public:
  using Id = uint64_t;

  virtual ~ActionSender() = default;
  // done runs once, later, on another thread, and must be quick. What a cancelled or broken sending
  // may have done is in the result.
  virtual Id Send(const ActionPlan& plan, absl::Duration timeout,
                  std::function<void(ActionResult)> done) = 0;
  // Calls done(true) after the delay, or done(false) where it was cancelled.
  virtual Id After(absl::Duration delay, std::function<void(bool passed)> done) = 0;
  virtual void Cancel(Id id) = 0;
};

// Over the outbound loop, and so under its address rule.
class LoopSender : public ActionSender {
 public:
  // loop is borrowed.
  explicit LoopSender(TransferLoop* loop) : loop_(loop), http_(loop) {}

  Id Send(const ActionPlan& plan, absl::Duration timeout,
          std::function<void(ActionResult)> done) override;
  Id After(absl::Duration delay, std::function<void(bool passed)> done) override;
  void Cancel(Id id) override { loop_->Cancel(id); }

 private:
  TransferLoop* const loop_;
  HttpClient http_;
};

// What a transfer that got no answer means: whether it may have been seen, and may be sent again.
// safe: see ActionPlan.
ActionResult ResultOfTransferError(const absl::Status& status, bool safe);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_ACTION_SENDER_H_
