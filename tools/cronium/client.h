// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_CLIENT_H_
#define CRONIUM_TOOLS_CRONIUM_CLIENT_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cronium/v1/audit_service.pb.h"
#include "cronium/v1/credential_service.pb.h"
#include "cronium/v1/job_service.pb.h"
#include "cronium/v1/node_service.pb.h"
#include "cronium/v1/variable_service.pb.h"
#include "tools/cronium/cancellation.h"

namespace cronium::cli {

// The controller's API as the commands use it. Errors are the RPCs' own, details included.
// Thread-safe.
//
// Two implementations are stacked: GrpcClient speaks to the controller, RetryingClient (the
// decorator around it) repeats what is safe to repeat. Streams are not repeated by either: whoever
// reads one knows where to go on (LogFollower, WaitForJobs).
class Client {
 public:
  virtual ~Client() = default;

  virtual absl::StatusOr<v1::CreateJobResponse> CreateJob(const v1::CreateJobRequest& request) = 0;
  virtual absl::StatusOr<v1::GetJobResponse> GetJob(const v1::GetJobRequest& request) = 0;
  virtual absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) = 0;
  virtual absl::StatusOr<v1::CancelJobResponse> CancelJob(const v1::CancelJobRequest& request) = 0;
  virtual absl::StatusOr<v1::GetJobResultResponse> GetJobResult(
      const v1::GetJobResultRequest& request) = 0;
  virtual absl::StatusOr<v1::GetNodeResponse> GetNode(const v1::GetNodeRequest& request) = 0;
  virtual absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request) = 0;
  virtual absl::StatusOr<v1::GetVariableResponse> GetVariable(
      const v1::GetVariableRequest& request) = 0;
  virtual absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest& request) = 0;
  virtual absl::StatusOr<v1::SetVariableResponse> SetVariable(
      const v1::SetVariableRequest& request) = 0;
  virtual absl::StatusOr<v1::DeleteVariableResponse> DeleteVariable(
      const v1::DeleteVariableRequest& request) = 0;
  virtual absl::StatusOr<v1::CreateCredentialResponse> CreateCredential(
      const v1::CreateCredentialRequest& request) = 0;
  virtual absl::StatusOr<v1::GetCredentialResponse> GetCredential(
      const v1::GetCredentialRequest& request) = 0;
  virtual absl::StatusOr<v1::ListCredentialsResponse> ListCredentials(
      const v1::ListCredentialsRequest& request) = 0;
  virtual absl::StatusOr<v1::UpdateCredentialResponse> UpdateCredential(
      const v1::UpdateCredentialRequest& request) = 0;
  virtual absl::StatusOr<v1::DeleteCredentialResponse> DeleteCredential(
      const v1::DeleteCredentialRequest& request) = 0;
  virtual absl::StatusOr<v1::ListAuditRecordsResponse> ListAuditRecords(
      const v1::ListAuditRecordsRequest& request) = 0;

  // Calls on_message for each message, in the calling thread, until the stream's end. An error of
  // on_message ends the stream and is returned. cancellation (may be null) ends it with CANCELLED.
  virtual absl::Status FollowLogs(
      const v1::FollowLogsRequest& request, Cancellation* cancellation,
      absl::FunctionRef<absl::Status(const v1::FollowLogsResponse&)> on_message) = 0;
  virtual absl::Status WatchJobs(
      const v1::WatchJobsRequest& request, Cancellation* cancellation,
      absl::FunctionRef<absl::Status(const v1::WatchJobsResponse&)> on_message) = 0;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_CLIENT_H_
