// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/cronium/fake_controller.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/log_entries.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status.h"

namespace cronium::cli {
namespace {

bool Ended(const v1::Job& job) { return job.state() >= v1::JOB_STATE_SUCCEEDED; }

grpc::Status NotFound(const std::string& reason, const std::string& what) {
  return ToGrpcStatus(MakeError(absl::StatusCode::kNotFound, reason, what));
}

grpc::Status CutOff() { return {grpc::StatusCode::UNAVAILABLE, "the controller stops"}; }

// Items [offset, offset + size) of a list, with the token of what follows.
template <typename Item, typename Add>
std::string AddPage(const std::vector<Item>& items, int size, const std::string& token, Add add) {
  size_t begin = token.empty() ? 0 : std::stoul(token);
  const size_t end = std::min(items.size(), begin + static_cast<size_t>(size));
  for (; begin < end; ++begin) add(items[begin]);
  return end < items.size() ? absl::StrCat(end) : "";
}

}  // namespace

class FakeController::Jobs : public v1::JobService::Service {
 public:
  explicit Jobs(FakeController* owner) : owner_(*owner) {}

  grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request,
                         v1::CreateJobResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    owner_.created_.push_back(*request);
    if (auto failed = owner_.Begin("CreateJob", *context); !failed.ok()) return failed;
    for (const JobRecord& record : owner_.jobs_) {
      if (record.job.request_id() == request->request_id()) *response->mutable_job() = record.job;
    }
    if (!response->has_job()) {
      JobRecord record;
      record.job.set_id(absl::StrCat("job_", 100'000'000'000 + owner_.jobs_.size()));
      record.job.set_namespace_(request->namespace_());
      *record.job.mutable_spec() = request->spec();
      record.job.set_state(v1::JOB_STATE_QUEUED);
      record.job.set_request_id(request->request_id());
      *response->mutable_job() = record.job;
      owner_.jobs_.push_back(std::move(record));
      owner_.changed_.NotifyAll();
    }
    return owner_.Injected("CreateJob", /*after=*/true);
  }

  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                      v1::GetJobResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("GetJob", *context); !failed.ok()) return failed;
    for (const JobRecord& record : owner_.jobs_) {
      if (record.job.id() != request->job_id()) continue;
      *response->mutable_job() = record.job;
      for (const v1::Execution& execution : record.executions) {
        if (request->include_executions()) *response->add_executions() = execution;
      }
      return grpc::Status::OK;
    }
    return NotFound("JOB_NOT_FOUND", absl::StrCat("no job ", request->job_id()));
  }

  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    owner_.listed_.push_back(*request);
    if (auto failed = owner_.Begin("ListJobs", *context); !failed.ok()) return failed;
    std::vector<v1::Job> newest_first;
    for (auto it = owner_.jobs_.rbegin(); it != owner_.jobs_.rend(); ++it) {
      newest_first.push_back(it->job);
    }
    response->set_next_page_token(
        AddPage(newest_first, std::min(request->page_size(), 2), request->page_token(),
                [&](const v1::Job& job) { *response->add_jobs() = job; }));
    return grpc::Status::OK;
  }

  grpc::Status CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request,
                         v1::CancelJobResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    owner_.cancelled_.push_back(*request);
    owner_.changed_.NotifyAll();
    if (auto failed = owner_.Begin("CancelJob", *context); !failed.ok()) return failed;
    v1::Job& job = owner_.Record(request->job_id()).job;
    if (job.state() == v1::JOB_STATE_QUEUED) job.set_state(v1::JOB_STATE_CANCELLED);
    if (!Ended(job)) job.set_cancel_requested(true);
    *response->mutable_job() = job;
    return grpc::Status::OK;
  }

  grpc::Status GetJobResult(grpc::ServerContext* context, const v1::GetJobResultRequest* request,
                            v1::GetJobResultResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("GetJobResult", *context); !failed.ok()) return failed;
    const JobRecord& record = owner_.Record(request->job_id());
    if (!Ended(record.job)) {
      return ToGrpcStatus(MakeError(absl::StatusCode::kFailedPrecondition, "JOB_NOT_ENDED",
                                    absl::StrCat(record.job.id(), " has not ended")));
    }
    v1::JobResult& result = *response->mutable_result();
    result.set_job_id(record.job.id());
    result.set_state(record.job.state());
    result.set_end_reason(record.job.end_reason());
    if (record.job.has_exit_code()) result.set_exit_code(record.job.exit_code());
    for (const LogEntry& entry : record.log) result.mutable_text()->append(entry.chunk.data());
    return grpc::Status::OK;
  }

  grpc::Status WatchJobs(grpc::ServerContext* context, const v1::WatchJobsRequest* request,
                         grpc::ServerWriter<v1::WatchJobsResponse>* writer) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("WatchJobs", *context); !failed.ok()) return failed;
    std::map<std::string, std::string> sent;
    while (true) {
      bool all_ended = true;
      for (const std::string& id : request->job_ids()) {
        v1::WatchJobsResponse response;
        *response.mutable_job() = owner_.Record(id).job;
        all_ended = all_ended && Ended(response.job());
        const std::string state = response.SerializeAsString();
        if (std::exchange(sent[id], state) != state) writer->Write(response);
      }
      if (all_ended) return grpc::Status::OK;
      if (!Wait(context)) return CutOff();
    }
  }

  grpc::Status FollowLogs(grpc::ServerContext* context, const v1::FollowLogsRequest* request,
                          grpc::ServerWriter<v1::FollowLogsResponse>* writer) override {
    MutexLock lock(&owner_.mutex_);
    owner_.followed_.push_back(*request);
    if (auto failed = owner_.Begin("FollowLogs", *context); !failed.ok()) return failed;
    ++owner_.followers_;
    owner_.changed_.NotifyAll();
    const grpc::Status status = Follow(context, *request, writer);
    --owner_.followers_;
    return status;
  }

 private:
  // False where the call is to end. gRPC tells of a cancelled call only when asked, hence the time.
  bool Wait(grpc::ServerContext* context) ABSL_EXCLUSIVE_LOCKS_REQUIRED(owner_.mutex_) {
    owner_.changed_.WaitFor(&owner_.mutex_, std::chrono::milliseconds(20));
    return !owner_.stopping_ && !context->IsCancelled();
  }

  grpc::Status Follow(grpc::ServerContext* context, const v1::FollowLogsRequest& request,
                      grpc::ServerWriter<v1::FollowLogsResponse>* writer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(owner_.mutex_) {
    std::string execution_id =
        request.execution_id().empty() ? request.after_execution_id() : request.execution_id();
    uint64_t after_seq = request.after_seq();
    while (true) {
      const JobRecord& record = owner_.Record(request.job_id());
      const bool last = !request.follow() || Ended(record.job);
      if (execution_id.empty()) execution_id = record.job.execution_id();
      for (const LogEntry& entry : record.log) {
        const uint64_t end = LastSeq(entry.chunk);
        if (entry.execution_id != execution_id || end <= after_seq) continue;
        v1::FollowLogsResponse response;
        response.set_execution_id(execution_id);
        *response.add_chunks() = entry.chunk;
        if (!writer->Write(response)) return CutOff();
        after_seq = end;
      }
      if (request.execution_id().empty() && record.job.execution_id() != execution_id) {
        // The attempt after it.
        const auto& all = record.executions;
        const auto at = std::find_if(all.begin(), all.end(),
                                     [&](const auto& e) { return e.id() == execution_id; });
        execution_id = at == all.end() || at + 1 == all.end() ? "" : (at + 1)->id();
        after_seq = 0;
        continue;
      }
      if (last) {
        v1::FollowLogsResponse response;
        response.set_execution_id(execution_id);
        *response.mutable_job() = record.job;
        writer->Write(response);
        return grpc::Status::OK;
      }
      if (!Wait(context)) return CutOff();
    }
  }

  static uint64_t LastSeq(const v1::LogChunk& chunk) {
    return chunk.has_cut() ? chunk.cut().last_seq() : chunk.first_seq() + chunk.entry_count() - 1;
  }

  FakeController& owner_;
};

