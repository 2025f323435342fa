// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/container_config.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cronium::agent {
namespace {

// Where things are inside a container.
constexpr absl::string_view kInject = "/opt/cronium";
constexpr absl::string_view kInit = "/opt/cronium/bin/cronium-init";
constexpr absl::string_view kJobDir = "/run/cronium/job";
constexpr absl::string_view kScript = "/run/cronium/job/script";
constexpr absl::string_view kApiDir = "/run/cronium/api";
constexpr absl::string_view kApiSocket = "/run/cronium/api/runtime.sock";
constexpr absl::string_view kSourcedHelper = "/usr/local/bin/cronium.sh";
constexpr absl::string_view kWorkspace = "/workspace";
constexpr absl::string_view kApiHost = "runtime-api";
constexpr absl::string_view kApiUrl = "http://runtime-api:8081";

// For what an assignment leaves out, although it should be complete: a zero must never mean "no
// limit".
constexpr int32_t kDefaultCpuMillis = 500;
constexpr int64_t kDefaultMemoryBytes = int64_t{512} << 20;
constexpr int32_t kDefaultPids = 100;
constexpr int64_t kDefaultTmpBytes = int64_t{64} << 20;
constexpr int64_t kDefaultWorkspaceBytes = int64_t{256} << 20;
constexpr absl::string_view kDefaultUser = "1000:1000";
// cronium-init takes no more.
constexpr int64_t kMaxStopGraceMs = 3'600'000;

template <typename T>
T Or(T value, T fallback) {
  return value > 0 ? value : fallback;
}

int64_t TmpfsBytes(const v1::Resources& resources) {
  return Or(resources.tmp_bytes(), kDefaultTmpBytes) +
         Or(resources.workspace_bytes(), kDefaultWorkspaceBytes);
}

std::string User(const v1::ContainerSpec& spec) {
  if (spec.user().empty()) return std::string(kDefaultUser);
  // The engine would take the group from the image's /etc/passwd, or root's.
  return absl::StrContains(spec.user(), ":") ? spec.user()
                                             : absl::StrCat(spec.user(), ":", spec.user());
}

bool IsRoot(const v1::ContainerSpec& spec) {
  const std::vector<std::string> parts = absl::StrSplit(User(spec), ':');
  uint32_t uid = 0;
  return !absl::SimpleAtoi(parts[0], &uid) || uid == 0;
}

absl::Status Forbidden(absl::string_view field, absl::string_view what, absl::string_view flag) {
  return absl::PermissionDeniedError(absl::StrCat(
      "spec.container.", field, ": ", what, " is forbidden by this node's operator (", flag, ")"));
}

// OK where `limit` is none or the value is within it.
template <typename T>
absl::Status CheckLimit(absl::string_view field, T value, T limit, absl::string_view flag) {
  if (limit == 0 || value <= limit) return absl::OkStatus();
  return Forbidden(field, absl::StrCat(value), absl::StrCat(flag, "=", limit));
}

std::vector<std::string> Entrypoint(const v1::Assignment& assignment) {
  const v1::ContainerSpec& spec = assignment.spec().container();
  const auto& grace = assignment.spec().timeouts().stop_grace();
  const int64_t grace_ms = grace.seconds() * 1000 + grace.nanos() / 1'000'000;
  std::vector<std::string> words = {
      std::string(kInit),
      "--workdir",
      spec.working_dir().empty() ? std::string(kWorkspace) : spec.working_dir(),
      "--stop-grace-ms",
      absl::StrCat(std::clamp<int64_t>(grace_ms, 0, kMaxStopGraceMs)),
      "--"};
  const v1::Script& script = spec.script();
  words.insert(words.end(), script.interpreter().begin(), script.interpreter().end());
  // Without either, cronium-init runs the script itself.
  if (script.interpreter_size() > 0 || script.args_size() > 0) words.emplace_back(kScript);
  words.insert(words.end(), script.args().begin(), script.args().end());
  return words;
}

std::vector<std::string> Environment(const v1::Assignment& assignment,
                                     const NodeSettings& settings) {
  const v1::ContainerSpec& spec = assignment.spec().container();
  // Ordered, so that one assignment always gives one container.
  std::map<std::string, std::string> env(spec.env().begin(), spec.env().end());
  env.emplace("PYTHONUNBUFFERED", "1");
  env.emplace("HOME", kWorkspace);
  const auto set = [&env](absl::string_view name, absl::string_view value) {
    env[std::string(name)] = std::string(value);
  };
  set("CRONIUM_RUNTIME_API", kApiUrl);
  set("CRONIUM_RUNTIME_SOCKET", kApiSocket);
  set("CRONIUM_EXECUTION_TOKEN", assignment.token());
  set("CRONIUM_EXECUTION_ID", assignment.execution_id());
  set("CRONIUM_EXECUTION_MODE", "container");
  set("CRONIUM_JOB_ID", assignment.job_id());
  set("CRONIUM_JOB_TYPE", "container");
  set("CRONIUM_ATTEMPT", absl::StrCat(assignment.attempt()));
  set("CRONIUM_EVENT_ID", assignment.event_id());
  set("CRONIUM_NAMESPACE", assignment.namespace_());
  set("CRONIUM_NODE", settings.node);
  std::vector<std::string> lines;
  lines.reserve(env.size());
  for (const auto& [name, value] : env) lines.push_back(absl::StrCat(name, "=", value));
  return lines;
}

// uid= and gid= would be narrower, but not every engine knows them.
std::string TmpfsOptions(int64_t bytes) { return absl::StrCat("exec,mode=1777,size=", bytes); }

}  // namespace

