// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_RUNTIME_SERVICE_H_
#define CRONIUM_CONTROLLER_API_RUNTIME_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/runtime_service.grpc.pb.h"

namespace cronium::controller {

// Thread-safe.
class RuntimeServiceImpl : public v1::RuntimeService::CallbackService {
 public:
  explicit RuntimeServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerUnaryReactor* GetTokenKeys(grpc::CallbackServerContext* context,
                                         const v1::GetTokenKeysRequest* request,
                                         v1::GetTokenKeysResponse* response) override;
  grpc::ServerUnaryReactor* GetInput(grpc::CallbackServerContext* context,
                                     const v1::GetInputRequest* request,
                                     v1::GetInputResponse* response) override;
  grpc::ServerUnaryReactor* SetOutput(grpc::CallbackServerContext* context,
                                      const v1::SetOutputRequest* request,
                                      v1::SetOutputResponse* response) override;
  grpc::ServerUnaryReactor* GetContext(grpc::CallbackServerContext* context,
                                       const v1::GetContextRequest* request,
                                       v1::GetContextResponse* response) override;
  grpc::ServerUnaryReactor* GetCondition(grpc::CallbackServerContext* context,
                                         const v1::GetConditionRequest* request,
                                         v1::GetConditionResponse* response) override;
  grpc::ServerUnaryReactor* SetCondition(grpc::CallbackServerContext* context,
                                         const v1::SetConditionRequest* request,
                                         v1::SetConditionResponse* response) override;
  grpc::ServerUnaryReactor* ReadVariable(grpc::CallbackServerContext* context,
                                         const v1::ReadVariableRequest* request,
                                         v1::ReadVariableResponse* response) override;
  grpc::ServerUnaryReactor* ReadVariables(grpc::CallbackServerContext* context,
                                          const v1::ReadVariablesRequest* request,
                                          v1::ReadVariablesResponse* response) override;
  grpc::ServerUnaryReactor* ScanVariables(grpc::CallbackServerContext* context,
                                          const v1::ScanVariablesRequest* request,
                                          v1::ScanVariablesResponse* response) override;
  grpc::ServerUnaryReactor* WriteVariable(grpc::CallbackServerContext* context,
                                          const v1::WriteVariableRequest* request,
                                          v1::WriteVariableResponse* response) override;
  grpc::ServerUnaryReactor* RemoveVariable(grpc::CallbackServerContext* context,
                                           const v1::RemoveVariableRequest* request,
                                           v1::RemoveVariableResponse* response) override;
  grpc::ServerUnaryReactor* ExecuteToolAction(grpc::CallbackServerContext* context,
                                              const v1::ExecuteToolActionRequest* request,
                                              v1::ExecuteToolActionResponse* response) override;
  grpc::ServerUnaryReactor* IncrementVariable(grpc::CallbackServerContext* context,
                                              const v1::IncrementVariableRequest* request,
                                              v1::IncrementVariableResponse* response) override;
  grpc::ServerUnaryReactor* AppendVariable(grpc::CallbackServerContext* context,
                                           const v1::AppendVariableRequest* request,
                                           v1::AppendVariableResponse* response) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_RUNTIME_SERVICE_H_
