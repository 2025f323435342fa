// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_VARIABLE_SERVICE_H_
#define CRONIUM_CONTROLLER_API_VARIABLE_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/variable_service.grpc.pb.h"

namespace cronium::controller {

// Thread-safe.
class VariableServiceImpl : public v1::VariableService::CallbackService {
 public:
  explicit VariableServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerUnaryReactor* GetVariable(grpc::CallbackServerContext* context,
                                        const v1::GetVariableRequest* request,
                                        v1::GetVariableResponse* response) override;
  grpc::ServerUnaryReactor* ListVariables(grpc::CallbackServerContext* context,
                                          const v1::ListVariablesRequest* request,
                                          v1::ListVariablesResponse* response) override;
  grpc::ServerUnaryReactor* SetVariable(grpc::CallbackServerContext* context,
                                        const v1::SetVariableRequest* request,
                                        v1::SetVariableResponse* response) override;
  grpc::ServerUnaryReactor* DeleteVariable(grpc::CallbackServerContext* context,
                                           const v1::DeleteVariableRequest* request,
                                           v1::DeleteVariableResponse* response) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_VARIABLE_SERVICE_H_
