// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/grpc_client.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status.h"
#include "cronium/v1/audit_service.grpc.pb.h"
#include "cronium/v1/credential_service.grpc.pb.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "cronium/v1/node_service.grpc.pb.h"
#include "cronium/v1/variable_service.grpc.pb.h"

namespace cronium::cli {
namespace {

// Of one try of a call that is no stream; the controller answers in milliseconds.
constexpr auto kCallDeadline = std::chrono::seconds(20);
// How long one try waits for a connection where the try before found none.
constexpr auto kConnectionWait = std::chrono::seconds(1);
// Within that, how often it is looked whether somebody gave up.
constexpr auto kConnectionWaitSlice = std::chrono::milliseconds(100);

// What the connection's failure means, where gRPC's words leave that to guess; else the status as
// it is.
absl::Status ExplainConnection(const absl::Status& status, const ConnectionOptions& options) {
  if (status.code() != absl::StatusCode::kUnavailable) return status;
  const std::string text(status.message());
  const std::string lower = absl::AsciiStrToLower(text);
  // Neither of these gets better by trying again, hence the other code.
  if (absl::StrContains(lower, "certificate verify failed")) {
    return absl::FailedPreconditionError(absl::StrCat(
        "controller ", options.controller, ": its certificate is not signed by the CA in ",
        options.ca, ": give the cluster's ca.crt with --ca"));
  }
  if (absl::StrContains(lower, "wrong version number")) {
    return absl::FailedPreconditionError(
        absl::StrCat("controller ", options.controller,
                     ": does not speak TLS: use --dev if it runs with --dev on this host"));
  }
  if (absl::StrContains(text, "Connection refused")) {
    return absl::UnavailableError(
        absl::StrCat("controller ", options.controller, ": connection refused"));
  }
  // gRPC's own preface says no more than that it could not connect.
  const size_t last_error = text.rfind("last error: ");
  return absl::UnavailableError(
      absl::StrCat("controller ", options.controller, ": ",
                   last_error == std::string::npos ? text : text.substr(last_error)));
}

class GrpcClient : public Client {
 public:
  GrpcClient(ConnectionOptions options, const std::shared_ptr<grpc::Channel>& channel,
             Cancellation* cancel_all)
      : options_(std::move(options)),
        channel_(channel),
        cancel_all_(cancel_all),
        audit_(v1::AuditService::NewStub(channel)),
        credentials_(v1::CredentialService::NewStub(channel)),
        jobs_(v1::JobService::NewStub(channel)),
        nodes_(v1::NodeService::NewStub(channel)),
        variables_(v1::VariableService::NewStub(channel)) {}

