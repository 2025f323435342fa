// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_HTTP_COMMAND_H_
#define CRONIUM_TOOLS_CRONIUM_HTTP_COMMAND_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cronium/v1/job.pb.h"
#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// What the flags of `cronium http` say, as they were typed; empty where a flag was not given.
struct HttpFlags {
  std::string url;
  std::string method;
  std::vector<std::string> headers;
  std::optional<std::string> data;
  std::string expect;
  std::string timeout;
  std::string try_timeout;
  std::optional<int> retries;
  std::string max_response;
  bool location = false;
  bool repeatable = false;
  std::vector<std::string> labels;
  std::optional<int32_t> priority;
};

// The spec that the flags make. What only the controller can judge is left to it. streams serves
// `--data -`.
absl::StatusOr<v1::JobSpec> BuildHttpSpec(const HttpFlags& flags, Streams* streams);

// `cronium http URL`.
void AddHttpCommand(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_HTTP_COMMAND_H_
