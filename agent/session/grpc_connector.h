// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_GRPC_CONNECTOR_H_
#define CRONIUM_AGENT_SESSION_GRPC_CONNECTOR_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/session/log_client.h"
#include "agent/session/session_client.h"

namespace cronium::agent {

// A channel for one try. Made anew each time: it has no backoff of its own to wait for, and reads
// the certificate files as they are now.
using ChannelFactory = std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>()>;

// The two calls of AgentService, each on a channel of its own. `dev_node`, where it is not empty,
// is sent as `cronium-dev-node`: what stands for a certificate in clear text. A connector is used
// by one thread.
SessionConnector GrpcSessionConnector(ChannelFactory channels, std::string dev_node);
LogConnector GrpcLogConnector(ChannelFactory channels, std::string dev_node);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_GRPC_CONNECTOR_H_
