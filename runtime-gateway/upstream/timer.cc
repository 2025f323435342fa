// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/timer.h"

#include <chrono>
#include <utility>

namespace cronium::gateway {

std::unique_ptr<grpc::Alarm> StartTimer(absl::Duration after, std::function<void(bool)> run) {
  auto alarm = std::make_unique<grpc::Alarm>();
  alarm->Set(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(after), std::move(run));
  return alarm;
}

}  // namespace cronium::gateway