  absl::StatusOr<v1::CreateJobResponse> CreateJob(const v1::CreateJobRequest& request) override {
    return Call<v1::CreateJobResponse>(jobs_.get(), &v1::JobService::Stub::CreateJob, request);
  }
  absl::StatusOr<v1::GetJobResponse> GetJob(const v1::GetJobRequest& request) override {
    return Call<v1::GetJobResponse>(jobs_.get(), &v1::JobService::Stub::GetJob, request);
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) override {
    return Call<v1::ListJobsResponse>(jobs_.get(), &v1::JobService::Stub::ListJobs, request);
  }
  absl::StatusOr<v1::CancelJobResponse> CancelJob(const v1::CancelJobRequest& request) override {
    return Call<v1::CancelJobResponse>(jobs_.get(), &v1::JobService::Stub::CancelJob, request);
  }
  absl::StatusOr<v1::GetJobResultResponse> GetJobResult(
      const v1::GetJobResultRequest& request) override {
    return Call<v1::GetJobResultResponse>(jobs_.get(), &v1::JobService::Stub::GetJobResult,
                                          request);
  }
  absl::StatusOr<v1::GetNodeResponse> GetNode(const v1::GetNodeRequest& request) override {
    return Call<v1::GetNodeResponse>(nodes_.get(), &v1::NodeService::Stub::GetNode, request);
  }
  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request) override {
    return Call<v1::ListNodesResponse>(nodes_.get(), &v1::NodeService::Stub::ListNodes, request);
  }
  absl::StatusOr<v1::GetVariableResponse> GetVariable(
      const v1::GetVariableRequest& request) override {
    return Call<v1::GetVariableResponse>(variables_.get(), &v1::VariableService::Stub::GetVariable,
                                         request);
  }
  absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest& request) override {
    return Call<v1::ListVariablesResponse>(variables_.get(),
                                           &v1::VariableService::Stub::ListVariables, request);
  }
  absl::StatusOr<v1::SetVariableResponse> SetVariable(
      const v1::SetVariableRequest& request) override {
    return Call<v1::SetVariableResponse>(variables_.get(), &v1::VariableService::Stub::SetVariable,
                                         request);
  }
  absl::StatusOr<v1::DeleteVariableResponse> DeleteVariable(
      const v1::DeleteVariableRequest& request) override {
    return Call<v1::DeleteVariableResponse>(variables_.get(),
                                            &v1::VariableService::Stub::DeleteVariable, request);
  }
  absl::StatusOr<v1::CreateCredentialResponse> CreateCredential(
      const v1::CreateCredentialRequest& request) override {
    return Call<v1::CreateCredentialResponse>(
        credentials_.get(), &v1::CredentialService::Stub::CreateCredential, request);
  }
  absl::StatusOr<v1::GetCredentialResponse> GetCredential(
      const v1::GetCredentialRequest& request) override {
    return Call<v1::GetCredentialResponse>(credentials_.get(),
                                           &v1::CredentialService::Stub::GetCredential, request);
  }
  absl::StatusOr<v1::ListCredentialsResponse> ListCredentials(
      const v1::ListCredentialsRequest& request) override {
    return Call<v1::ListCredentialsResponse>(
        credentials_.get(), &v1::CredentialService::Stub::ListCredentials, request);
  }
  absl::StatusOr<v1::UpdateCredentialResponse> UpdateCredential(
      const v1::UpdateCredentialRequest& request) override {
    return Call<v1::UpdateCredentialResponse>(
        credentials_.get(), &v1::CredentialService::Stub::UpdateCredential, request);
  }
  absl::StatusOr<v1::DeleteCredentialResponse> DeleteCredential(
      const v1::DeleteCredentialRequest& request) override {
    return Call<v1::DeleteCredentialResponse>(
        credentials_.get(), &v1::CredentialService::Stub::DeleteCredential, request);
  }
  absl::StatusOr<v1::ListAuditRecordsResponse> ListAuditRecords(
      const v1::ListAuditRecordsRequest& request) override {
    return Call<v1::ListAuditRecordsResponse>(audit_.get(),
                                              &v1::AuditService::Stub::ListAuditRecords, request);
  }

  absl::Status FollowLogs(
      const v1::FollowLogsRequest& request, Cancellation* cancellation,
      absl::FunctionRef<absl::Status(const v1::FollowLogsResponse&)> on_message) override {
    return Stream<v1::FollowLogsResponse>(&v1::JobService::Stub::FollowLogs, request, cancellation,
                                          on_message);
  }
  absl::Status WatchJobs(
      const v1::WatchJobsRequest& request, Cancellation* cancellation,
      absl::FunctionRef<absl::Status(const v1::WatchJobsResponse&)> on_message) override {
    return Stream<v1::WatchJobsResponse>(&v1::JobService::Stub::WatchJobs, request, cancellation,
                                         on_message);
  }

 private:
  void Identify(grpc::ClientContext* context) const {
    if (!options_.token.empty()) {
      context->AddMetadata("authorization", absl::StrCat("Bearer ", options_.token));
    }
  }

