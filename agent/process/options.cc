// SPDX-License-Identifier: Apache-2.0
#include "agent/process/options.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/session/node_facts.h"
#include "common/config/config.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/pki/pki.h"

namespace cronium::agent {
namespace {

constexpr char kDevCluster[] = "dev";
constexpr int kSlotsPerCpu = 4;
constexpr int kMaxSlots = 4096;
constexpr int kMaxLabels = 32;
constexpr size_t kMaxLabelBytes = 128;
constexpr size_t kMaxSocketPathBytes = 107;

struct Raw {
  std::vector<std::string> labels;
  std::string log_level = "info";
};

// The folder of what goes into containers, beside this program: as installed (bin/ and lib/), or in
// the build tree.
std::string DefaultInjectDir() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path prefix = program.parent_path().parent_path();
  const std::filesystem::path built = prefix / "inject";
  return (std::filesystem::exists(built, error) ? built : prefix / "lib/cronium/inject").string();
}

void AddOptions(CLI::App* app, AgentOptions* options, Raw* raw) {
  app->add_option("--controller", options->controller, "HOST:PORT of the controller");
  app->add_option("--ca", options->tls.ca, "The cluster's CA certificate, PEM");
  app->add_option("--certificate", options->tls.certificate,
                  "This node's certificate, PEM; the node's name is in it");
  app->add_option("--key", options->tls.key, "Its key, PEM");
  app->add_flag("--dev", options->dev, "Clear text, to a controller on the loopback only");
  app->add_option("--node", options->node,
                  "This node's name; only with --dev, else the certificate says it");

  app->add_option(
         "--state-dir", options->state_dir,
         "Journal, logs that the controller does not have yet, files of running jobs; on a "
         "disk")
      ->capture_default_str();
  app->add_option("--gateway-dir", options->gateway_dir,
                  "Folder of the runtime gateway's socket; it is mounted into job containers")
      ->capture_default_str();
  app->add_option("--inject-dir", options->inject_dir,
                  "Folder of cronium-init and the helpers; it is mounted into job containers")
      ->capture_default_str();
  app->add_option("--engine-socket", options->engine_socket,
                  "Unix socket of the container engine (Docker Engine, or Podman's service)")
      ->capture_default_str();

  app->add_option("--slots", options->slots, "Jobs at one time, at most")
      ->check(CLI::Range(1, kMaxSlots))
      ->capture_default_str();
  app->add_option("--cpu-millis", options->cpu_millis,
                  "Thousandths of a CPU that jobs may have together; the host's where not given")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app->add_option("--memory-bytes", options->memory_bytes,
                  "Memory that jobs may have together; the host's where not given")
      ->check(CLI::Range(int64_t{1} << 20, int64_t{1} << 50))
      ->capture_default_str();
  app->add_option("--label", raw->labels,
                  "KEY=VALUE by which jobs may choose this node; repeatable");

  NodePolicy& policy = options->policy;
  app->add_option("--allow-bridge-network", policy.allow_bridge_network,
                  "Whether jobs may have the engine's default network")
      ->capture_default_str();
  app->add_option("--allow-writable-root", policy.allow_writable_root,
                  "Whether jobs may have a writable root file system")
      ->capture_default_str();
  app->add_option("--allow-root-user", policy.allow_root_user, "Whether jobs may run as user 0")
      ->capture_default_str();
  app->add_option("--max-cpu-millis", policy.max_cpu_millis, "Of one job; 0 for no bound")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--max-memory-bytes", policy.max_memory_bytes, "Of one job; 0 for no bound")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--max-pids", policy.max_pids, "Of one job; 0 for no bound")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--max-tmpfs-bytes", policy.max_tmpfs_bytes,
                  "/tmp and /workspace of one job together; 0 for no bound")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();

  app->add_option("--max-spool-bytes", options->max_spool_bytes,
                  "Logs that the controller does not have yet; past it jobs wait")
      ->check(CLI::Range(int64_t{16} << 20, int64_t{1} << 50))
      ->capture_default_str();
  app->add_option("--max-execution-spool-bytes", options->max_execution_spool_bytes,
                  "The same for one job")
      ->check(CLI::Range(int64_t{4} << 20, int64_t{1} << 50))
      ->capture_default_str();
  app->add_option("--disk-reserve-bytes", options->disk_reserve_bytes,
                  "The node takes no jobs with less than this free on the state folder's disk; 0 "
                  "for 2 % of the disk, but 512 MiB at least and 8 GiB at most")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--log-level", raw->log_level, "debug, info, warning or error")
      ->capture_default_str();
}

// Each of these returns what is wrong, or nothing.

