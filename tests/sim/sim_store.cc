// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_store.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/proto_time.h"
#include "controller/core/lifecycle.h"
#include "controller/logs/admission.h"

namespace cronium::sim {

using controller::IsEnded;

absl::StatusOr<std::vector<controller::ChangeResult>> SimStore::Commit(
    absl::Span<const controller::Change> changes) {
  for (const controller::Change& change : changes) {
    checker_->OnCommitted(change);
    if (const auto* insert = std::get_if<controller::InsertJob>(&change)) {
      jobs_[insert->job.id()] = insert->job;
      order_.push_back(insert->job.id());
      requests_[insert->job.request_id()] = insert->job.id();
    } else if (const auto* update = std::get_if<controller::UpdateJob>(&change)) {
      v1::Job& job = jobs_[update->job.id()];
      v1::JobSpec spec = std::move(*job.mutable_spec());
      job = update->job;
      *job.mutable_spec() = std::move(spec);
    } else if (const auto* put = std::get_if<controller::PutExecution>(&change)) {
      if (!executions_.contains(put->execution.id())) {
        execution_order_.push_back(put->execution.id());
      }
      executions_[put->execution.id()] = put->execution;
      if (listener_) listener_(put->execution);
    } else if (const auto* collect = std::get_if<controller::DeleteEndedJob>(&change)) {
      Delete(collect->job_id);
    } else if (const auto* node = std::get_if<controller::PutNode>(&change)) {
      nodes_[node->node.name()] = node->node;
    }
  }
  return std::vector<controller::ChangeResult>(changes.size(), std::string());
}

absl::StatusOr<controller::LiveState> SimStore::LoadLiveState() {
  controller::LiveState live;
  for (const std::string& id : order_) {
    if (!IsEnded(jobs_.at(id).state())) live.jobs.push_back(jobs_.at(id));
  }
  for (const std::string& id : execution_order_) {
    const v1::Execution& execution = executions_.at(id);
    if (!IsEnded(execution.state()) && !IsEnded(jobs_.at(execution.job_id()).state())) {
      live.executions.push_back(execution);
    }
  }
  for (const auto& [name, node] : nodes_) live.nodes.push_back(node);
  return live;
}

void SimStore::Delete(const std::string& job_id) {
  jobs_.erase(job_id);
  std::erase(order_, job_id);
  std::erase_if(requests_, [&](const auto& entry) { return entry.second == job_id; });
  std::erase_if(execution_order_,
                [&](const std::string& id) { return executions_.at(id).job_id() == job_id; });
  std::erase_if(executions_, [&](const auto& entry) { return entry.second.job_id() == job_id; });
}

// Newest first.
absl::StatusOr<controller::Page<v1::Job>> SimStore::ListJobs(const controller::JobQuery& query) {
  std::vector<const v1::Job*> found;
  const auto position = [](const v1::Job& job) {
    const controller::JobPosition p = controller::PositionOf(job);
    return std::make_pair(p.create_time_ns, p.job_id);
  };
  for (const auto& [id, job] : jobs_) {
    if (job.state() != query.state) continue;
    if (query.before.has_value() &&
        position(job) >= std::make_pair(query.before->create_time_ns, query.before->job_id)) {
      continue;
    }
    found.push_back(&job);
  }
  std::sort(found.begin(), found.end(),
            [&](const v1::Job* a, const v1::Job* b) { return position(*a) > position(*b); });
  controller::Page<v1::Job> page;
  page.more = found.size() > static_cast<size_t>(query.limit);
  if (page.more) found.resize(static_cast<size_t>(query.limit));
  for (const v1::Job* job : found) page.items.push_back(*job);
  return page;
}

absl::StatusOr<std::vector<v1::Job>> SimStore::ListJobsEndedSince(absl::string_view,
                                                                  absl::Time since, int limit) {
  std::map<std::pair<absl::Time, std::string>, const v1::Job*> found;
  for (const auto& [id, job] : jobs_) {
    if (!IsEnded(job.state()) || ToTime(job.end_time()) < since) continue;
    found[{ToTime(job.end_time()), id}] = &job;
  }
  std::vector<v1::Job> jobs;
  for (const auto& [key, job] : found) {
    if (static_cast<int>(jobs.size()) == limit) break;
    jobs.push_back(*job);
    jobs.back().clear_spec();
  }
  return jobs;
}

absl::StatusOr<v1::Job> SimStore::GetJob(absl::string_view job_id) {
  const auto it = jobs_.find(std::string(job_id));
  if (it == jobs_.end()) return absl::NotFoundError(job_id);
  return it->second;
}

absl::StatusOr<std::optional<v1::Job>> SimStore::FindJobByRequestId(absl::string_view,
                                                                    absl::string_view request_id) {
  const auto it = requests_.find(std::string(request_id));
  if (it == requests_.end()) return std::optional<v1::Job>();
  return std::optional<v1::Job>(jobs_.at(it->second));
}

absl::StatusOr<std::vector<v1::Execution>> SimStore::ListExecutions(absl::string_view job_id) {
  std::vector<v1::Execution> executions;
  for (const std::string& id : execution_order_) {
    const v1::Execution& execution = executions_.at(id);
    if (execution.job_id() == job_id) executions.push_back(execution);
  }
  return executions;
}

absl::StatusOr<v1::Execution> SimStore::GetExecution(absl::string_view execution_id) {
  const auto it = executions_.find(std::string(execution_id));
  if (it == executions_.end()) return absl::NotFoundError(execution_id);
  return it->second;
}

absl::StatusOr<controller::AppendResult> SimLogs::Append(const std::string& execution_id,
                                                         const std::vector<v1::LogChunk>& chunks) {
  if (absl::Status status = controller::logs::CheckChunks(chunks); !status.ok()) return status;
  Log& log = logs_[execution_id];
  controller::AppendResult result;
  for (const v1::LogChunk& chunk : chunks) result.bytes += chunk.data().size();
  std::vector<controller::logs::Slice> slices;
  result.rewind = !controller::logs::Continue(log.last_seq, chunks, &slices);
  for (const controller::logs::Slice& slice : slices) {
    v1::LogChunk chunk = controller::logs::ToChunk(slice);
    checker_->OnLogStored(execution_id, chunk);
    log.last_seq = slice.last_seq();
    log.chunks.push_back(std::move(chunk));
  }
  result.durable_seq = log.last_seq;
  return result;
}

uint64_t SimLogs::DurableSeq(const std::string& execution_id) const {
  const auto it = logs_.find(execution_id);
  return it == logs_.end() ? 0 : it->second.last_seq;
}

controller::ReadResult SimLogs::Read(const std::string& execution_id, uint64_t after_seq,
                                     int64_t max_bytes) const {
  controller::ReadResult result;
  result.next_after_seq = after_seq;
  const auto it = logs_.find(execution_id);
  if (it == logs_.end()) return result;
  for (const v1::LogChunk& stored : it->second.chunks) {
    if (max_bytes <= 0) break;
    if (stored.first_seq() + stored.entry_count() - 1 <= after_seq) continue;
    v1::LogChunk chunk = stored;
    controller::logs::CutFront(after_seq, &chunk);
    max_bytes -= static_cast<int64_t>(chunk.data().size());
    result.next_after_seq = chunk.first_seq() + chunk.entry_count() - 1;
    result.chunks.push_back(std::move(chunk));
  }
  result.at_end = result.next_after_seq >= it->second.last_seq;
  return result;
}

class SimLogs::Subscription : public controller::LogSubscription {
 public:
  Subscription(SimLogs* logs, std::string id, controller::LogStore::DurableCallback callback)
      : logs_(logs), id_(std::move(id)), callback_(std::move(callback)) {
    logs_->subscribers_[id_].push_back(this);
  }
  ~Subscription() override { std::erase(logs_->subscribers_[id_], this); }
  void Call(uint64_t durable_seq) const { callback_(durable_seq); }

