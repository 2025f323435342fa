// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_PROCESS_OPTIONS_H_
#define CRONIUM_AGENT_PROCESS_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/execution/container_config.h"
#include "common/rpc/credentials.h"

namespace cronium::agent {

// What the command line, the environment and the configuration file say, checked.
struct AgentOptions {
  std::string controller;
  TlsFiles tls;
  bool dev = false;
  // From the certificate, or --node with --dev.
  std::string cluster;
  std::string node;

  // All absolute.
  std::string state_dir;
  std::string inject_dir;
  std::string gateway_dir;
  std::string engine_socket;

  int slots = 0;
  int32_t cpu_millis = 0;
  int64_t memory_bytes = 0;
  std::map<std::string, std::string> labels;
  NodePolicy policy;

  int64_t max_spool_bytes = int64_t{2} << 30;
  int64_t max_execution_spool_bytes = int64_t{256} << 20;
  // 0 for DiskReserve's default.
  int64_t disk_reserve_bytes = 0;
};

// Fills in `options` and sets the log's level. Returns the status to exit with after having said
// why, or -1 to go on.
int ParseAgentOptions(int argc, char** argv, AgentOptions* options);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_PROCESS_OPTIONS_H_
