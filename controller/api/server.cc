// SPDX-License-Identifier: Apache-2.0
#include "controller/api/server.h"

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/api/agent_service.h"
#include "controller/api/audit_service.h"
#include "controller/api/credential_service.h"
#include "controller/api/job_service.h"
#include "controller/api/node_service.h"
#include "controller/api/runtime_service.h"
#include "controller/api/session_hub.h"
#include "controller/api/variable_service.h"

namespace cronium::controller {
namespace {

// Above the largest message that is allowed (an output of 8 MiB), so that what is too large gets an
// error of ours.
constexpr int kMaxReceiveBytes = 12 << 20;

// The name in grpc.health.v1 that says whether CreateJob takes jobs.
constexpr char kAcceptingJobs[] = "cronium.v1.JobService.CreateJob";

class ServerImpl : public Server {
 public:
  explicit ServerImpl(const Services& services)
      : services_(services),
        agents_(&services_),
        audit_(&services_),
        credentials_(&services_),
        jobs_(&services_),
        nodes_(&services_),
        runtime_(&services_),
        variables_(&services_) {}

  absl::Status Listen(const ServerOptions& options) {
    std::shared_ptr<grpc::ServerCredentials> credentials = DevServerCredentials();
    if (!options.dev) {
      absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> tls = ServerTls(options.tls);
      if (!tls.ok()) return tls.status();
      credentials = *std::move(tls);
    }
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    grpc::ServerBuilder builder;
    ApplyServerArguments(&builder, kMaxReceiveBytes);
    builder.AddListeningPort(options.listen, credentials, &port_);
    builder.RegisterService(&agents_);
    builder.RegisterService(&audit_);
    builder.RegisterService(&credentials_);
    builder.RegisterService(&jobs_);
    builder.RegisterService(&nodes_);
    builder.RegisterService(&runtime_);
    builder.RegisterService(&variables_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", options.listen,
                       ": is the port taken, or the address not this host's?"));
    }
    // Known from here on, so that SetServing speaks for it too.
    SetAcceptingJobs(false);
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void SetServing(bool serving) override {
    server_->GetHealthCheckService()->SetServingStatus(serving);
  }

  void SetAcceptingJobs(bool accepting) override {
    server_->GetHealthCheckService()->SetServingStatus(kAcceptingJobs, accepting);
  }

  void Shutdown(absl::Duration grace) override {
    SetServing(false);
    services_.hub->DrainAll();
    server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
    server_->Wait();
  }

 private:
  const Services services_;
  AgentServiceImpl agents_;
  AuditServiceImpl audit_;
  CredentialServiceImpl credentials_;
  JobServiceImpl jobs_;
  NodeServiceImpl nodes_;
  RuntimeServiceImpl runtime_;
  VariableServiceImpl variables_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace

std::vector<std::string> ServiceNames() {
  return {v1::AgentService::service_full_name(),      v1::AuditService::service_full_name(),
          v1::CredentialService::service_full_name(), v1::JobService::service_full_name(),
          v1::NodeService::service_full_name(),       v1::RuntimeService::service_full_name(),
          v1::VariableService::service_full_name()};
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      const Services& services) {
  auto server = std::make_unique<ServerImpl>(services);
  if (absl::Status status = server->Listen(options); !status.ok()) return status;
  return server;
}

}  // namespace cronium::controller