std::string CheckIdentity(AgentOptions* options) {
  if (options->dev) {
    if (!IsLoopbackAddress(options->controller)) {
      return absl::StrCat("--controller: with --dev it must be on the loopback, and ",
                          options->controller, " is not");
    }
    if (!IsName(options->node)) {
      return "--node is required with --dev: 1 to 63 of a-z, 0-9, - and .";
    }
    options->cluster = kDevCluster;
    return "";
  }
  if (!options->node.empty())
    return "--node is for --dev; otherwise the certificate names the node";
  if (options->tls.ca.empty()) return "--ca is required (or --dev)";
  if (options->tls.certificate.empty()) return "--certificate is required (or --dev)";
  if (options->tls.key.empty()) return "--key is required (or --dev)";
  const absl::StatusOr<std::string> pem = ReadFile(options->tls.certificate, 1 << 20);
  if (!pem.ok()) return absl::StrCat("--certificate: ", pem.status().message());
  const absl::StatusOr<PeerIdentity> identity = IdentityOfCertificate(*pem);
  if (!identity.ok()) {
    return absl::StrCat("--certificate: ", options->tls.certificate, ": ",
                        identity.status().message());
  }
  if (identity->kind != "node") {
    return absl::StrCat("--certificate: ", options->tls.certificate, " is the one of a ",
                        identity->kind, "; issue one for this node");
  }
  options->cluster = identity->cluster;
  options->node = identity->node;
  return "";
}

std::string CheckFolders(AgentOptions* options) {
  std::error_code error;
  for (const auto& [flag, path] : {std::pair{"--state-dir", &options->state_dir},
                                   std::pair{"--gateway-dir", &options->gateway_dir},
                                   std::pair{"--inject-dir", &options->inject_dir},
                                   std::pair{"--engine-socket", &options->engine_socket}}) {
    if (path->empty()) return absl::StrCat(flag, ": is empty");
    // Containers mount them, and the engine has a working folder of its own.
    *path = std::filesystem::absolute(*path, error).lexically_normal().string();
    if (error) return absl::StrCat(flag, ": ", error.message());
  }
  if (options->engine_socket.size() > kMaxSocketPathBytes) {
    return absl::StrCat("--engine-socket: is longer than the ", kMaxSocketPathBytes,
                        " bytes that a socket's path may have");
  }
  for (const char* file : {"bin/cronium-init", "lib/cronium.sh"}) {
    const std::string path = absl::StrCat(options->inject_dir, "/", file);
    if (access(path.c_str(), R_OK) != 0) {
      return absl::StrCat("--inject-dir: ", path,
                          " is missing: it is installed as "
                          "PREFIX/lib/cronium/inject");
    }
  }
  return "";
}

std::string CheckLabels(const std::vector<std::string>& labels, AgentOptions* options) {
  if (labels.size() > kMaxLabels) {
    return absl::StrCat("--label: ", labels.size(), " of them; at most ", kMaxLabels);
  }
  for (const std::string& label : labels) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(label, absl::MaxSplits('=', 1));
    if (parts.first.empty() || label.find('=') == std::string::npos) {
      return absl::StrCat("--label: \"", label, "\" is not KEY=VALUE");
    }
    if (parts.first.size() > kMaxLabelBytes || parts.second.size() > kMaxLabelBytes) {
      return absl::StrCat("--label: key and value of \"", label, "\" may have at most ",
                          kMaxLabelBytes, " bytes each");
    }
    if (!options->labels.insert(parts).second) {
      return absl::StrCat("--label: ", parts.first, " is given twice");
    }
  }
  return "";
}

std::string Check(const Raw& raw, AgentOptions* options) {
  if (const absl::Status level = SetLogLevel(raw.log_level); !level.ok()) {
    return std::string(level.message());
  }
  if (options->controller.empty()) return "--controller is required";
  if (options->max_execution_spool_bytes > options->max_spool_bytes) {
    return "--max-execution-spool-bytes: is more than --max-spool-bytes";
  }
  std::string wrong = CheckIdentity(options);
  if (wrong.empty()) wrong = CheckLabels(raw.labels, options);
  if (wrong.empty()) wrong = CheckFolders(options);
  return wrong;
}

}  // namespace

int ParseAgentOptions(int argc, char** argv, AgentOptions* options) {
  const v1::NodeCapacity host = HostCapacity();
  options->state_dir = "/var/lib/cronium/agent";
  options->gateway_dir = "/run/cronium/api";
  options->inject_dir = DefaultInjectDir();
  options->engine_socket = "/var/run/docker.sock";
  options->cpu_millis = host.cpu_millis();
  options->memory_bytes = host.memory_bytes();
  options->slots = std::min(kMaxSlots, std::max(1, host.cpu_millis() / 1000) * kSlotsPerCpu);
  Raw raw;
  CLI::App app("Runs this node's jobs in containers and ships their logs.", "cronium-agent");
  AddOptions(&app, options, &raw);
  ApplyConfigRules(&app, "agent");
  return ParseConfig(&app, argc, argv, [&] { return Check(raw, options); });
}

}  // namespace cronium::agent
