// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_TOOLS_CRONIUM_SCRIPTED_CLIENT_H_
#define CRONIUM_TESTS_TOOLS_CRONIUM_SCRIPTED_CLIENT_H_

#include <deque>
#include <vector>

#include "tools/cronium/client.h"

namespace cronium::cli {

// Answers each call with what the test queued for it, and counts them. Not thread-safe.
class ScriptedClient : public Client {
 public:
  std::deque<absl::Status> answers;
  int calls = 0;
  // GetJob's, once answers has no error for it.
  v1::GetJobResponse job;
  struct LogStreamAnswer {
    std::vector<v1::FollowLogsResponse> messages;
    absl::Status status;
  };
  std::deque<LogStreamAnswer> streams;
  std::vector<v1::FollowLogsRequest> followed;

  absl::StatusOr<v1::CreateJobResponse> CreateJob(const v1::CreateJobRequest&) override {
    return Next<v1::CreateJobResponse>();
  }
  absl::StatusOr<v1::GetJobResponse> GetJob(const v1::GetJobRequest&) override {
    const absl::StatusOr<v1::GetJobResponse> next = Next<v1::GetJobResponse>();
    if (!next.ok()) return next;
    return job;
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest&) override {
    return Next<v1::ListJobsResponse>();
  }
  absl::StatusOr<v1::CancelJobResponse> CancelJob(const v1::CancelJobRequest&) override {
    return Next<v1::CancelJobResponse>();
  }
  absl::StatusOr<v1::GetJobResultResponse> GetJobResult(const v1::GetJobResultRequest&) override {
    return Next<v1::GetJobResultResponse>();
  }
  absl::StatusOr<v1::GetNodeResponse> GetNode(const v1::GetNodeRequest&) override {
    return Next<v1::GetNodeResponse>();
  }
  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest&) override {
    return Next<v1::ListNodesResponse>();
  }
  absl::StatusOr<v1::GetVariableResponse> GetVariable(const v1::GetVariableRequest&) override {
    return Next<v1::GetVariableResponse>();
  }
  absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest&) override {
    return Next<v1::ListVariablesResponse>();
  }
  absl::StatusOr<v1::SetVariableResponse> SetVariable(const v1::SetVariableRequest&) override {
    return Next<v1::SetVariableResponse>();
  }
  absl::StatusOr<v1::DeleteVariableResponse> DeleteVariable(
      const v1::DeleteVariableRequest&) override {
    return Next<v1::DeleteVariableResponse>();
  }
  absl::StatusOr<v1::CreateCredentialResponse> CreateCredential(
      const v1::CreateCredentialRequest&) override {
    return Next<v1::CreateCredentialResponse>();
  }
  absl::StatusOr<v1::GetCredentialResponse> GetCredential(
      const v1::GetCredentialRequest&) override {
    return Next<v1::GetCredentialResponse>();
  }
  absl::StatusOr<v1::ListCredentialsResponse> ListCredentials(
      const v1::ListCredentialsRequest&) override {
    return Next<v1::ListCredentialsResponse>();
  }
  absl::StatusOr<v1::UpdateCredentialResponse> UpdateCredential(
      const v1::UpdateCredentialRequest&) override {
    return Next<v1::UpdateCredentialResponse>();
  }
  absl::StatusOr<v1::DeleteCredentialResponse> DeleteCredential(
      const v1::DeleteCredentialRequest&) override {
    return Next<v1::DeleteCredentialResponse>();
  }
  absl::StatusOr<v1::ListAuditRecordsResponse> ListAuditRecords(
      const v1::ListAuditRecordsRequest&) override {
    return Next<v1::ListAuditRecordsResponse>();
  }
  absl::Status FollowLogs(
      const v1::FollowLogsRequest& request, Cancellation*,
      absl::FunctionRef<absl::Status(const v1::FollowLogsResponse&)> on_message) override {
    followed.push_back(request);
    if (streams.empty()) return absl::NotFoundError("no further stream");
    const LogStreamAnswer stream = streams.front();
    streams.pop_front();
    for (const v1::FollowLogsResponse& message : stream.messages) {
      if (absl::Status status = on_message(message); !status.ok()) return status;
    }
    return stream.status;
  }
  absl::Status WatchJobs(const v1::WatchJobsRequest&, Cancellation*,
                         absl::FunctionRef<absl::Status(const v1::WatchJobsResponse&)>) override {
    return absl::UnimplementedError("");
  }

 private:
  template <typename Response>
  absl::StatusOr<Response> Next() {
    ++calls;
    if (answers.empty()) return Response();
    const absl::Status status = answers.front();
    answers.pop_front();
    if (status.ok()) return Response();
    return status;
  }
};

}  // namespace cronium::cli

#endif  // CRONIUM_TESTS_TOOLS_CRONIUM_SCRIPTED_CLIENT_H_
