// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_MESSAGES_H_
#define CRONIUM_CONTROLLER_CORE_MESSAGES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/core/store.h"
#include "cronium/v1/agent_service.pb.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/node.pb.h"

// What goes into the core and what comes out of it.
namespace cronium::controller {

// Names the caller that waits for an answer; 0 for none. Chosen by the core's driver.
using Ticket = uint64_t;

// ---- Inputs

// job: id, namespace, spec (valid, defaults filled in), request_id, creator. Answer: the job as
// accepted, or as it was accepted under the same request_id before.
struct SubmitJob {
  v1::Job job;
};
// Answer: the job; NOT_FOUND (JOB_NOT_LIVE) where the core does not hold it, since it ended or
// never was.
struct CancelJob {
  std::string job_id;
  std::string reason;
};
// A new session of a node; `connection` names it from here on. Answer: none; Welcome is sent.
struct OpenSession {
  std::string node;
  uint64_t connection = 0;
  std::string address;
  v1::Hello hello;
};
struct CloseSession {
  std::string node;
  uint64_t connection = 0;
};
struct NodeHeartbeat {
  std::string node;
  uint64_t connection = 0;
  v1::Heartbeat heartbeat;
};
struct NodeReports {
  std::string node;
  uint64_t connection = 0;
  v1::ReportBatch reports;
};
// The log store holds everything of the execution up to seq.
struct LogDurable {
  std::string execution_id;
  uint64_t seq = 0;
};
// The script has set its condition, and it is durable. Comes in the order of the commits. Answer:
// none.
struct ScriptCondition {
  std::string execution_id;
  bool condition = false;
};

// How an HTTP call came out; everything of its log is durable. Exactly one follows each HttpCommand
// that starts one, unless the controller stops first.
struct HttpOutcome {
  std::string execution_id;
  v1::ExecutionEnd end;
  // The answer, where there was one.
  std::string output_json;
};

// Retention gives these up: their rows are deleted, and their request ids are free again. One that
// lives is left alone. Answer: an empty job.
struct CollectJobs {
  struct Item {
    std::string job_id;
    std::string name_space;
    std::string request_id;
  };
  std::vector<Item> jobs;
};
// While there is a reason no job is placed, and jobs that wait show it.
struct HoldPlacement {
  std::string reason;
  std::string message;
};

using InputMessage =
    std::variant<SubmitJob, CancelJob, OpenSession, CloseSession, NodeHeartbeat, NodeReports,
                 LogDurable, ScriptCondition, HttpOutcome, CollectJobs, HoldPlacement>;

struct Input {
  InputMessage message;
  Ticket ticket = 0;
};

// ---- Outputs, all to be carried out after `changes` are durable.

struct Answer {
  Ticket ticket = 0;
  absl::StatusOr<v1::Job> result;
};

// To the session with this connection, if it is still open. Specs travel beside the message, since
// many messages share one: the sender fills in spec and token of each assignment.
struct Send {
  uint64_t connection = 0;
  v1::SessionResponse message;
  std::vector<std::shared_ptr<const v1::JobSpec>> specs;
};

struct EndSession {
  uint64_t connection = 0;
  absl::Status reason;
};

// To who makes HTTP calls: start the execution's, or give it up for a reason (cancel, run timeout).
// Also what is given up has an HttpOutcome, whose reason is this one unless the call was over
// before.
struct HttpCommand {
  v1::Execution execution;
  std::shared_ptr<const v1::JobSpec> spec;
  // UNSPECIFIED: start it.
  v1::EndReason give_up = v1::END_REASON_UNSPECIFIED;
  // Why, for a person.
  std::string message;
};

// An execution that came to life, ended, or began to run: what the runtime API and the log service
// must know of it at once.
struct ExecutionChange {
  v1::Execution execution;
  std::shared_ptr<const v1::JobSpec> spec;
};

struct Output {
  std::vector<Change> changes;
  std::vector<Answer> answers;
  std::vector<ExecutionChange> executions;
  std::vector<Send> sends;
  std::vector<EndSession> ended_sessions;
  std::vector<HttpCommand> http;
  // Jobs in their new state, without spec: for watchers.
  std::vector<v1::Job> jobs;

  bool empty() const {
    return changes.empty() && answers.empty() && executions.empty() && sends.empty() &&
           ended_sessions.empty() && http.empty() && jobs.empty();
  }
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_MESSAGES_H_