class FakeController::Nodes : public v1::NodeService::Service {
 public:
  explicit Nodes(FakeController* owner) : owner_(*owner) {}

  grpc::Status GetNode(grpc::ServerContext* context, const v1::GetNodeRequest* request,
                       v1::GetNodeResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("GetNode", *context); !failed.ok()) return failed;
    const auto it = owner_.nodes_.find(request->name());
    if (it == owner_.nodes_.end()) return NotFound("NODE_NOT_FOUND", "no node " + request->name());
    *response->mutable_node() = it->second;
    return grpc::Status::OK;
  }

  grpc::Status ListNodes(grpc::ServerContext* context, const v1::ListNodesRequest* request,
                         v1::ListNodesResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("ListNodes", *context); !failed.ok()) return failed;
    for (const auto& [name, node] : owner_.nodes_) *response->add_nodes() = node;
    return grpc::Status::OK;
  }

 private:
  FakeController& owner_;
};

class FakeController::Variables : public v1::VariableService::Service {
 public:
  explicit Variables(FakeController* owner) : owner_(*owner) {}

  grpc::Status GetVariable(grpc::ServerContext* context, const v1::GetVariableRequest* request,
                           v1::GetVariableResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("GetVariable", *context); !failed.ok()) return failed;
    const auto it = owner_.variables_.find(request->key());
    if (it == owner_.variables_.end()) {
      return NotFound("VARIABLE_NOT_FOUND", "no variable " + request->key());
    }
    *response->mutable_variable() = it->second;
    return grpc::Status::OK;
  }

  grpc::Status ListVariables(grpc::ServerContext* context, const v1::ListVariablesRequest* request,
                             v1::ListVariablesResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("ListVariables", *context); !failed.ok()) return failed;
    std::vector<v1::Variable> all;
    for (const auto& [key, variable] : owner_.variables_) all.push_back(variable);
    response->set_next_page_token(
        AddPage(all, 2, request->page_token(),
                [&](const v1::Variable& variable) { *response->add_variables() = variable; }));
    return grpc::Status::OK;
  }

  grpc::Status SetVariable(grpc::ServerContext* context, const v1::SetVariableRequest* request,
                           v1::SetVariableResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("SetVariable", *context); !failed.ok()) return failed;
    v1::Variable& variable = owner_.variables_[request->key()];
    if (!request->etag().empty() && request->etag() != variable.etag()) {
      return ToGrpcStatus(MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                                    absl::StrCat(request->key(), " has another etag")));
    }
    variable.set_key(request->key());
    variable.set_value_json(request->value_json());
    response->mutable_variable()->set_key(request->key());
    return grpc::Status::OK;
  }

  grpc::Status DeleteVariable(grpc::ServerContext* context,
                              const v1::DeleteVariableRequest* request,
                              v1::DeleteVariableResponse* response) override {
    MutexLock lock(&owner_.mutex_);
    if (auto failed = owner_.Begin("DeleteVariable", *context); !failed.ok()) return failed;
    if (owner_.variables_.erase(request->key()) == 0) {
      return NotFound("VARIABLE_NOT_FOUND", "no variable " + request->key());
    }
    return grpc::Status::OK;
  }

 private:
  FakeController& owner_;
};

