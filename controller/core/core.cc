// SPDX-License-Identifier: Apache-2.0
#include "controller/core/core.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/end_state.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"
#include "controller/core/http_spec.h"
#include "controller/core/lifecycle.h"
#include "controller/core/node_messages.h"

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
    RuleApplied(12);
    out->executions.push_back({live->execution, job->spec});
    LiveExecution* added = live.get();
    executions_.emplace(added->execution.id(), std::move(live));
    FinishIfWhole(added, now, out);
  }
  // docs/protocol.md P12: every node counts as heard of now, so none is given up before its lease,
  // counted from here, has ended.
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
  // Ended long ago, or another node's: the ack alone is the answer.
  if (live == nullptr || live->execution.node() != node) {
    RuleApplied(29);  // docs/protocol.md P29
    return;
  }
  if (live->execution.state() >= v1::EXECUTION_STATE_FINALIZING ||
      report.state() <= live->execution.state()) {
    RuleApplied(8);  // docs/protocol.md P8
    if (!options_.apply_replayed_reports) return;
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
  // Few messages per session, however many jobs a round starts.
  const size_t first_send = out->sends.size();
  queue_.Round([&](const std::string& placement_class, const std::string& job_id) {
    if (!hold_.reason.empty()) {
      wait_reasons_[placement_class] = hold_;
      return false;
    }
    LiveJob* live = FindJob(job_id);
    return live->spec->has_http() ? PlaceHttp(live, now, out) : PlaceOnNode(live, now, out);
  });
  const auto first = out->sends.begin() + static_cast<std::ptrdiff_t>(first_send);
  std::vector<Send> started(std::make_move_iterator(first),
                            std::make_move_iterator(out->sends.end()));
  out->sends.resize(first_send);
  for (Send& send : MergeAssignments(std::move(started), options_.max_message_spec_bytes)) {
    out->sends.push_back(std::move(send));
  }
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
  execution.set_boot_id(node->node.facts().boot_id());
  execution.set_state_id(node->node.facts().state_id());
  live->job.set_node(execution.node());
  NodeTable::Reserve(*live->spec, execution.id(), node);
  Changed(live, out);
  Changed(*added, out);
  out->executions.push_back({execution, live->spec});

  out->sends.push_back(AssignmentMessage(node->connection, execution, live->spec));
  executions_.emplace(execution.id(), std::move(added));
}

// ---- Ends

void Core::FinishIfWhole(LiveExecution* live, absl::Time now, Output* out) {
  const v1::Execution& execution = live->execution;
  if (execution.state() != v1::EXECUTION_STATE_FINALIZING) return;
  if (live->durable_seq < execution.final_log_seq()) {
    RuleApplied(22);  // docs/protocol.md P22
    if (!options_.skip_log_barrier) return;
  }
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
    RuleApplied(37);  // docs/protocol.md P37
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
    timers_.Set(std::max(now, LossTime(options_.lease_side, node.last_contact, *job->spec)), id);
  }
}

void Core::OnTimer(const TimerEvent& id, absl::Time now, Output* out) {
  if (absl::string_view node = id; absl::ConsumePrefix(&node, kSilenceTimer)) {
    OnSilenceTimer(std::string(node), now, out);
    return;
  }
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
  // It came back; a next loss of contact arms anew.
  if (node->connection != 0 && !live->orphaned_since.has_value()) return;
  const LiveJob* job = FindJob(live->execution.job_id());
  const absl::Time end =
      LossTime(options_.lease_side, live->orphaned_since.value_or(node->last_contact), *job->spec);
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
  if (job->spec->on_lost() == v1::LOST_ACTION_KEEP) {
    RuleApplied(15);  // docs/protocol.md P15
    return;
  }
  RuleApplied(11);  // docs/protocol.md P11
  LoseExecution(live, v1::END_REASON_NODE_LOST,
                absl::StrCat("node ", live->execution.node(), " was out of contact for ",
                             absl::FormatDuration(ToDuration(job->spec->lost_after()))),
                now, out);
}

}  // namespace cronium::controller