  // gRPC makes a connection only while a thread of ours is in it, and a call that begins before the
  // connection stands fails at once. Where a handshake takes its time, tries that fail at once with
  // pauses between would never see one. So after a try that found no connection, the next waits.
  void AwaitConnection(const Cancellation* cancellation) {
    if (!out_of_contact_) return;
    const auto end = std::chrono::system_clock::now() + kConnectionWait;
    const auto given_up = [](const Cancellation* by) { return by != nullptr && by->cancelled(); };
    while (std::chrono::system_clock::now() < end && !given_up(cancel_all_) &&
           !given_up(cancellation)) {
      if (channel_->WaitForConnected(std::chrono::system_clock::now() + kConnectionWaitSlice)) {
        return;
      }
    }
  }
  void KeepContact(const grpc::Status& status) {
    out_of_contact_ = status.error_code() == grpc::StatusCode::UNAVAILABLE;
  }

  template <typename Response, typename Stub, typename Request>
  absl::StatusOr<Response> Call(Stub* stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    AwaitConnection(nullptr);
    grpc::ClientContext context;
    Identify(&context);
    context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    const Cancellation::Scope scope(cancel_all_, [&context] { context.TryCancel(); });
    Response response;
    const grpc::Status status = (stub->*method)(&context, request, &response);
    KeepContact(status);
    if (!status.ok()) return ExplainConnection(FromGrpcStatus(status), options_);
    return response;
  }

  template <typename Response, typename Request>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Response>> (v1::JobService::Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      const Request& request, Cancellation* cancellation,
                      absl::FunctionRef<absl::Status(const Response&)> on_message) {
    AwaitConnection(cancellation);
    grpc::ClientContext context;
    Identify(&context);
    const Cancellation::Scope all(cancel_all_, [&context] { context.TryCancel(); });
    const Cancellation::Scope one(cancellation, [&context] { context.TryCancel(); });
    const std::unique_ptr<grpc::ClientReader<Response>> reader =
        (jobs_.get()->*method)(&context, request);
    absl::Status handled;
    Response message;
    while (handled.ok() && reader->Read(&message)) handled = on_message(message);
    if (!handled.ok()) context.TryCancel();
    const grpc::Status status = reader->Finish();
    KeepContact(status);
    if (!handled.ok()) return handled;
    return ExplainConnection(FromGrpcStatus(status), options_);
  }

  const ConnectionOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  Cancellation* const cancel_all_;
  const std::unique_ptr<v1::AuditService::Stub> audit_;
  const std::unique_ptr<v1::CredentialService::Stub> credentials_;
  // Of the last try.
  std::atomic<bool> out_of_contact_{false};
  const std::unique_ptr<v1::JobService::Stub> jobs_;
  const std::unique_ptr<v1::NodeService::Stub> nodes_;
  const std::unique_ptr<v1::VariableService::Stub> variables_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> ConnectGrpc(const ConnectionOptions& options,
                                                    Cancellation* cancel_all) {
  // Its log would mix with the job's stderr; every failure reaches us as a status.
  if (getenv("GRPC_VERBOSITY") == nullptr) {
    gpr_set_log_function([](gpr_log_func_args*) {});
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options.dev) {
    if (!IsLoopbackAddress(options.controller)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--dev: sends everything in clear text, so it is only for addresses of this host, and ",
          options.controller, " is none"));
    }
    credentials = DevChannelCredentials();
  } else {
    auto tls = ClientTls({.ca = options.ca});
    if (!tls.ok()) {
      return absl::Status(tls.status().code(),
                          absl::StrCat(tls.status().message(),
                                       ": give the cluster's ca.crt with --ca or CRONIUM_CA"));
    }
    credentials = *std::move(tls);
  }
  return std::make_unique<GrpcClient>(
      options, grpc::CreateCustomChannel(options.controller, credentials, ClientChannelArguments()),
      cancel_all);
}

}  // namespace cronium::cli
