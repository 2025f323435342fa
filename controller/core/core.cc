// SPDX-License-Identifier: Apache-2.0
#include "controller/core/core.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/end_state.h"
#include "common/error.h"
#include "common/lease.h"
#include "common/proto_time.h"
#include "controller/core/http_spec.h"
#include "controller/core/lifecycle.h"

namespace cronium::controller {
namespace {

// How many ended jobs' request ids stay in memory: several seconds of the highest submission rate,
// where the store is asked milliseconds before.
constexpr size_t kRememberedRequests = 20'000;

std::string RequestKey(const v1::Job& job) {
  return absl::StrCat(job.namespace_(), "/", job.request_id());
}

bool IsSuccess(const v1::Execution& execution) {
  return execution.has_exit_code() && execution.exit_code() == 0;
}

// When a loss of contact becomes the loss of what runs there.
absl::Time LossTime(absl::Time last_contact, const v1::JobSpec& spec) {
  return absl::FromUnixNanos(LeaseEndNs(LeaseSide::kController, absl::ToUnixNanos(last_contact),
                                        ToDuration(spec.lost_after()),
                                        ToDuration(spec.timeouts().stop_grace())));
}

v1::SessionResponse StopMessage(const std::string& execution_id, v1::EndReason reason) {
  v1::SessionResponse message;
  v1::Stop* stop = message.mutable_stops()->add_stops();
  stop->set_execution_id(execution_id);
  stop->set_reason(reason);
  return message;
}

v1::Assignment MakeAssignment(const v1::Execution& execution) {
  v1::Assignment assignment;
  assignment.set_execution_id(execution.id());
  assignment.set_job_id(execution.job_id());
  assignment.set_namespace_(execution.namespace_());
  assignment.set_attempt(execution.attempt());
  *assignment.mutable_assign_time() = execution.assign_time();
  return assignment;
}

}  // namespace

Core::Core(CoreOptions options, IdSource* ids) : options_(options), ids_(ids) {}

// ---- Look-up and bookkeeping

Core::LiveJob* Core::FindJob(absl::string_view id) {
  const auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : it->second.get();
}

Core::LiveExecution* Core::FindExecution(absl::string_view id) {
  const auto it = executions_.find(id);
  return it == executions_.end() ? nullptr : it->second.get();
}

NodeEntry* Core::FindSession(const std::string& node, uint64_t connection) {
  NodeEntry* entry = nodes_.Find(node);
  return entry != nullptr && entry->connection == connection ? entry : nullptr;
}

void Core::Changed(LiveJob* live, Output* out) {
  live->job.set_etag(absl::StrCat(++live->version));
  out->changes.push_back(UpdateJob{live->job});
  out->jobs.push_back(live->job);
}

void Core::Changed(const LiveExecution& live, Output* out) {
  out->changes.push_back(PutExecution{live.execution});
}

void Core::NodeChanged(const NodeEntry& node, Output* out) {
  out->changes.push_back(PutNode{node.node});
}

void Core::RememberRequest(const v1::Job& job) {
  if (!job.request_id().empty()) requests_[RequestKey(job)] = job;
}

void Core::ForgetRequest(const std::string& key, absl::string_view job_id) {
  const auto it = requests_.find(key);
  if (it != requests_.end() && it->second.id() == job_id) requests_.erase(it);
}

std::vector<v1::Node> Core::TakeChangedNodes() {
  std::vector<v1::Node> changed;
  for (const std::string& name : nodes_.TakeTouched()) {
    changed.push_back(nodes_.entries().find(name)->second.node);
  }
  return changed;
}

// ---- Start

void Core::Load(LiveState state, const absl::flat_hash_map<std::string, uint64_t>& durable_seq,
                absl::Time now, Output* out) {
  for (v1::Node& node : state.nodes) {
    NodeEntry* entry = nodes_.Insert(node.name());
    entry->node = std::move(node);
    entry->node.clear_used();
    entry->node.set_executions(0);
    entry->last_contact = now;
    if (NodeTable::UpdateState(entry)) NodeChanged(*entry, out);
  }
  for (v1::Job& job : state.jobs) {
    auto live = std::make_unique<LiveJob>();
    live->spec = std::make_shared<v1::JobSpec>(std::move(*job.mutable_spec()));
    job.clear_spec();
    live->spec_bytes = static_cast<int64_t>(live->spec->ByteSizeLong());
    live_spec_bytes_ += live->spec_bytes;
    live->placement_class = PlacementClass(*live->spec);
    live->order = next_order_++;
    live->version = std::strtoull(job.etag().c_str(), nullptr, 10);
    live->job = std::move(job);
    RememberRequest(live->job);
    if (live->job.state() == v1::JOB_STATE_QUEUED) Enqueue(live.get(), now);
    const std::string id = live->job.id();
    jobs_.emplace(id, std::move(live));
  }
  for (v1::Execution& execution : state.executions) {
    LiveJob* job = FindJob(execution.job_id());
    if (job == nullptr || job->job.execution_id() != execution.id()) continue;
    auto live = std::make_unique<LiveExecution>();
    const auto durable = durable_seq.find(execution.id());
    live->durable_seq = durable == durable_seq.end() ? 0 : durable->second;
    live->execution = std::move(execution);
    if (job->spec->has_http()) {
      LoadHttp(executions_.emplace(live->execution.id(), std::move(live)).first->second.get(), now,
               out);
      continue;
    }
    NodeEntry* node = nodes_.Insert(live->execution.node());
    if (live->execution.state() < v1::EXECUTION_STATE_FINALIZING) {
      NodeTable::Reserve(*job->spec, live->execution.id(), node);
    } else {
      node->finalizing.insert(live->execution.id());
    }
    out->executions.push_back({live->execution, job->spec});
    LiveExecution* added = live.get();
    executions_.emplace(added->execution.id(), std::move(live));
    FinishIfWhole(added, now, out);
  }
  for (const auto& [name, entry] : nodes_.entries()) ArmLossTimers(entry, now);
  // HTTP jobs wait for nobody to come.
  Advance(now, out);
}

// ---- Inputs

void Core::Apply(Input input, absl::Time now, Output* out) {
  std::visit([&](auto&& message) { Handle(std::move(message), input.ticket, now, out); },
             std::move(input.message));
}

void Core::Handle(SubmitJob&& input, Ticket ticket, absl::Time now, Output* out) {
  v1::Job& job = input.job;
  if (!job.request_id().empty()) {
    if (const auto it = requests_.find(RequestKey(job)); it != requests_.end()) {
      out->answers.push_back({ticket, it->second});
      return;
    }
  }
  const int64_t bytes = static_cast<int64_t>(job.spec().ByteSizeLong());
  if (static_cast<int64_t>(jobs_.size()) >= options_.max_live_jobs ||
      live_spec_bytes_ + bytes > options_.max_live_spec_bytes) {
    out->answers.push_back(
        {ticket, MakeRetryableError(
                     absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
                     absl::StrCat("the controller holds ", jobs_.size(), " live jobs with ",
                                  live_spec_bytes_, " bytes of specs; its limits are ",
                                  options_.max_live_jobs, " and ", options_.max_live_spec_bytes,
                                  ". Try again when some have ended"),
                     absl::Seconds(1))});
    return;
  }
  const std::string& pinned = job.spec().placement().node();
  if (!pinned.empty() && nodes_.Find(pinned) == nullptr) {
    Violations violations;
    violations.Add("spec.placement.node",
                   absl::StrCat("no node named \"", pinned, "\" has joined the cluster"));
    out->answers.push_back({ticket, violations.ToStatus()});
    return;
  }
  job.set_state(v1::JOB_STATE_QUEUED);
  SetTime(now, job.mutable_create_time());
  job.set_etag("1");
  auto live = std::make_unique<LiveJob>();
  live->version = 1;
  live->order = next_order_++;
  live->spec_bytes = bytes;
  live_spec_bytes_ += bytes;
  out->changes.push_back(InsertJob{job});
  out->answers.push_back({ticket, job});
  live->spec = std::make_shared<v1::JobSpec>(std::move(*job.mutable_spec()));
  job.clear_spec();
  live->placement_class = PlacementClass(*live->spec);
  live->job = std::move(job);
  RememberRequest(live->job);
  out->jobs.push_back(live->job);
  Enqueue(live.get(), now);
  const std::string id = live->job.id();
  jobs_.emplace(id, std::move(live));
}

void Core::Enqueue(LiveJob* live, absl::Time now) {
  queue_.Push(live->placement_class, live->spec->priority(), live->order, live->job.id());
  if (live->spec->timeouts().has_queue()) {
    // Counted from the creation, over all attempts.
    timers_.Set(
        std::max(now, ToTime(live->job.create_time()) + ToDuration(live->spec->timeouts().queue())),
        live->job.id());
  }
  placement_due_ = true;
}

void Core::Handle(CancelJob&& input, Ticket ticket, absl::Time now, Output* out) {
  LiveJob* live = FindJob(input.job_id);
  if (live == nullptr) {
    out->answers.push_back({ticket, MakeError(absl::StatusCode::kNotFound, "JOB_NOT_LIVE",
                                              absl::StrCat("job ", input.job_id, " is not live"))});
    return;
  }
  const std::string message =
      input.reason.empty() ? "cancelled" : absl::StrCat("cancelled: ", input.reason);
  if (live->job.state() == v1::JOB_STATE_QUEUED) {
    live->job.set_state_message(message);
    EndJob(live, v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, now, out);
    out->answers.push_back({ticket, out->jobs.back()});
    return;
  }
  LiveExecution* execution = FindExecution(live->job.execution_id());
  // Once the script has ended by itself there is nothing left to stop, and its own end stands.
  if (execution != nullptr && execution->execution.state() < v1::EXECUTION_STATE_FINALIZING &&
      !live->job.cancel_requested()) {
    live->job.set_cancel_requested(true);
    live->job.set_state_message(message);
    Changed(live, out);
    if (live->spec->has_http()) {
      GiveUpHttp(*execution, v1::END_REASON_CANCELLED, message, out);
      out->answers.push_back({ticket, live->job});
      return;
    }
    const NodeEntry* node = nodes_.Find(execution->execution.node());
    if (node != nullptr && node->connection != 0) {
      out->sends.push_back(
          {node->connection, StopMessage(execution->execution.id(), v1::END_REASON_CANCELLED)});
    }
  }
  out->answers.push_back({ticket, live->job});
}

void Core::Handle(OpenSession&& input, Ticket, absl::Time now, Output* out) {
  NodeEntry* entry = nodes_.Insert(input.node);
  if (entry->connection != 0) {
    out->ended_sessions.push_back(
        {entry->connection,
         MakeError(absl::StatusCode::kAborted, "SESSION_SUPERSEDED",
                   absl::StrCat("a newer session of node ", input.node, " began from ",
                                input.address, "; check that only one agent has its certificate"),
                   {{"node", input.node}})});
  }
  const bool rebooted = !entry->node.facts().boot_id().empty() &&
                        entry->node.facts().boot_id() != input.hello.facts().boot_id();
  entry->connection = input.connection;
  entry->last_contact = now;
  v1::Node& node = entry->node;
  if (!node.has_create_time()) SetTime(now, node.mutable_create_time());
  *node.mutable_facts() = std::move(*input.hello.mutable_facts());
  node.mutable_facts()->set_address(input.address);
  *node.mutable_capacity() = input.hello.capacity();
  *node.mutable_labels() = input.hello.labels();
  *node.mutable_conditions() = input.hello.conditions();
  node.set_session_epoch(node.session_epoch() + 1);
  SetTime(now, node.mutable_last_contact_time());
  NodeTable::UpdateState(entry);

  absl::flat_hash_map<std::string, v1::ExecutionState> held;
  for (const v1::HeldExecution& execution : input.hello.held()) {
    held[execution.execution_id()] = execution.state();
  }
  Send welcome{input.connection, {}, {}};
  v1::Welcome* message = welcome.message.mutable_welcome();
  message->set_session_epoch(node.session_epoch());
  SetDuration(options_.heartbeat_period, message->mutable_heartbeat_period());
  // By id, so that one set of inputs always gives one output.
  std::vector<std::string> ids(entry->executions.begin(), entry->executions.end());
  std::sort(ids.begin(), ids.end());
  for (const std::string& id : ids) {
    LiveExecution* live = FindExecution(id);
    if (live == nullptr || live->execution.state() >= v1::EXECUTION_STATE_FINALIZING) continue;
    const auto it = held.find(id);
    const bool began = live->execution.state() > v1::EXECUTION_STATE_ASSIGNED;
    if (it == held.end() && began) {
      // It had reported on it, and its journal, which it writes before it begins, does not have it
      // any more.
      LoseExecution(
          live, v1::END_REASON_NODE_LOST,
          absl::StrCat("node ", input.node, rebooted ? " was rebooted" : " came back without it"),
          now, out);
      continue;
    }
    const LiveJob* job = FindJob(live->execution.job_id());
    *message->add_assignments() = MakeAssignment(live->execution);
    welcome.specs.push_back(job->spec);
    if (job->job.cancel_requested()) {
      v1::Stop* stop = message->add_stops();
      stop->set_execution_id(id);
      stop->set_reason(v1::END_REASON_CANCELLED);
    }
  }
  for (const v1::HeldExecution& execution : input.hello.held()) {
    const LiveExecution* live = FindExecution(execution.execution_id());
    if (live == nullptr || live->execution.node() != input.node) {
      message->add_forget(execution.execution_id());
    }
  }
  NodeChanged(*entry, out);
  out->sends.push_back(std::move(welcome));
  placement_due_ = true;
}

void Core::Handle(CloseSession&& input, Ticket, absl::Time now, Output* out) {
  NodeEntry* entry = FindSession(input.node, input.connection);
  if (entry == nullptr) return;
  entry->connection = 0;
  SetTime(entry->last_contact, entry->node.mutable_last_contact_time());
  NodeTable::UpdateState(entry);
  NodeChanged(*entry, out);
  ArmLossTimers(*entry, now);
  placement_due_ = true;
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

void Core::Handle(NodeReports&& input, Ticket, absl::Time now, Output* out) {
  NodeEntry* entry = FindSession(input.node, input.connection);
  if (entry == nullptr) return;
  entry->last_contact = now;
  uint64_t highest = 0;
  for (const v1::ExecutionReport& report : input.reports.reports()) {
    highest = std::max(highest, report.report_seq());
    HandleReport(input.node, report, now, out);
  }
  v1::SessionResponse ack;
  ack.mutable_report_ack()->set_report_seq(highest);
  out->sends.push_back({input.connection, std::move(ack), {}});
}

void Core::HandleReport(const std::string& node, const v1::ExecutionReport& report, absl::Time now,
                        Output* out) {
  LiveExecution* live = FindExecution(report.execution_id());
  // Ended long ago, another node's, or repeated: the ack alone is the answer.
  if (live == nullptr || live->execution.node() != node ||
      live->execution.state() >= v1::EXECUTION_STATE_FINALIZING ||
      report.state() <= live->execution.state()) {
    return;
  }
  v1::Execution& execution = live->execution;
  LiveJob* job = FindJob(execution.job_id());
  if (report.state() == v1::EXECUTION_STATE_RUNNING) {
    *execution.mutable_start_time() = report.time();
    *job->job.mutable_start_time() = report.time();
  }
  if (!IsEnded(report.state())) {
    // FINALIZING follows from the end report alone.
    if (report.state() >= v1::EXECUTION_STATE_FINALIZING) return;
    execution.set_state(report.state());
    Changed(*live, out);
    if (report.state() == v1::EXECUTION_STATE_RUNNING) {
      Changed(job, out);
      out->executions.push_back({execution, job->spec});
    }
    return;
  }
  const v1::ExecutionEnd& end = report.end();
  execution.set_state(v1::EXECUTION_STATE_FINALIZING);
  execution.set_end_reason(end.reason());
  if (end.has_exit_code()) execution.set_exit_code(end.exit_code());
  execution.set_message(end.message());
  execution.set_final_log_seq(end.last_seq());
  execution.mutable_log()->set_uncertain(end.log_uncertain());
  *execution.mutable_end_time() = report.time();
  // Its place on the node is free: what is left to do is to store its log.
  if (NodeEntry* entry = nodes_.Find(node)) {
    NodeTable::Release(*job->spec, execution.id(), entry);
    entry->finalizing.insert(execution.id());
    placement_due_ = true;
  }
  if (live->durable_seq < end.last_seq() && !options_.skip_log_barrier) Changed(*live, out);
  FinishIfWhole(live, now, out);
}

void Core::Handle(LogDurable&& input, Ticket, absl::Time now, Output* out) {
  LiveExecution* live = FindExecution(input.execution_id);
  if (live == nullptr) return;
  live->durable_seq = std::max(live->durable_seq, input.seq);
  FinishIfWhole(live, now, out);
}

void Core::Handle(ScriptCondition&& input, Ticket, absl::Time, Output*) {
  if (LiveExecution* live = FindExecution(input.execution_id)) {
    live->execution.set_condition(input.condition);
  }
}

void Core::Handle(CollectJobs&& input, Ticket ticket, absl::Time, Output* out) {
  for (CollectJobs::Item& item : input.jobs) {
    if (FindJob(item.job_id) != nullptr) continue;
    if (!item.request_id.empty()) {
      ForgetRequest(absl::StrCat(item.name_space, "/", item.request_id), item.job_id);
    }
    out->changes.push_back(DeleteEndedJob{std::move(item.job_id)});
  }
  out->answers.push_back({ticket, v1::Job()});
}

void Core::Handle(HoldPlacement&& input, Ticket, absl::Time, Output*) {
  hold_ = {std::move(input.reason), std::move(input.message)};
  placement_due_ = true;
}

// ---- Placement

void Core::Advance(absl::Time now, Output* out) {
  while (const std::optional<TimerEvent> id = timers_.Pop(now)) OnTimer(*id, now, out);
  if (placement_due_) PlaceJobs(now, out);
}

void Core::PlaceJobs(absl::Time now, Output* out) {
  placement_due_ = false;
  wait_reasons_.clear();
  // One message per session, however many jobs a round starts.
  const size_t first_send = out->sends.size();
  queue_.Round([&](const std::string& placement_class, const std::string& job_id) {
    if (!hold_.reason.empty()) {
      wait_reasons_[placement_class] = hold_;
      return false;
    }
    LiveJob* live = FindJob(job_id);
    return live->spec->has_http() ? PlaceHttp(live, now, out) : PlaceOnNode(live, now, out);
  });
  std::vector<Send> merged;
  absl::flat_hash_map<uint64_t, size_t> by_connection;
  for (size_t i = first_send; i < out->sends.size(); ++i) {
    Send& send = out->sends[i];
    const auto [it, inserted] = by_connection.emplace(send.connection, merged.size());
    if (inserted) {
      merged.push_back(std::move(send));
      continue;
    }
    Send& into = merged[it->second];
    into.message.mutable_assignments()->MergeFrom(send.message.assignments());
    into.specs.insert(into.specs.end(), send.specs.begin(), send.specs.end());
  }
  out->sends.resize(first_send);
  std::move(merged.begin(), merged.end(), std::back_inserter(out->sends));
}

bool Core::PlaceOnNode(LiveJob* live, absl::Time now, Output* out) {
  PlacementResult result = Place(*live->spec, nodes_);
  if (result.node == nullptr) {
    wait_reasons_[live->placement_class] = std::move(result.wait);
    return false;
  }
  StartExecution(live, nodes_.Find(result.node->node.name()), now, out);
  return true;
}

std::unique_ptr<Core::LiveExecution> Core::MakeExecution(LiveJob* live, absl::Time now) {
  queue_.Remove(live->placement_class, live->spec->priority(), live->order);
  auto made = std::make_unique<LiveExecution>();
  v1::Execution& execution = made->execution;
  execution.set_id(ids_->NewId(kExecutionIdPrefix));
  execution.set_job_id(live->job.id());
  execution.set_namespace_(live->job.namespace_());
  execution.set_attempt(live->job.attempt() + 1);
  execution.set_state(v1::EXECUTION_STATE_ASSIGNED);
  SetTime(now, execution.mutable_assign_time());

  live->job.set_state(v1::JOB_STATE_RUNNING);
  live->job.clear_state_reason();
  live->job.clear_state_message();
  live->job.set_execution_id(execution.id());
  live->job.set_attempt(execution.attempt());
  return made;
}

void Core::StartExecution(LiveJob* live, NodeEntry* node, absl::Time now, Output* out) {
  std::unique_ptr<LiveExecution> added = MakeExecution(live, now);
  v1::Execution& execution = added->execution;
  execution.set_node(node->node.name());
  live->job.set_node(execution.node());
  NodeTable::Reserve(*live->spec, execution.id(), node);
  Changed(live, out);
  Changed(*added, out);
  out->executions.push_back({execution, live->spec});

  Send send{node->connection, {}, {live->spec}};
  *send.message.mutable_assignments()->add_assignments() = MakeAssignment(execution);
  out->sends.push_back(std::move(send));
  executions_.emplace(execution.id(), std::move(added));
}

// ---- Ends

void Core::FinishIfWhole(LiveExecution* live, absl::Time now, Output* out) {
  const v1::Execution& execution = live->execution;
  if (execution.state() != v1::EXECUTION_STATE_FINALIZING) return;
  if (live->durable_seq < execution.final_log_seq() && !options_.skip_log_barrier) return;
  EndExecution(live, now, out);
}

void Core::EndExecution(LiveExecution* live, absl::Time now, Output* out) {
  v1::Execution& execution = live->execution;
  execution.set_state(EndStateOf(execution.end_reason(), IsSuccess(execution)));
  execution.mutable_log()->set_last_seq(live->durable_seq);
  if (!execution.has_end_time()) SetTime(now, execution.mutable_end_time());
  LiveJob* job = FindJob(execution.job_id());
  if (job->spec->has_http()) {
    --running_http_;
    placement_due_ = true;
  } else if (NodeEntry* node = nodes_.Find(execution.node())) {
    NodeTable::Release(*job->spec, execution.id(), node);
    node->finalizing.erase(execution.id());
    placement_due_ = true;
  }
  Changed(*live, out);
  out->executions.push_back({execution, job->spec});
  const std::unique_ptr<LiveExecution> ended =
      std::move(executions_.extract(execution.id()).mapped());

  const bool lost = execution.state() == v1::EXECUTION_STATE_LOST;
  const bool may_repeat = !job->spec->has_http() || IsRepeatable(job->spec->http());
  if (lost && may_repeat && !job->job.cancel_requested() &&
      execution.attempt() < job->spec->max_attempts()) {
    job->job.set_state(v1::JOB_STATE_QUEUED);
    job->job.set_state_reason("RETRY_AFTER_LOSS");
    job->job.set_state_message(absl::StrCat("attempt ", execution.attempt(), " of ",
                                            job->spec->max_attempts(),
                                            " was lost: ", execution.message()));
    job->job.clear_start_time();
    Changed(job, out);
    Enqueue(job, now);
    return;
  }
  if (execution.has_exit_code()) job->job.set_exit_code(execution.exit_code());
  if (!(job->job.cancel_requested() && execution.end_reason() == v1::END_REASON_CANCELLED)) {
    job->job.set_state_message(execution.message());
  }
  if (lost && job->job.cancel_requested()) {
    EndJob(job, v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, now, out);
  } else {
    EndJob(job, JobStateOf(execution.state()), execution.end_reason(), now, out);
  }
}

void Core::EndJob(LiveJob* live, v1::JobState state, v1::EndReason reason, absl::Time now,
                  Output* out) {
  if (live->job.state() == v1::JOB_STATE_QUEUED) {
    queue_.Remove(live->placement_class, live->spec->priority(), live->order);
  }
  live->job.set_state(state);
  live->job.set_end_reason(reason);
  live->job.set_state_reason(ShortName(reason));
  SetTime(now, live->job.mutable_end_time());
  Changed(live, out);
  live_spec_bytes_ -= live->spec_bytes;
  if (!live->job.request_id().empty()) {
    RememberRequest(live->job);
    ended_requests_.push_back({RequestKey(live->job), live->job.id()});
    if (ended_requests_.size() > kRememberedRequests) {
      ForgetRequest(ended_requests_.front().key, ended_requests_.front().job_id);
      ended_requests_.pop_front();
    }
  }
  const std::string id = live->job.id();
  jobs_.erase(id);
}

void Core::LoseExecution(LiveExecution* live, v1::EndReason reason, const std::string& message,
                         absl::Time now, Output* out) {
  live->execution.set_end_reason(reason);
  live->execution.set_message(message);
  live->execution.mutable_log()->set_uncertain(true);
  EndExecution(live, now, out);
}

// ---- Time

void Core::ArmLossTimers(const NodeEntry& node, absl::Time now) {
  if (node.connection != 0) return;
  std::vector<std::string> ids(node.executions.begin(), node.executions.end());
  ids.insert(ids.end(), node.finalizing.begin(), node.finalizing.end());
  for (const std::string& id : ids) {
    const LiveJob* job = FindJob(FindExecution(id)->execution.job_id());
    timers_.Set(std::max(now, LossTime(node.last_contact, *job->spec)), id);
  }
}

void Core::OnTimer(const TimerEvent& id, absl::Time now, Output* out) {
  if (LiveJob* job = FindJob(id)) {
    if (job->job.state() != v1::JOB_STATE_QUEUED) return;
    job->job.set_state_message(
        absl::StrCat(job->spec->has_http() ? "its turn did not come within timeouts.queue of "
                                           : "no node took it within timeouts.queue of ",
                     absl::FormatDuration(ToDuration(job->spec->timeouts().queue()))));
    EndJob(job, v1::JOB_STATE_TIMED_OUT, v1::END_REASON_QUEUE_TIMEOUT, now, out);
    return;
  }
  LiveExecution* live = FindExecution(id);
  if (live == nullptr) return;
  if (FindJob(live->execution.job_id())->spec->has_http()) {
    OnHttpTimer(*live, now, out);
    return;
  }
  const NodeEntry* node = nodes_.Find(live->execution.node());
  if (node->connection != 0) return;  // It came back; a next loss of contact arms anew.
  const LiveJob* job = FindJob(live->execution.job_id());
  const absl::Time end = LossTime(node->last_contact, *job->spec);
  if (now < end) {
    timers_.Set(end, id);
    return;
  }
  if (live->execution.state() == v1::EXECUTION_STATE_FINALIZING) {
    // Its end is known; the rest of its log is not to be had.
    live->execution.mutable_log()->set_uncertain(true);
    EndExecution(live, now, out);
    return;
  }
  if (job->spec->on_lost() == v1::LOST_ACTION_KEEP) return;
  LoseExecution(live, v1::END_REASON_NODE_LOST,
                absl::StrCat("node ", live->execution.node(), " was out of contact for ",
                             absl::FormatDuration(ToDuration(job->spec->lost_after()))),
                now, out);
}

}  // namespace cronium::controller