 private:
  SimLogs* const logs_;
  const std::string id_;
  const controller::LogStore::DurableCallback callback_;
};

std::unique_ptr<controller::LogSubscription> SimLogs::Subscribe(
    const std::string& execution_id, controller::LogStore::DurableCallback callback) {
  return std::make_unique<Subscription>(this, execution_id, std::move(callback));
}

void SimLogs::Notify(const std::string& execution_id) {
  const auto it = subscribers_.find(execution_id);
  if (it == subscribers_.end()) return;
  for (const Subscription* subscription : it->second) subscription->Call(DurableSeq(execution_id));
}

void SimDisk::Submit(Job job) {
  waiting_.push_back(std::move(job));
  StartNext();
}

// All that waits goes into one write, as group commit has it.
void SimDisk::StartNext() {
  if (busy_ || waiting_.empty()) return;
  busy_ = true;
  group_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  const absl::Duration latency =
      scheduler_->random()->Between(absl::Microseconds(80), max_latency_);
  scheduler_->After(latency, [this, life = life_] {
    if (life != life_) return;
    const std::vector<Job> group = std::move(group_);
    group_.clear();
    for (const Job& job : group) job.write();
    if (crash_chance_ > 0 && scheduler_->random()->Chance(crash_chance_)) {
      scheduler_->Trace(name_, "dies after a write");
      crash_();
      return;
    }
    busy_ = false;
    for (const Job& job : group) job.done();
    if (life == life_) StartNext();
  });
}

void SimDisk::OnCrash() {
  ++life_;
  if (!group_.empty()) {
    Random* random = scheduler_->random();
    const size_t kept = transactions_ ? group_.size() * random->Below(2)
                                      : static_cast<size_t>(random->Below(group_.size() + 1));
    scheduler_->Trace(name_, "of what was being written, ", kept, " of ", group_.size(),
                      " are kept");
    for (size_t i = 0; i < kept; ++i) group_[i].write();
  }
  group_.clear();
  waiting_.clear();
  busy_ = false;
}

}  // namespace cronium::sim
