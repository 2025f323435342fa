// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_NODE_SERVICE_H_
#define CRONIUM_CONTROLLER_API_NODE_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/node_service.grpc.pb.h"

namespace cronium::controller {

// Thread-safe.
class NodeServiceImpl : public v1::NodeService::CallbackService {
 public:
  explicit NodeServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerUnaryReactor* GetNode(grpc::CallbackServerContext* context,
                                    const v1::GetNodeRequest* request,
                                    v1::GetNodeResponse* response) override;
  grpc::ServerUnaryReactor* ListNodes(grpc::CallbackServerContext* context,
                                      const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_NODE_SERVICE_H_
