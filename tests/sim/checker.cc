// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checker.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/lifecycle.h"

namespace cronium::sim {

using controller::IsEnded;

namespace {

uint64_t VersionOf(const v1::Job& job) {
  uint64_t version = 0;
  return absl::SimpleAtoi(job.etag(), &version) ? version : 0;
}

}  // namespace

void Checker::CheckAlone(const std::string& job) const {
  const auto it = scripts_.find(job);
  if (it == scripts_.end()) return;
  std::vector<std::string> running;
  for (const Script& script : it->second) {
    if (!script.frozen) running.push_back(script.execution);
  }
  if (running.size() > 1) {
    scheduler_->Fail(
        absl::StrCat("two attempts of ", job, " run at once: ", absl::StrJoin(running, ", ")));
  }
}

void Checker::OnScriptStarted(const std::string& job, const std::string& execution) {
  if (!begun_.insert(execution).second) {
    scheduler_->Fail(absl::StrCat("the script of ", execution, " begins again"));
  }
  scripts_[job].push_back({execution, false});
  CheckAlone(job);
}

void Checker::OnScriptEnded(const std::string& job, const std::string& execution) {
  std::vector<Script>& scripts = scripts_[job];
  const auto it = std::find_if(scripts.begin(), scripts.end(),
                               [&](const Script& s) { return s.execution == execution; });
  if (it != scripts.end()) scripts.erase(it);
}

void Checker::OnScriptFrozen(const std::string& job, const std::string& execution, bool frozen) {
  for (Script& script : scripts_[job]) {
    if (script.execution == execution) script.frozen = frozen;
  }
  CheckAlone(job);
}

void Checker::OnWritten(const std::string& execution, int stream, absl::string_view bytes) {
  logs_[execution].written.at(static_cast<size_t>(stream)).append(bytes.data(), bytes.size());
}

void Checker::OnLogStored(const std::string& execution, const v1::LogChunk& chunk) {
  Log& log = logs_[execution];
  if (chunk.first_seq() != log.last_seq + 1) {
    scheduler_->Fail(absl::StrCat("the log of ", execution, " goes on at ", chunk.first_seq(),
                                  " after ", log.last_seq));
  }
  log.last_seq = chunk.first_seq() + chunk.entry_count() - 1;
  const size_t stream = chunk.stream() == v1::LOG_STREAM_STDOUT ? 0 : 1;
  const std::string& written = log.written.at(stream);
  size_t& stored = log.stored.at(stream);
  if (written.compare(stored, chunk.data().size(), chunk.data()) != 0) {
    scheduler_->Fail(absl::StrCat("the log of ", execution,
                                  " is no prefix of what was written: ", "stream ", stream,
                                  " byte ", stored, " entry ", chunk.first_seq()));
  }
  stored += chunk.data().size();
}

void Checker::OnCommitted(const controller::Change& change) {
  if (const auto* insert = std::get_if<controller::InsertJob>(&change)) {
    CheckJob(insert->job, true);
  } else if (const auto* update = std::get_if<controller::UpdateJob>(&change)) {
    CheckJob(update->job, false);
  } else if (const auto* put = std::get_if<controller::PutExecution>(&change)) {
    CheckExecution(put->execution);
  } else if (const auto* collect = std::get_if<controller::DeleteEndedJob>(&change)) {
    CheckCollected(collect->job_id);
  }
}

void Checker::CheckJob(const v1::Job& job, bool is_new) {
  if (is_new) {
    if (const auto [it, fresh] = by_request_.emplace(job.request_id(), job.id()); !fresh) {
      scheduler_->Fail(absl::StrCat("request ", job.request_id(), " became two jobs, ", it->second,
                                    " and ", job.id()));
    }
    unended_.insert(job.id());
  } else {
    const auto before = jobs_.find(job.id());
    if (before == jobs_.end()) scheduler_->Fail(absl::StrCat("update of no job: ", job.id()));
    if (before->second.collected_at.has_value()) {
      scheduler_->Fail(absl::StrCat("update of a collected job: ", job.id()));
    }
    const v1::Job& was = before->second.job;
    // Back to the queue only for another attempt.
    const bool again = was.state() == v1::JOB_STATE_RUNNING &&
                       job.state() == v1::JOB_STATE_QUEUED && job.attempt() == was.attempt();
    if ((job.state() < was.state() && !again) || IsEnded(was.state()) ||
        job.attempt() < was.attempt()) {
      scheduler_->Fail(absl::StrCat("job ", job.id(), " went back from ",
                                    v1::JobState_Name(was.state()), " to ",
                                    v1::JobState_Name(job.state())));
    }
  }
  KnownJob& known = jobs_[job.id()];
  const uint64_t version = VersionOf(job);
  if (version <= known.version) {
    scheduler_->Fail(
        absl::StrCat("job ", job.id(), " has version ", version, " after ", known.version));
  }
  known.job = job;
  known.job.clear_spec();
  known.version = version;
  known.states[version] = job.state();
  if (IsEnded(job.state())) {
    unended_.erase(job.id());
    known.ended_at = scheduler_->now();
  }
}

// Retention: only what has ended.
void Checker::CheckCollected(const std::string& job_id) {
  KnownJob& known = jobs_.at(job_id);
  if (!known.ended_at.has_value()) {
    scheduler_->Fail(absl::StrCat("job ", job_id, " is collected and has not ended"));
  }
  known.collected_at = scheduler_->now();
  scheduler_->Trace("retention", job_id, " is collected");
}

uint64_t Checker::CheckShown(const v1::Job& job) const {
  const uint64_t version = VersionOf(job);
  const auto known = jobs_.find(job.id());
  if (known == jobs_.end() || !known->second.states.contains(version) ||
      known->second.states.at(version) != job.state()) {
    scheduler_->Fail(absl::StrCat("a watcher is shown job ", job.id(), " in version ", version,
                                  " as ", v1::JobState_Name(job.state()),
                                  ", which was never committed"));
  }
  return version;
}

std::map<std::string, uint64_t> Checker::Versions(const std::string& job_id) const {
  std::map<std::string, uint64_t> versions;
  for (const auto& [id, known] : jobs_) {
    if (job_id.empty() ? !known.ended_at.has_value() : id == job_id) versions[id] = known.version;
  }
  return versions;
}

std::vector<std::string> Checker::EndedSince(absl::Duration time) const {
  std::vector<std::string> ended;
  for (const auto& [id, known] : jobs_) {
    if (known.ended_at.has_value() && *known.ended_at > time) ended.push_back(id);
  }
  return ended;
}

std::vector<std::string> Checker::CollectedSince(absl::Duration time) const {
  std::vector<std::string> collected;
  for (const auto& [id, known] : jobs_) {
    if (known.collected_at.has_value() && *known.collected_at >= time) collected.push_back(id);
  }
  return collected;
}

void Checker::CheckExecution(const v1::Execution& execution) {
  const auto before = executions_.find(execution.id());
  if (before != executions_.end()) {
    const v1::ExecutionState was = before->second.state();
    if (execution.state() < was || IsEnded(was)) {
      scheduler_->Fail(absl::StrCat("execution ", execution.id(), " went back from ",
                                    v1::ExecutionState_Name(was), " to ",
                                    v1::ExecutionState_Name(execution.state())));
    }
  }
  if (IsEnded(execution.state()) && !execution.log().uncertain()) {
    const Log& log = logs_[execution.id()];
    for (const size_t stream : {size_t{0}, size_t{1}}) {
      if (log.stored.at(stream) == log.written.at(stream).size()) continue;
      scheduler_->Fail(absl::StrCat("execution ", execution.id(), " is seen as ",
                                    v1::ExecutionState_Name(execution.state()), " while ",
                                    log.stored.at(stream), " of ", log.written.at(stream).size(),
                                    " bytes of stream ", stream, " are stored"));
    }
  }
  executions_[execution.id()] = execution;
}

void Checker::OnAnswered(const std::string& request_id, const std::string& job_id) {
  if (!jobs_.contains(job_id)) {
    scheduler_->Fail(absl::StrCat("job ", job_id, " is answered and not durable"));
  }
  const auto [it, fresh] = accepted_.emplace(request_id, job_id);
  if (!fresh && it->second != job_id) {
    scheduler_->Fail(
        absl::StrCat("request ", request_id, " was answered with ", it->second, " and ", job_id));
  }
}

bool Checker::EndedBefore(const std::string& job_id, absl::Duration time) const {
  const std::optional<absl::Duration>& ended_at = jobs_.at(job_id).ended_at;
  return ended_at.has_value() && *ended_at < time;
}

bool Checker::AllEnded() const { return unended_.empty(); }

std::string Checker::Unended() const {
  std::string text;
  for (const std::string& id : unended_) {
    const v1::Job& job = jobs_.at(id).job;
    absl::StrAppend(&text, "\n  ", id, " ", v1::JobState_Name(job.state()), " attempt ",
                    job.attempt(), " on ", job.node(), " ", job.execution_id());
    const auto execution = executions_.find(job.execution_id());
    if (execution == executions_.end()) continue;
    absl::StrAppend(&text, " ", v1::ExecutionState_Name(execution->second.state()), " final seq ",
                    execution->second.final_log_seq());
    const auto log = logs_.find(job.execution_id());
    if (log != logs_.end()) absl::StrAppend(&text, " stored ", log->second.last_seq);
  }
  return text;
}

void Checker::CheckEnd() const {
  for (const auto& [request, job] : accepted_) {
    if (!jobs_.contains(job)) scheduler_->Fail(absl::StrCat("accepted job ", job, " is lost"));
  }
  for (const auto& [job, scripts] : scripts_) {
    if (!scripts.empty()) {
      scheduler_->Fail(
          absl::StrCat("job ", job, " has ended and ", scripts.front().execution, " still runs"));
    }
  }
}

}  // namespace cronium::sim