FakeController::FakeController(std::shared_ptr<grpc::ServerCredentials> credentials)
    : credentials_(credentials != nullptr ? std::move(credentials) : DevServerCredentials()),
      jobs_service_(std::make_unique<Jobs>(this)),
      nodes_service_(std::make_unique<Nodes>(this)),
      variables_service_(std::make_unique<Variables>(this)) {
  Start();
}

FakeController::~FakeController() { Stop(); }

std::string FakeController::address() const { return absl::StrCat("localhost:", port_); }

void FakeController::Stop() {
  if (server_ == nullptr) return;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeController::Start() {
  {
    MutexLock lock(&mutex_);
    stopping_ = false;
  }
  grpc::ServerBuilder builder;
  ApplyServerArguments(&builder, 4 << 20);
  builder.AddListeningPort(absl::StrCat("localhost:", port_), credentials_, &port_);
  builder.RegisterService(jobs_service_.get());
  builder.RegisterService(nodes_service_.get());
  builder.RegisterService(variables_service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) abort();
}

void FakeController::StartExecution(const std::string& job_id, const std::string& execution_id,
                                    const std::string& node) {
  MutexLock lock(&mutex_);
  JobRecord& record = Record(job_id);
  v1::Execution execution;
  execution.set_id(execution_id);
  execution.set_node(node);
  execution.set_attempt(static_cast<int>(record.executions.size()) + 1);
  execution.set_state(v1::EXECUTION_STATE_RUNNING);
  record.executions.push_back(execution);
  record.job.set_state(v1::JOB_STATE_RUNNING);
  record.job.set_execution_id(execution_id);
  record.job.set_node(node);
  record.job.set_attempt(execution.attempt());
  changed_.NotifyAll();
}

void FakeController::Write(const std::string& job_id, v1::LogStream stream,
                           absl::string_view data) {
  MutexLock lock(&mutex_);
  JobRecord& record = Record(job_id);
  uint64_t& next_seq = record.next_seq.try_emplace(record.job.execution_id(), 1).first->second;
  LogEntry entry;
  entry.execution_id = record.job.execution_id();
  entry.chunk.set_stream(stream);
  entry.chunk.set_first_seq(next_seq);
  entry.chunk.set_entry_count(CountLogEntries(data));
  entry.chunk.set_data(std::string(data));
  entry.chunk.mutable_time()->set_seconds(1'700'000'000);
  entry.chunk.mutable_time()->set_nanos(123'456'789);
  next_seq += entry.chunk.entry_count();
  record.log.push_back(std::move(entry));
  changed_.NotifyAll();
}

void FakeController::Cut(const std::string& job_id, uint64_t entries, uint64_t bytes) {
  MutexLock lock(&mutex_);
  JobRecord& record = Record(job_id);
  uint64_t& next_seq = record.next_seq.try_emplace(record.job.execution_id(), 1).first->second;
  LogEntry entry;
  entry.execution_id = record.job.execution_id();
  entry.chunk.mutable_cut()->set_first_seq(next_seq);
  entry.chunk.mutable_cut()->set_last_seq(next_seq + entries - 1);
  entry.chunk.mutable_cut()->set_bytes(bytes);
  next_seq += entries;
  record.log.push_back(std::move(entry));
  changed_.NotifyAll();
}

void FakeController::End(const std::string& job_id, v1::JobState state, v1::EndReason reason,
                         std::optional<int> exit_code) {
  MutexLock lock(&mutex_);
  v1::Job& job = Record(job_id).job;
  job.set_state(state);
  job.set_end_reason(reason);
  if (exit_code.has_value()) job.set_exit_code(*exit_code);
  changed_.NotifyAll();
}

void FakeController::SetQueueReason(const std::string& job_id, const std::string& message) {
  MutexLock lock(&mutex_);
  Record(job_id).job.set_state_message(message);
  changed_.NotifyAll();
}

void FakeController::PutJob(const v1::Job& job) {
  MutexLock lock(&mutex_);
  jobs_.push_back({.job = job});
}

void FakeController::PutNode(const v1::Node& node) {
  MutexLock lock(&mutex_);
  nodes_[node.name()] = node;
}

void FakeController::PutVariable(const v1::Variable& variable) {
  MutexLock lock(&mutex_);
  variables_[variable.key()] = variable;
}

void FakeController::FailNext(const std::string& method, const absl::Status& status, bool after) {
  MutexLock lock(&mutex_);
  failures_.push_back({method, status, after});
}

std::vector<v1::CreateJobRequest> FakeController::created() const {
  MutexLock lock(&mutex_);
  return created_;
}

std::vector<v1::FollowLogsRequest> FakeController::followed() const {
  MutexLock lock(&mutex_);
  return followed_;
}

std::vector<v1::ListJobsRequest> FakeController::listed() const {
  MutexLock lock(&mutex_);
  return listed_;
}

std::vector<v1::CancelJobRequest> FakeController::cancelled() const {
  MutexLock lock(&mutex_);
  return cancelled_;
}

std::string FakeController::metadata(const std::string& key) const {
  MutexLock lock(&mutex_);
  const auto it = metadata_.find(key);
  return it == metadata_.end() ? "" : it->second;
}

std::string FakeController::WaitForJob(size_t n) {
  MutexLock lock(&mutex_);
  while (jobs_.size() <= n) changed_.Wait(&mutex_);
  return jobs_[n].job.id();
}

void FakeController::WaitForFollowers(size_t count) {
  MutexLock lock(&mutex_);
  while (followers_ < count) changed_.Wait(&mutex_);
}

void FakeController::WaitForCancel() {
  MutexLock lock(&mutex_);
  while (cancelled_.empty()) changed_.Wait(&mutex_);
}

grpc::Status FakeController::Begin(const std::string& method, const grpc::ServerContext& context) {
  metadata_.clear();
  for (const auto& [key, value] : context.client_metadata()) {
    metadata_.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  return Injected(method, /*after=*/false);
}

grpc::Status FakeController::Injected(const std::string& method, bool after) {
  for (auto it = failures_.begin(); it != failures_.end(); ++it) {
    if (it->method != method || it->after != after) continue;
    const grpc::Status status = ToGrpcStatus(it->status);
    failures_.erase(it);
    return status;
  }
  return grpc::Status::OK;
}

FakeController::JobRecord& FakeController::Record(const std::string& job_id) {
  for (JobRecord& record : jobs_) {
    if (record.job.id() == job_id) return record;
  }
  abort();
}

}  // namespace cronium::cli
