// SPDX-License-Identifier: Apache-2.0
// The core's dealings with agents' sessions: who speaks for a node, what its Hello proves, and what
// silence means. The rules are those of docs/protocol.md.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"
#include "controller/core/core.h"
#include "controller/core/node_messages.h"

namespace cronium::controller {
namespace {

template <typename Set>
std::vector<std::string> Sorted(const Set& ids) {
  std::vector<std::string> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

NodeEntry* Core::FindSession(const std::string& node, uint64_t connection) {
  NodeEntry* entry = nodes_.Find(node);
  if (entry == nullptr) return nullptr;
  if (entry->connection == connection) return entry;
  RuleApplied(3);  // docs/protocol.md P3
  return options_.skip_fence ? entry : nullptr;
}

void Core::Handle(OpenSession&& input, Ticket, absl::Time now, Output* out) {
  NodeEntry* entry = nodes_.Insert(input.node);
  if (entry->connection != 0) {
    RuleApplied(2);  // docs/protocol.md P2
    out->ended_sessions.push_back(
        {entry->connection,
         MakeError(absl::StatusCode::kAborted, "SESSION_SUPERSEDED",
                   absl::StrCat("a newer session of node ", input.node, " began from ",
                                input.address, "; check that only one agent has its certificate"),
                   {{"node", input.node}})});
  }
  const absl::Time contact_before =
      entry->node.has_create_time() ? entry->last_contact : absl::Time(now);
  entry->connection = input.connection;
  entry->last_contact = now;
  v1::Node& node = entry->node;
  if (!node.has_create_time()) SetTime(now, node.mutable_create_time());
  *node.mutable_facts() = input.hello.facts();
  node.mutable_facts()->set_address(input.address);
  *node.mutable_capacity() = input.hello.capacity();
  *node.mutable_labels() = input.hello.labels();
  *node.mutable_conditions() = input.hello.conditions();
  node.set_session_epoch(node.session_epoch() + 1);
  SetTime(now, node.mutable_last_contact_time());
  NodeTable::UpdateState(entry);
  NodeChanged(*entry, out);
  Reconcile(entry, contact_before, input.hello, now, out);
  timers_.Set(now + options_.session_silence, absl::StrCat(kSilenceTimer, input.node));
  placement_due_ = true;
}

// What the controller holds for this node against what the agent says it has.
void Core::Reconcile(NodeEntry* entry, absl::Time contact_before, const v1::Hello& hello,
                     absl::Time now, Output* out) {
  absl::flat_hash_set<std::string> held;
  for (const v1::HeldExecution& execution : hello.held()) held.insert(execution.execution_id());
  absl::flat_hash_map<std::string, uint64_t> logs;
  for (const v1::HeldLog& log : hello.logs()) logs[log.execution_id()] = log.last_seq();

  Send welcome{entry->connection, {}, {}};
  v1::Welcome* message = welcome.message.mutable_welcome();
  message->set_session_epoch(entry->node.session_epoch());
  SetDuration(options_.heartbeat_period, message->mutable_heartbeat_period());
  std::vector<Send> assignments;
  // Of executions that the agent hears of only after the Welcome.
  Send stops{entry->connection, {}, {}};
  v1::StopBatch* late_stops = stops.message.mutable_stops();
  // By id, so that one set of inputs always gives one output.
  for (const std::string& id : Sorted(entry->executions)) {
    LiveExecution* live = FindExecution(id);
    if (held.contains(id)) {
      live->orphaned_since.reset();
      message->add_keep(id);
    } else {
      ReconcileMissing(live, entry, contact_before, now, &assignments, out);
    }
    if (!FindJob(live->execution.job_id())->job.cancel_requested()) continue;
    RuleApplied(33);  // docs/protocol.md P33
    v1::Stop* stop = held.contains(id) ? message->add_stops() : late_stops->add_stops();
    stop->set_execution_id(id);
    stop->set_reason(v1::END_REASON_CANCELLED);
  }
  for (const std::string& id : Sorted(entry->finalizing)) {
    LiveExecution* live = FindExecution(id);
    const auto log = logs.find(id);
    ReconcileLog(live, log == logs.end() ? 0 : log->second, entry, contact_before, now, out);
  }
  for (const v1::HeldExecution& execution : hello.held()) {
    const LiveExecution* live = FindExecution(execution.execution_id());
    if (live == nullptr || live->execution.node() != entry->node.name()) {
      RuleApplied(20);  // docs/protocol.md P20
      message->add_forget(execution.execution_id());
    }
  }
  out->sends.push_back(std::move(welcome));
  for (Send& send : MergeAssignments(std::move(assignments), options_.max_message_spec_bytes)) {
    out->sends.push_back(std::move(send));
  }
  if (late_stops->stops_size() > 0) out->sends.push_back(std::move(stops));
}

void Core::ReconcileMissing(LiveExecution* live, NodeEntry* entry, absl::Time contact_before,
                            absl::Time now, std::vector<Send>* assignments, Output* out) {
  v1::Execution& execution = live->execution;
  const v1::NodeFacts& facts = entry->node.facts();
  const bool same_journal = execution.state_id() == facts.state_id();
  const bool same_boot = execution.boot_id() == facts.boot_id();
  const LiveJob* job = FindJob(execution.job_id());
  if (same_journal && execution.state() == v1::EXECUTION_STATE_ASSIGNED) {
    // docs/protocol.md P18: the journal has an execution before it begins, so it did not begin.
    RuleApplied(18);
    execution.set_boot_id(facts.boot_id());
    Changed(*live, out);
    live->orphaned_since.reset();
    assignments->push_back(AssignmentMessage(entry->connection, execution, job->spec));
  } else if (same_boot || same_journal) {
    // docs/protocol.md P17: its container may be there. The agent looks, and its report is the
    // proof. From now on it is this journal's, on this host; and what an earlier journal may have
    // begun is not for this one to begin.
    RuleApplied(17);
    execution.set_boot_id(facts.boot_id());
    execution.set_state_id(facts.state_id());
    execution.set_state(std::max(execution.state(), v1::EXECUTION_STATE_PREPARING));
    Changed(*live, out);
    live->orphaned_since.reset();
    assignments->push_back(AssignmentMessage(entry->connection, execution, job->spec));
    assignments->back().message.mutable_assignments()->mutable_assignments(0)->set_began(true);
  } else {
    // docs/protocol.md P19: another host with this node's certificate, or a new installation of it.
    Orphan(live, contact_before, now);
  }
}

// docs/protocol.md P21: an ended execution waits for its log no longer than there is one.
void Core::ReconcileLog(LiveExecution* live, uint64_t available, NodeEntry* entry,
                        absl::Time contact_before, absl::Time now, Output* out) {
  v1::Execution& execution = live->execution;
  if (available >= execution.final_log_seq()) {
    live->orphaned_since.reset();
    return;
  }
  const v1::NodeFacts& facts = entry->node.facts();
  if (execution.state_id() != facts.state_id() && execution.boot_id() != facts.boot_id()) {
    Orphan(live, contact_before, now);
    return;
  }
  RuleApplied(21);
  live->orphaned_since.reset();
  execution.set_final_log_seq(std::max(available, live->durable_seq));
  execution.mutable_log()->set_uncertain(true);
  Changed(*live, out);
  FinishIfWhole(live, now, out);
}

void Core::Orphan(LiveExecution* live, absl::Time contact_before, absl::Time now) {
  RuleApplied(19);
  if (!live->orphaned_since.has_value()) live->orphaned_since = contact_before;
  const LiveJob* job = FindJob(live->execution.job_id());
  timers_.Set(std::max(now, LossTime(options_.lease_side, *live->orphaned_since, *job->spec)),
              live->execution.id());
}

void Core::Handle(CloseSession&& input, Ticket, absl::Time now, Output* out) {
  if (NodeEntry* entry = FindSession(input.node, input.connection)) {
    CloseNodeSession(entry, now, out);
  }
}

void Core::CloseNodeSession(NodeEntry* entry, absl::Time now, Output* out) {
  entry->connection = 0;
  SetTime(entry->last_contact, entry->node.mutable_last_contact_time());
  NodeTable::UpdateState(entry);
  NodeChanged(*entry, out);
  ArmLossTimers(*entry, now);
  placement_due_ = true;
}

// docs/protocol.md P5: a transport may hold a connection open to an agent that hangs, or across a
// network that carries nothing.
void Core::OnSilenceTimer(const std::string& node, absl::Time now, Output* out) {
  NodeEntry* entry = nodes_.Find(node);
  if (entry == nullptr || entry->connection == 0) return;
  const absl::Time due = entry->last_contact + options_.session_silence;
  if (now < due) {
    timers_.Set(due, absl::StrCat(kSilenceTimer, node));
    return;
  }
  RuleApplied(5);
  out->ended_sessions.push_back(
      {entry->connection,
       MakeError(absl::StatusCode::kAborted, "SESSION_SILENT",
                 absl::StrCat("nothing came from the agent of node ", node, " for ",
                              absl::FormatDuration(options_.session_silence),
                              "; it may open a new session"),
                 {{"node", node}})});
  CloseNodeSession(entry, now, out);
}

// docs/protocol.md P16: contacts are moved with the clock, so that the time since them stays what
// it was.
void Core::OnClockStep(absl::Duration step, absl::Time now) {
  RuleApplied(16);
  std::vector<std::string> names;
  for (const auto& [name, entry] : nodes_.entries()) names.push_back(name);
  for (const std::string& name : names) {
    NodeEntry* entry = nodes_.Find(name);
    entry->last_contact += step;
    ArmLossTimers(*entry, now);
    timers_.Set(std::max(now, entry->last_contact + options_.session_silence),
                absl::StrCat(kSilenceTimer, name));
  }
  for (auto& [id, live] : executions_) {
    if (!live->orphaned_since.has_value()) continue;
    *live->orphaned_since += step;
    const LiveJob* job = FindJob(live->execution.job_id());
    timers_.Set(std::max(now, LossTime(options_.lease_side, *live->orphaned_since, *job->spec)),
                id);
  }
}

void Core::Handle(NodeHeartbeat&& input, Ticket, absl::Time now, Output* out) {
  NodeEntry* entry = FindSession(input.node, input.connection);
  if (entry == nullptr) return;
  entry->last_contact = now;
  SetTime(now, entry->node.mutable_last_contact_time());
  if (input.heartbeat.conditions_size() > 0) {
    bool changed = input.heartbeat.conditions_size() != entry->node.conditions_size();
    for (int i = 0; !changed && i < input.heartbeat.conditions_size(); ++i) {
      const v1::NodeCondition& is = input.heartbeat.conditions(i);
      const v1::NodeCondition& was = entry->node.conditions(i);
      changed = is.type() != was.type() || is.ok() != was.ok() || is.reason() != was.reason() ||
                is.message() != was.message();
    }
    if (changed) {
      *entry->node.mutable_conditions() = input.heartbeat.conditions();
      NodeTable::UpdateState(entry);
      NodeChanged(*entry, out);
      placement_due_ = true;
    }
  }
  v1::SessionResponse ack;
  ack.mutable_heartbeat_ack()->set_send_boottime_ns(input.heartbeat.send_boottime_ns());
  out->sends.push_back({input.connection, std::move(ack), {}});
}

}  // namespace cronium::controller
