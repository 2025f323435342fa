// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_CORE_CLUSTER_H_
#define CRONIUM_TESTS_CONTROLLER_CORE_CLUSTER_H_

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/ids.h"
#include "controller/core/core.h"
#include "controller/core/lifecycle.h"
#include "controller/core/spec.h"

namespace cronium::controller {

// A core with the world around it: keeps what its outputs made durable, and speaks for its nodes.
class Cluster {
 public:
  explicit Cluster(CoreOptions options = {}) : core_(options, &ids_) {}

  static v1::JobSpec Spec() {
    v1::JobSpec spec;
    spec.mutable_container()->set_image("cronium/bash");
    spec.mutable_container()->mutable_script()->set_content("true");
    FillSpecDefaults(&spec);
    return spec;
  }

  // The answer to CreateJob.
  absl::StatusOr<v1::Job> TrySubmit(v1::JobSpec spec = Spec(), std::string request_id = "") {
    v1::Job job;
    job.set_id(ids_.NewId(kJobIdPrefix));
    job.set_namespace_("default");
    *job.mutable_spec() = std::move(spec);
    job.set_request_id(std::move(request_id));
    return Ask(SubmitJob{std::move(job)});
  }
  std::string Submit(v1::JobSpec spec = Spec()) {
    absl::StatusOr<v1::Job> job = TrySubmit(std::move(spec));
    EXPECT_TRUE(job.ok()) << job.status();
    return job->id();
  }
  absl::StatusOr<v1::Job> Cancel(const std::string& job_id) {
    return Ask(CancelJob{job_id, "no longer needed"});
  }

  // A session of the node; `held` as in Hello.
  void Connect(const std::string& node, int slots = 10,
               std::map<std::string, v1::ExecutionState> held = {},
               const std::string& boot_id = "boot-1", const std::string& state_id = "state-1") {
    OpenSession open;
    open.node = node;
    open.connection = ++connection_;
    open.address = "10.0.0.7";
    open.hello.mutable_facts()->set_boot_id(boot_id);
    open.hello.mutable_facts()->set_state_id(state_id);
    open.hello.mutable_capacity()->set_slots(slots);
    open.hello.mutable_capacity()->set_cpu_millis(100'000);
    open.hello.mutable_capacity()->set_memory_bytes(int64_t{1} << 40);
    for (const auto& [id, state] : held) {
      v1::HeldExecution* execution = open.hello.add_held();
      execution->set_execution_id(id);
      execution->set_state(state);
    }
    sessions_[node] = open.connection;
    Tell(std::move(open));
  }
  void Disconnect(const std::string& node) { Tell(CloseSession{node, sessions_[node]}); }

  void Report(const std::string& node, const std::string& execution_id, v1::ExecutionState state,
              v1::ExecutionEnd end = {}) {
    NodeReports reports;
    reports.node = node;
    reports.connection = sessions_[node];
    v1::ExecutionReport* report = reports.reports.add_reports();
    report->set_report_seq(++report_seq_);
    report->set_execution_id(execution_id);
    report->set_state(state);
    report->mutable_time()->set_seconds(absl::ToUnixSeconds(now_));
    if (IsEnded(state)) *report->mutable_end() = std::move(end);
    Tell(std::move(reports));
  }
  static v1::ExecutionEnd Exited(int code, uint64_t last_seq = 0) {
    v1::ExecutionEnd end;
    end.set_reason(v1::END_REASON_EXITED);
    end.set_exit_code(code);
    end.set_last_seq(last_seq);
    return end;
  }
  void Finish(const std::string& node, const std::string& execution_id, int code = 0) {
    Report(node, execution_id,
           code == 0 ? v1::EXECUTION_STATE_SUCCEEDED : v1::EXECUTION_STATE_FAILED, Exited(code));
  }

  void Tell(InputMessage message) { Step(Input{std::move(message), 0}); }

  absl::StatusOr<v1::Job> Ask(InputMessage message) {
    Step(Input{std::move(message), ++ticket_});
    for (const Answer& answer : last_.answers) {
      if (answer.ticket == ticket_) return answer.result;
    }
    return absl::InternalError("no answer");
  }

  void Pass(absl::Duration time) {
    now_ += time;
    Output out;
    core_.Advance(now_, &out);
    Keep(std::move(out));
  }

  // The same with heartbeats.
  void PassInContact(const std::string& node, absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(5)) {
      Pass(absl::Seconds(5));
      Tell(NodeHeartbeat{node, sessions_[node], {}});
    }
  }

