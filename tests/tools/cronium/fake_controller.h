// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_TOOLS_CRONIUM_FAKE_CONTROLLER_H_
#define CRONIUM_TESTS_TOOLS_CRONIUM_FAKE_CONTROLLER_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "cronium/v1/node_service.grpc.pb.h"
#include "cronium/v1/variable_service.grpc.pb.h"

namespace cronium::cli {

// A controller for tests of the client: the three services for people over a real gRPC server, with
// jobs that end and write logs when the test says so. Keeps the contract that the client leans on:
// request ids, positions in logs, streams that end with the job. Thread-safe.
class FakeController {
 public:
  // Listens on loopback, in clear text unless credentials are given.
  explicit FakeController(std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);
  ~FakeController();

  std::string address() const;
  // As a process that ends and comes again: every call is cut, the state stays.
  void Stop();
  void Start();

  // ---- What happens to jobs.
  void StartExecution(const std::string& job_id, const std::string& execution_id,
                      const std::string& node = "web-1");
  // Each call makes one chunk.
  void Write(const std::string& job_id, v1::LogStream stream, absl::string_view data);
  void Cut(const std::string& job_id, uint64_t entries, uint64_t bytes);
  void End(const std::string& job_id, v1::JobState state, v1::EndReason reason,
           std::optional<int> exit_code = std::nullopt);
  void SetQueueReason(const std::string& job_id, const std::string& message);
  void PutJob(const v1::Job& job);
  void PutNode(const v1::Node& node);
  void PutVariable(const v1::Variable& variable);

  // ---- What goes wrong.
  // The next call of the method (`CreateJob`) is answered by this, after it took effect where
  // `after` is set.
  void FailNext(const std::string& method, const absl::Status& status, bool after = false);

  // ---- What was asked. Waits for the thing where its name says so.
  std::vector<v1::CreateJobRequest> created() const;
  std::vector<v1::FollowLogsRequest> followed() const;
  std::vector<v1::ListJobsRequest> listed() const;
  std::vector<v1::CancelJobRequest> cancelled() const;
  // Value of the metadata key in the newest call.
  std::string metadata(const std::string& key) const;
  // The id of the n-th job, from 0.
  std::string WaitForJob(size_t n = 0);
  void WaitForFollowers(size_t count);
  void WaitForCancel();

 private:
  struct LogEntry {
    std::string execution_id;
    v1::LogChunk chunk;
  };
  struct JobRecord {
    v1::Job job;
    std::vector<v1::Execution> executions;
    std::vector<LogEntry> log;
    std::map<std::string, uint64_t> next_seq;
  };
  class Jobs;
  class Nodes;
  class Variables;

  // Notes the call; the status that it is to fail with, if the test asked for one at this point.
  grpc::Status Begin(const std::string& method, const grpc::ServerContext& context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status Injected(const std::string& method, bool after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  JobRecord& Record(const std::string& job_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<Jobs> jobs_service_;
  std::unique_ptr<Nodes> nodes_service_;
  std::unique_ptr<Variables> variables_service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t followers_ ABSL_GUARDED_BY(mutex_) = 0;
  // In order of creation.
  std::deque<JobRecord> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Node> nodes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Variable> variables_ ABSL_GUARDED_BY(mutex_);
  struct Failure {
    std::string method;
    absl::Status status;
    bool after = false;
  };
  std::deque<Failure> failures_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CreateJobRequest> created_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::FollowLogsRequest> followed_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ListJobsRequest> listed_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CancelJobRequest> cancelled_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> metadata_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::cli

#endif  // CRONIUM_TESTS_TOOLS_CRONIUM_FAKE_CONTROLLER_H_
