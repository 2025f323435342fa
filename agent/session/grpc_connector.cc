// SPDX-License-Identifier: Apache-2.0
#include "agent/session/grpc_connector.h"

#include <utility>

#include "agent/session/client_stream.h"
#include "cronium/v1/agent_service.grpc.pb.h"

namespace cronium::agent {
namespace {

// Channel and stub of the newest try.
struct Call {
  ChannelFactory channels;
  std::string dev_node;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::AgentService::Stub> stub;
};

// `begin` starts the call: begin(async stub, context, reactor).
template <typename Request, typename Response, typename Begin>
StreamConnector<Request, Response> Connector(ChannelFactory channels, std::string dev_node,
                                             Begin begin) {
  auto call = std::make_shared<Call>();
  call->channels = std::move(channels);
  call->dev_node = std::move(dev_node);
  using Stream = ClientStream<Request, Response>;
  return [call, begin](size_t max_queue, typename Stream::Callbacks callbacks)
             -> absl::StatusOr<std::shared_ptr<MessageStream<Request, Response>>> {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = call->channels();
    if (!channel.ok()) return channel.status();
    // The one before goes only when this one is in use, so that gRPC is not torn down in between.
    const std::shared_ptr<grpc::Channel> previous = std::exchange(call->channel, *channel);
    call->stub = v1::AgentService::NewStub(call->channel);
    return Stream::Start(
        [&](grpc::ClientContext* context, typename Stream::Reactor* reactor) {
          if (!call->dev_node.empty()) context->AddMetadata("cronium-dev-node", call->dev_node);
          begin(call->stub->async(), context, reactor);
        },
        max_queue, std::move(callbacks));
  };
}

}  // namespace

SessionConnector GrpcSessionConnector(ChannelFactory channels, std::string dev_node) {
  return Connector<v1::SessionRequest, v1::SessionResponse>(
      std::move(channels), std::move(dev_node),
      [](auto* stub, auto* context, auto* reactor) { stub->Session(context, reactor); });
}

LogConnector GrpcLogConnector(ChannelFactory channels, std::string dev_node) {
  return Connector<v1::UploadLogsRequest, v1::UploadLogsResponse>(
      std::move(channels), std::move(dev_node),
      [](auto* stub, auto* context, auto* reactor) { stub->UploadLogs(context, reactor); });
}

}  // namespace cronium::agent
