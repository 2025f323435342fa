// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_UPSTREAM_TIMER_H_
#define CRONIUM_RUNTIME_GATEWAY_UPSTREAM_TIMER_H_

#include <grpcpp/alarm.h>

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace cronium::gateway {

// Calls run(true) on a thread of gRPC after a time, or run(false) soon after Cancel. Destroying the
// timer cancels it too. `run` lives until it has returned, also where the timer is destroyed in it.
std::unique_ptr<grpc::Alarm> StartTimer(absl::Duration after, std::function<void(bool passed)> run);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_UPSTREAM_TIMER_H_
