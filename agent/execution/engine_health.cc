// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/engine_health.h"

#include <algorithm>
#include <limits>
#include <string>

#include "common/error.h"
#include "common/proto_time.h"

namespace cronium::agent {

EngineHealth::EngineHealth() {
  condition_.set_type("RuntimeReady");
  condition_.set_reason("ENGINE_NOT_ASKED");
  condition_.set_message("the container engine has not answered yet");
}

int64_t EngineHealth::NextPingNs() const {
  return ping_pending_ ? std::numeric_limits<int64_t>::max() : next_ping_ns_;
}

bool EngineHealth::OnPing(const absl::StatusOr<EngineInfo>& answer, int64_t now, absl::Time wall) {
  ping_pending_ = false;
  asked_ = true;
  next_ping_ns_ = now + (answer.ok() ? kPingNs : kRecheckNs);
  v1::NodeCondition next;
  next.set_type(condition_.type());
  next.set_ok(answer.ok());
  if (answer.ok()) {
    engine_ = *answer;
  } else {
    const std::string reason = ErrorReason(answer.status());
    next.set_reason(reason.empty() ? std::string(kEngineError) : reason);
    next.set_message(std::string(answer.status().message()));
  }
  if (next.ok() == condition_.ok() && next.reason() == condition_.reason() &&
      next.message() == condition_.message()) {
    return false;
  }
  SetTime(wall, next.mutable_change_time());
  condition_ = next;
  return true;
}

void EngineHealth::OnCallFailed(const absl::Status& status, int64_t now) {
  const std::string reason = ErrorReason(status);
  if (reason != kEngineUnreachable && reason != kEngineTimeout) return;
  if (condition_.ok()) next_ping_ns_ = std::min(next_ping_ns_, now);
}

}  // namespace cronium::agent
