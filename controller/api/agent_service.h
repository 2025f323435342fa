// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_AGENT_SERVICE_H_
#define CRONIUM_CONTROLLER_API_AGENT_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/agent_service.grpc.pb.h"

namespace cronium::controller {

// The controller's side of the two agent streams. Thread-safe.
class AgentServiceImpl : public v1::AgentService::CallbackService {
 public:
  explicit AgentServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>* Session(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::UploadLogsRequest, v1::UploadLogsResponse>* UploadLogs(
      grpc::CallbackServerContext* context) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_AGENT_SERVICE_H_
