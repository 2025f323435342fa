// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_JOB_SPEC_H_
#define CRONIUM_TOOLS_CRONIUM_JOB_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cronium/v1/job.pb.h"
#include "tools/cronium/settings.h"
#include "tools/cronium/streams.h"

namespace cronium::cli {

// As of Script.content and JobSpec.input_json in job.proto.
inline constexpr int64_t kMaxScriptBytes = 1 << 20;
inline constexpr int64_t kMaxInputBytes = 1 << 20;

// What the flags of `cronium run` say, as they were typed; empty where a flag was not given.
struct RunFlags {
  std::string image;
  std::vector<std::string> env;
  std::string node;
  std::vector<std::string> node_labels;
  std::string input;
  std::string timeout;
  std::string queue_timeout;
  std::string prepare_timeout;
  std::string stop_grace;
  std::string memory;
  std::string cpus;
  std::vector<std::string> interpreter;
  std::string network;
  std::string user;
  std::string working_dir;
  bool writable_root = false;
  std::vector<std::string> labels;
  std::optional<int32_t> priority;
  std::string lost_after;
  std::string on_lost;
  std::optional<int32_t> max_attempts;
};

// The script's text, checked: a file, or stdin for `-`. The message is for a person: "run.sh: No
// such file or directory".
absl::StatusOr<std::string> ReadScript(const std::string& path, Streams* streams);

// What runs a script where the flags do not say it.
struct ScriptDefaults {
  std::string image;
  // Empty where the script's first line decides.
  std::vector<std::string> interpreter;
  // Why this image: "first line", ".py".
  std::string because;
};
// By the interpreter that the first line names, else by the name's extension: python and node in
// their images, all else in bash's.
ScriptDefaults DefaultsForScript(absl::string_view path, absl::string_view content);

// The spec that flags and script make. Limits that only the controller can judge are left to it.
// streams serves `--input -`.
absl::StatusOr<v1::JobSpec> BuildJobSpec(const RunFlags& flags, const std::string& script_path,
                                         std::string script, std::vector<std::string> args,
                                         const Environment& environment, Streams* streams);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_JOB_SPEC_H_
