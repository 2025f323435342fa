// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_SERVER_H_
#define CRONIUM_CONTROLLER_API_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/credentials.h"
#include "controller/api/call.h"

namespace cronium::controller {

struct ServerOptions {
  // HOST:PORT; port 0 takes a free one.
  std::string listen;
  bool dev = false;
  TlsFiles tls;
};

// Full names of the services that need an access declaration.
std::vector<std::string> ServiceNames();

// The gRPC server with all services, reflection, health and channelz.
class Server {
 public:
  // Listens and serves. UNAVAILABLE where the address cannot be had.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const Services& services);
  virtual ~Server() = default;

  virtual int port() const = 0;
  // What grpc.health.v1 answers.
  virtual void SetServing(bool serving) = 0;
  // What it answers for "cronium.v1.JobService.CreateJob": not, while the disk is full.
  virtual void SetAcceptingJobs(bool accepting) = 0;
  // Tells agents to go, refuses new calls, and cuts what is still under way after grace.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_SERVER_H_
