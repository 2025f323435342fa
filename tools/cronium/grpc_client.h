// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_GRPC_CLIENT_H_
#define CRONIUM_TOOLS_CRONIUM_GRPC_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/cronium/client.h"

namespace cronium::cli {

// Where the controller is and who we are.
struct ConnectionOptions {
  // HOST:PORT.
  std::string controller;
  // CA certificate, PEM file. Not read with dev.
  std::string ca;
  // Sent with each call as `authorization: Bearer TOKEN`; empty for none.
  std::string token;
  // Clear text.
  bool dev = false;
};

// A client on one channel. It connects with the first call; errors here are about the options
// alone. cancel_all (may be null, else must outlive the client) ends every call, present and to
// come, with CANCELLED.
absl::StatusOr<std::unique_ptr<Client>> ConnectGrpc(const ConnectionOptions& options,
                                                    Cancellation* cancel_all);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_GRPC_CLIENT_H_
