// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/retrying_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/error.h"
#include "tools/cronium/backoff.h"

namespace cronium::cli {
namespace {

class RetryingClient : public Client {
 public:
  RetryingClient(std::unique_ptr<Client> inner, RetryOptions options)
      : inner_(std::move(inner)), options_(std::move(options)) {}

  absl::StatusOr<v1::CreateJobResponse> CreateJob(const v1::CreateJobRequest& request) override {
    // Without a request_id a second try could make a second job.
    if (request.request_id().empty()) return inner_->CreateJob(request);
    return Repeat([&] { return inner_->CreateJob(request); });
  }
  absl::StatusOr<v1::GetJobResponse> GetJob(const v1::GetJobRequest& request) override {
    return Repeat([&] { return inner_->GetJob(request); });
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) override {
    return Repeat([&] { return inner_->ListJobs(request); });
  }
  absl::StatusOr<v1::CancelJobResponse> CancelJob(const v1::CancelJobRequest& request) override {
    return Repeat([&] { return inner_->CancelJob(request); });
  }
  absl::StatusOr<v1::GetJobResultResponse> GetJobResult(
      const v1::GetJobResultRequest& request) override {
    return Repeat([&] { return inner_->GetJobResult(request); });
  }
  absl::StatusOr<v1::GetNodeResponse> GetNode(const v1::GetNodeRequest& request) override {
    return Repeat([&] { return inner_->GetNode(request); });
  }
  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request) override {
    return Repeat([&] { return inner_->ListNodes(request); });
  }
  absl::StatusOr<v1::GetVariableResponse> GetVariable(
      const v1::GetVariableRequest& request) override {
    return Repeat([&] { return inner_->GetVariable(request); });
  }
  absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest& request) override {
    return Repeat([&] { return inner_->ListVariables(request); });
  }
  absl::StatusOr<v1::SetVariableResponse> SetVariable(
      const v1::SetVariableRequest& request) override {
    // With an etag, a second try after a lost answer would be told that the value changed.
    if (!request.etag().empty()) return inner_->SetVariable(request);
    return Repeat([&] { return inner_->SetVariable(request); });
  }
  absl::StatusOr<v1::DeleteVariableResponse> DeleteVariable(
      const v1::DeleteVariableRequest& request) override {
    return inner_->DeleteVariable(request);
  }
  absl::StatusOr<v1::CreateCredentialResponse> CreateCredential(
      const v1::CreateCredentialRequest& request) override {
    return inner_->CreateCredential(request);
  }
  absl::StatusOr<v1::GetCredentialResponse> GetCredential(
      const v1::GetCredentialRequest& request) override {
    return Repeat([&] { return inner_->GetCredential(request); });
  }
  absl::StatusOr<v1::ListCredentialsResponse> ListCredentials(
      const v1::ListCredentialsRequest& request) override {
    return Repeat([&] { return inner_->ListCredentials(request); });
  }
  absl::StatusOr<v1::UpdateCredentialResponse> UpdateCredential(
      const v1::UpdateCredentialRequest& request) override {
    // As with SetVariable.
    if (!request.etag().empty()) return inner_->UpdateCredential(request);
    return Repeat([&] { return inner_->UpdateCredential(request); });
  }
  absl::StatusOr<v1::DeleteCredentialResponse> DeleteCredential(
      const v1::DeleteCredentialRequest& request) override {
    return inner_->DeleteCredential(request);
  }
  absl::StatusOr<v1::ListAuditRecordsResponse> ListAuditRecords(
      const v1::ListAuditRecordsRequest& request) override {
    return Repeat([&] { return inner_->ListAuditRecords(request); });
  }
  absl::Status FollowLogs(
      const v1::FollowLogsRequest& request, Cancellation* cancellation,
      absl::FunctionRef<absl::Status(const v1::FollowLogsResponse&)> on_message) override {
    return inner_->FollowLogs(request, cancellation, on_message);
  }
  absl::Status WatchJobs(
      const v1::WatchJobsRequest& request, Cancellation* cancellation,
      absl::FunctionRef<absl::Status(const v1::WatchJobsResponse&)> on_message) override {
    return inner_->WatchJobs(request, cancellation, on_message);
  }

 private:
  template <typename Try>
  auto Repeat(Try attempt) -> decltype(attempt()) {
    Backoff backoff(options_.retry_for, options_.clock, RandomSource());
    bool told = false;
    while (true) {
      auto result = attempt();
      if (result.ok()) return result;
      const absl::Duration asked = RetryDelay(result.status());
      if (!IsLostContact(result.status()) && asked == absl::ZeroDuration()) return result;
      const std::optional<absl::Duration> pause = backoff.NextPause();
      if (!pause.has_value()) return result;
      if (!std::exchange(told, true)) options_.on_retry(result.status());
      if (!options_.pause(std::max(*pause, asked))) return result;
    }
  }

  const std::unique_ptr<Client> inner_;
  const RetryOptions options_;
};

}  // namespace

std::unique_ptr<Client> WithRetries(std::unique_ptr<Client> inner, RetryOptions options) {
  return std::make_unique<RetryingClient>(std::move(inner), std::move(options));
}

}  // namespace cronium::cli
