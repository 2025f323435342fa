// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_CONTAINER_CONFIG_H_
#define CRONIUM_AGENT_EXECUTION_CONTAINER_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/runtime/container_runtime.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::agent {

// Labels by which a node knows its containers.
inline constexpr absl::string_view kClusterLabel = "cronium.cluster";
inline constexpr absl::string_view kNodeLabel = "cronium.node";
inline constexpr absl::string_view kExecutionLabel = "cronium.execution";
inline constexpr absl::string_view kJobLabel = "cronium.job";

// What the operator of this node forbids. Zero means no bound beyond the host's own.
struct NodePolicy {
  bool allow_bridge_network = true;
  bool allow_writable_root = true;
  bool allow_root_user = true;
  int32_t max_cpu_millis = 0;
  int64_t max_memory_bytes = 0;
  int32_t max_pids = 0;
  // Of /tmp and /workspace together: they are memory of the host beside the container's own limit.
  int64_t max_tmpfs_bytes = 0;
};

struct NodeSettings {
  std::string cluster;
  std::string node;
  // The folder with bin/cronium-init and lib/cronium.sh.
  std::string inject_dir;
  // The folder that holds the gateway's socket.
  std::string gateway_socket_dir;
  NodePolicy policy;
};

// PERMISSION_DENIED names the field, the operator's flag and its value.
absl::Status CheckPolicy(const v1::ContainerSpec& spec, const NodePolicy& policy);

// The labels that every container of this node carries.
std::map<std::string, std::string> NodeLabels(const NodeSettings& settings);

// The container of one execution, complete. `run_dir` is its run folder on this host.
ContainerConfig MakeContainerConfig(const v1::Assignment& assignment, const NodeSettings& settings,
                                    const std::string& run_dir);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_CONTAINER_CONFIG_H_