absl::Status CheckPolicy(const v1::ContainerSpec& spec, const NodePolicy& policy) {
  if (spec.network() == v1::NETWORK_MODE_BRIDGE && !policy.allow_bridge_network) {
    return Forbidden("network", "BRIDGE", "--allow-bridge-network=false");
  }
  if (spec.writable_root() && !policy.allow_writable_root) {
    return Forbidden("writable_root", "a writable root", "--allow-writable-root=false");
  }
  if (IsRoot(spec) && !policy.allow_root_user) {
    return Forbidden("user", User(spec), "--allow-root-user=false");
  }
  const v1::Resources& resources = spec.resources();
  for (const absl::Status& status :
       {CheckLimit("resources.cpu_millis", Or(resources.cpu_millis(), kDefaultCpuMillis),
                   policy.max_cpu_millis, "--max-cpu-millis"),
        CheckLimit("resources.memory_bytes", Or(resources.memory_bytes(), kDefaultMemoryBytes),
                   policy.max_memory_bytes, "--max-memory-bytes"),
        CheckLimit("resources.pids", Or(resources.pids(), kDefaultPids), policy.max_pids,
                   "--max-pids"),
        CheckLimit("resources.tmp_bytes and workspace_bytes", TmpfsBytes(resources),
                   policy.max_tmpfs_bytes, "--max-tmpfs-bytes")}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::map<std::string, std::string> NodeLabels(const NodeSettings& settings) {
  return {{std::string(kClusterLabel), settings.cluster}, {std::string(kNodeLabel), settings.node}};
}

ContainerConfig MakeContainerConfig(const v1::Assignment& assignment, const NodeSettings& settings,
                                    const std::string& run_dir) {
  const v1::ContainerSpec& spec = assignment.spec().container();
  const v1::Resources& resources = spec.resources();
  ContainerConfig config;
  config.name = assignment.execution_id();
  config.image = spec.image();
  config.entrypoint = Entrypoint(assignment);
  config.env = Environment(assignment, settings);
  config.binds = {
      {settings.inject_dir, std::string(kInject)},
      {run_dir, std::string(kJobDir)},
      {settings.gateway_socket_dir, std::string(kApiDir)},
      {absl::StrCat(settings.inject_dir, "/lib/cronium.sh"), std::string(kSourcedHelper)}};
  config.tmpfs = {{"/tmp", TmpfsOptions(Or(resources.tmp_bytes(), kDefaultTmpBytes))},
                  {std::string(kWorkspace),
                   TmpfsOptions(Or(resources.workspace_bytes(), kDefaultWorkspaceBytes))}};
  config.user = User(spec);
  // cronium-init enters the script's own, which may not be there before it.
  config.working_dir = std::string("/");
  config.network = spec.network() == v1::NETWORK_MODE_BRIDGE ? ContainerNetwork::kBridge
                                                             : ContainerNetwork::kNone;
  config.extra_hosts = {{std::string(kApiHost), "127.0.0.1"}};
  config.labels = NodeLabels(settings);
  config.labels[std::string(kExecutionLabel)] = assignment.execution_id();
  config.labels[std::string(kJobLabel)] = assignment.job_id();
  config.cpu_millis = Or(resources.cpu_millis(), kDefaultCpuMillis);
  config.memory_bytes = Or(resources.memory_bytes(), kDefaultMemoryBytes);
  config.pids = Or(resources.pids(), kDefaultPids);
  config.readonly_root = !spec.writable_root();
  return config;
}

}  // namespace cronium::agent
