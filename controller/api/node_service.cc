// SPDX-License-Identifier: Apache-2.0
#include "controller/api/node_service.h"

#include <utility>
#include <vector>

#include "controller/api/page_token.h"

namespace cronium::controller {
namespace {}  // namespace

grpc::ServerUnaryReactor* NodeServiceImpl::GetNode(grpc::CallbackServerContext* context,
                                                   const v1::GetNodeRequest* request,
                                                   v1::GetNodeResponse* response) {
  const auto handler = [&](const Caller&) -> absl::Status {
    absl::StatusOr<v1::Node> node = services_.core->FindNode(request->name());
    if (node.ok()) *response->mutable_node() = *std::move(node);
    return node.status();
  };
  return HandleSimpleCall(services_, "/cronium.v1.NodeService/GetNode", context, handler);
}

grpc::ServerUnaryReactor* NodeServiceImpl::ListNodes(grpc::CallbackServerContext* context,
                                                     const v1::ListNodesRequest* request,
                                                     v1::ListNodesResponse* response) {
  const auto handler = [&](const Caller&) -> absl::Status {
    absl::StatusOr<int> page_size = ResolvePageSize(request->page_size());
    if (!page_size.ok()) return page_size.status();
    absl::StatusOr<std::string> after = ReadPageToken("nodes", request->page_token());
    if (!after.ok()) return after.status();
    std::vector<v1::Node> nodes = services_.core->ListNodes(*after, *page_size + 1);
    const bool more = static_cast<int>(nodes.size()) > *page_size;
    if (more) nodes.pop_back();
    if (more) response->set_next_page_token(MakePageToken("nodes", nodes.back().name()));
    for (v1::Node& node : nodes) *response->add_nodes() = std::move(node);
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.NodeService/ListNodes", context, handler);
}

}  // namespace cronium::controller
