// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_NODE_SESSION_H_
#define CRONIUM_AGENT_EXECUTION_NODE_SESSION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/runtime/container_runtime.h"
#include "cronium/v1/agent_service.pb.h"
#include "cronium/v1/node.pb.h"

// The seam between the executions of a node and its session with the controller.
namespace cronium::agent {

// What a Hello says of the executions and the engine.
struct NodeSnapshot {
  std::vector<v1::HeldExecution> held;
  std::vector<v1::HeldLog> logs;
  // Of the journal.
  std::string state_id;
  std::vector<v1::NodeCondition> conditions;
  // As it last said; empty before.
  EngineInfo engine;
};

// What came down the session. Calls of one session come in order, between its OnWelcome and its
// OnSessionClosed; sessions do not overlap. `session` is the transport's own count of them.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;

  // Answers on any thread.
  virtual void Describe(std::function<void(NodeSnapshot)> answer) = 0;
  // `contact_ns` is when the Hello was sent: Welcome is its echo.
  virtual void OnWelcome(uint64_t session, v1::Welcome welcome, int64_t contact_ns) = 0;
  virtual void OnAssignments(v1::AssignmentBatch assignments) = 0;
  virtual void OnStops(v1::StopBatch stops) = 0;
  virtual void OnReportAck(uint64_t report_seq) = 0;
  // The controller echoed a heartbeat sent at this CLOCK_BOOTTIME.
  virtual void OnContact(int64_t contact_ns) = 0;
  virtual void OnSessionClosed(uint64_t session) = 0;
};

// What goes up. Never waits.
class Uplink {
 public:
  virtual ~Uplink() = default;

  // Durable already, in order. Dropped unless `session` is the present one: a new session gets all
  // that are unacknowledged anew.
  virtual void SendReports(uint64_t session, std::vector<v1::ExecutionReport> reports) = 0;
  virtual void SendConditions(std::vector<v1::NodeCondition> conditions) = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_NODE_SESSION_H_
