// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/timer.h"

#include <chrono>
#include <utility>

#include "common/tsan.h"

namespace cronium::gateway {
namespace {

char g_hand_over;

}  // namespace

std::unique_ptr<grpc::Alarm> StartTimer(absl::Duration after, std::function<void(bool)> run) {
  auto alarm = std::make_unique<grpc::Alarm>();
  std::function<void(bool)> on_alarm = [run = std::move(run)](bool passed) {
    TsanAcquire(&g_hand_over);
    run(passed);
  };
  TsanRelease(&g_hand_over);
  alarm->Set(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(after),
             std::move(on_alarm));
  return alarm;
}

}  // namespace cronium::gateway
