// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_OPTIONS_H_
#define CRONIUM_AGENT_INIT_OPTIONS_H_

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cronium::agent::init {

// The longest grace between TERM and KILL: one hour.
constexpr int64_t kMaxStopGraceMs = 3'600'000;

// What the command line says. Plain data, owned by main.
struct Options {
  std::string job_dir = "/run/cronium/job";
  std::string workdir = "/workspace";
  std::string api_socket = "/run/cronium/api/runtime.sock";
  // Where the relay listens; none with `--relay none`. Port 0 takes any free port.
  std::optional<sockaddr_in> relay;
  int64_t stop_grace_ms = 10'000;
  // Empty: run the job folder's `script` itself. Bounded by the kernel's limit on arguments.
  std::vector<std::string> command;
  bool help = false;
  bool version = false;
};

// Reads `argc`/`argv`. An empty result is success; else it is one line that names the option.
std::string ParseOptions(int argc, char* const* argv, Options* options);

// The text of --help.
const char* UsageText();

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_OPTIONS_H_
