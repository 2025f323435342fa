// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_PROCESS_CONTROLLER_H_
#define CRONIUM_CONTROLLER_PROCESS_CONTROLLER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/actions/tool_actions.h"
#include "controller/auth/rate_limits.h"
#include "controller/core/core.h"
#include "controller/outbound/transfer_loop.h"
#include "controller/process/data_dir.h"
#include "controller/retention/limits.h"

namespace cronium::controller {

struct ControllerOptions {
  DataDir data;
  std::string listen;
  // Clear text and no credentials, on the loopback only.
  bool dev = false;
  CoreOptions core;
  RateLimits rate_limits;
  // Calls to the outside: which addresses may be reached, and how many at once.
  TransferLoopOptions outbound;
  ToolActionOptions actions;
  RetentionPolicy retention;
  absl::Duration retention_period = absl::Minutes(1);
  // What has to stay free on the data folder's disk; 0 for the default of DiskReserve.
  int64_t disk_reserve_bytes = 0;
};

// A whole controller in one process, from store to server. Threads: the core's, the store's writer,
// the log store's writer, the executor's two, the outbound calls', retention's, the disk watch's,
// and gRPC's. See README.md for who owns what.
class Controller {
 public:
  // Recovers from the data folder and serves.
  static absl::StatusOr<std::unique_ptr<Controller>> Start(const ControllerOptions& options);
  virtual ~Controller() = default;

  virtual int port() const = 0;
  // Drains and stops everything; what was accepted is durable. Idempotent.
  virtual void Stop(absl::Duration grace) = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_PROCESS_CONTROLLER_H_
