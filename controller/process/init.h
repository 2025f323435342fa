// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_PROCESS_INIT_H_
#define CRONIUM_CONTROLLER_PROCESS_INIT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/process/data_dir.h"

namespace cronium::controller {

struct InitOptions {
  // Name of the cluster: 1 to 63 of [a-z0-9.-].
  std::string cluster;
  // Names and addresses that agents and clients reach this controller by.
  std::vector<std::string> hosts;
};

// Sets up an empty data folder: CA, certificate of the controller, key for execution tokens,
// database, and an admin's API token. ALREADY_EXISTS where the folder has a CA: nothing is touched
// then.
absl::Status Init(const DataDir& data, const InitOptions& options, absl::Time now);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_PROCESS_INIT_H_