  // ---- What is durable now.
  const v1::Job& job(const std::string& id) { return jobs_.at(id); }
  const v1::Execution& execution(const std::string& id) { return executions_.at(id); }
  // The job's newest execution.
  std::string ExecutionOf(const std::string& job_id) { return jobs_.at(job_id).execution_id(); }
  const v1::Node& node(const std::string& name) { return nodes_.at(name); }
  LiveState StoredState() {
    LiveState state;
    for (const auto& [id, job] : jobs_) {
      if (IsEnded(job.state())) continue;
      state.jobs.push_back(job);
      *state.jobs.back().mutable_spec() = specs_.at(id);
    }
    for (const auto& [id, execution] : executions_) {
      if (!IsEnded(execution.state())) state.executions.push_back(execution);
    }
    for (const auto& [name, node] : nodes_) state.nodes.push_back(node);
    return state;
  }

  // Takes over what another cluster's store has, as a controller does that starts.
  void Restore(LiveState state, absl::flat_hash_map<std::string, uint64_t> durable_seq = {}) {
    for (const v1::Job& job : state.jobs) {
      jobs_[job.id()] = job;
      specs_[job.id()] = job.spec();
    }
    for (const v1::Execution& execution : state.executions) {
      executions_[execution.id()] = execution;
    }
    // Ids of the other's are not to come up again.
    for (int i = 0; i < 1000; ++i) ids_.NewId(kJobIdPrefix);
    Output loaded;
    core_.Load(std::move(state), durable_seq, now_, &loaded);
    Keep(std::move(loaded));
  }

  // What the last step put out.
  const Output& last() const { return last_; }
  const Core& core() const { return core_; }
  Core& mutable_core() { return core_; }
  absl::Time now() const { return now_; }
  uint64_t session(const std::string& node) { return sessions_.at(node); }

 private:
  void Step(Input input) {
    Output out;
    core_.Apply(std::move(input), now_, &out);
    core_.Advance(now_, &out);
    Keep(std::move(out));
  }
  void Keep(Output out) {
    for (const Change& change : out.changes) {
      if (const auto* insert = std::get_if<InsertJob>(&change)) {
        jobs_[insert->job.id()] = insert->job;
        specs_[insert->job.id()] = insert->job.spec();
      } else if (const auto* update = std::get_if<UpdateJob>(&change)) {
        jobs_[update->job.id()] = update->job;
      } else if (const auto* put = std::get_if<PutExecution>(&change)) {
        // States only move forward.
        if (executions_.contains(put->execution.id())) {
          EXPECT_GE(put->execution.state(), executions_[put->execution.id()].state());
        }
        executions_[put->execution.id()] = put->execution;
      } else if (const auto* node = std::get_if<PutNode>(&change)) {
        nodes_[node->node.name()] = node->node;
      }
    }
    last_ = std::move(out);
  }

  CountingIdSource ids_;
  Core core_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  uint64_t connection_ = 0;
  uint64_t report_seq_ = 0;
  Ticket ticket_ = 0;
  std::map<std::string, uint64_t> sessions_;
  std::map<std::string, v1::Job> jobs_;
  std::map<std::string, v1::JobSpec> specs_;
  std::map<std::string, v1::Execution> executions_;
  std::map<std::string, v1::Node> nodes_;
  Output last_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_CORE_CLUSTER_H_
