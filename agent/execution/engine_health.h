// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_ENGINE_HEALTH_H_
#define CRONIUM_AGENT_EXECUTION_ENGINE_HEALTH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/runtime/container_runtime.h"
#include "cronium/v1/node.pb.h"

namespace cronium::agent {

// Whether the engine answers: keeps the node's condition RuntimeReady, and says when to ask again.
// Asked every kPingNs, every kRecheckNs while it is bad, and at once when a call fails for want of
// an answer. Pure; not thread-safe.
class EngineHealth {
 public:
  static constexpr int64_t kPingNs = 10'000'000'000;
  static constexpr int64_t kRecheckNs = 2'000'000'000;

  EngineHealth();

  // When a ping is due; never while one is under way.
  int64_t NextPingNs() const;
  void PingSent() { ping_pending_ = true; }

  // Whether the condition changed. `wall` becomes its change time.
  bool OnPing(const absl::StatusOr<EngineInfo>& answer, int64_t now, absl::Time wall);
  // Any call's failure.
  void OnCallFailed(const absl::Status& status, int64_t now);

  // It has answered, or failed to, at least once.
  bool asked() const { return asked_; }
  const v1::NodeCondition& condition() const { return condition_; }
  // As the engine last said.
  const EngineInfo& engine() const { return engine_; }

 private:
  v1::NodeCondition condition_;
  EngineInfo engine_;
  bool asked_ = false;
  bool ping_pending_ = false;
  int64_t next_ping_ns_ = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_ENGINE_HEALTH_H_
