// SPDX-License-Identifier: Apache-2.0
// cronium-controller: sets up and serves a cluster's controller.
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/config/config.h"
#include "common/descriptor_limit.h"
#include "common/fault.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rpc/credentials.h"
#include "common/rpc/prepare_grpc.h"
#include "common/shutdown.h"
#include "controller/process/certificates.h"
#include "controller/process/controller.h"
#include "controller/process/init.h"
#include "controller/process/secrets_keys.h"

namespace cronium::controller {
namespace {

constexpr char kUsage[] =
    "Usage: cronium-controller COMMAND [options]\n"
    "\n"
    "  init                     set up a data folder: certificates, database, admin token\n"
    "  issue-node-certificate   make the certificate that a host's agent and gateway use\n"
    "  serve                    run the controller\n"
    "  rotate-secrets-key       seal all secrets in the database with a new key\n"
    "\n"
    "`cronium-controller COMMAND --help` lists the options.\n";

constexpr char kDefaultDataDir[] = "/var/lib/cronium/controller";

int Fail(const absl::Status& status) {
  std::cerr << "cronium-controller: " << status.message() << "\n";
  return 1;
}

int RunInit(int argc, char** argv) {
  CLI::App app("Sets up a data folder: CA, certificate, database, admin token",
               "cronium-controller init");
  DataDir data{kDefaultDataDir};
  InitOptions options{"cronium", {}};
  app.add_option("--data-dir", data.path, "Folder to set up")->capture_default_str();
  app.add_option("--cluster-name", options.cluster, "Name of the cluster")->capture_default_str();
  app.add_option("--host", options.hosts,
                 "Name or address that agents and clients reach this host by; may be repeated");
  const int status = ParseConfig(&app, argc, argv, [] { return std::string(); });
  if (status >= 0) return status;
  if (absl::Status made = Init(data, options, absl::Now()); !made.ok()) return Fail(made);
  std::cout << "Cluster " << options.cluster << " is set up in " << data.path << ".\n"
            << "  CA certificate (give it to clients and nodes): " << data.ca_certificate() << "\n"
            << "  Admin token (keep it secret):                  " << data.admin_token() << "\n"
            << "Next: cronium-controller serve --data-dir " << data.path << "\n"
            << "      cronium-controller issue-node-certificate --data-dir " << data.path
            << " --node NAME --out DIR\n";
  return 0;
}

int RunIssueNodeCertificate(int argc, char** argv) {
  CLI::App app("Makes the certificate that a host's agent and gateway use",
               "cronium-controller issue-node-certificate");
  DataDir data{kDefaultDataDir};
  std::string node;
  std::string out;
  app.add_option("--data-dir", data.path, "The controller's data folder")->capture_default_str();
  app.add_option("--node", node, "Name of the node")->required();
  app.add_option("--out", out, "Folder to write ca.crt, node.crt and node.key to")->required();
  const int status = ParseConfig(&app, argc, argv, [] { return std::string(); });
  if (status >= 0) return status;
  if (absl::Status issued = IssueNodeCertificate(data, node, out, absl::Now()); !issued.ok()) {
    return Fail(issued);
  }
  std::cout << "Wrote ca.crt, node.crt and node.key for node " << node << " to " << out << ".\n"
            << "Copy them to the host; node.key is secret.\n";
  return 0;
}

int RunRotateSecretsKey(int argc, char** argv) {
  CLI::App app("Seals all secrets in the database with a new key; the controller must not run",
               "cronium-controller rotate-secrets-key");
  DataDir data{kDefaultDataDir};
  RotateOptions options;
  app.add_option("--data-dir", data.path, "The controller's data folder")->capture_default_str();
  app.add_flag("--drop-old-keys", options.drop_old_keys,
               "Forget the old keys: older copies of the database can then no longer be read");
  app.add_flag("--discard-unreadable", options.discard_unreadable,
               "Delete credentials that no key opens");
  const int status = ParseConfig(&app, argc, argv, [] { return std::string(); });
  if (status >= 0) return status;
  const absl::StatusOr<RotateResult> rotated = RotateSecretsKey(data, options);
  if (!rotated.ok()) return Fail(rotated.status());
  std::cout << "Sealed " << rotated->sealed << " credentials with the new key " << rotated->key_id
            << "; " << data.secrets_key() << " holds " << rotated->keys << " keys.\n";
  if (rotated->discarded > 0) {
    std::cout << "Deleted " << rotated->discarded << " credentials that no key opens.\n";
  }
  std::cout << "Take a copy of that file, apart from the copies of the database.\n";
  return 0;
}

struct ServeFlags {
  std::string data_dir = kDefaultDataDir;
  std::string listen = "127.0.0.1:7443";
  bool dev = false;
  int heartbeat_ms = 2000;
  int64_t max_live_jobs = 200'000;
  int max_http_jobs = 100;
  int stop_grace_ms = 2000;
  std::string outbound_allow;
  std::string outbound_deny;
  std::string outbound_ca_file;
  int max_tool_actions = 64;
  int64_t audit_max_records = 1'000'000;
  int audit_max_age_days = 90;
  std::string runtime_calls_per_minute;
  std::vector<std::string> retention;
  int retention_sweep_ms = 60'000;
  int64_t disk_reserve_bytes = 0;
  std::string log_level = "info";
};

std::string CheckServeFlags(const ServeFlags& flags) {
  if (flags.dev && !IsLoopbackAddress(flags.listen)) {
    return absl::StrCat(
        "--dev: serves clear text without credentials, so --listen must be on the "
        "loopback (127.0.0.1:PORT), not ",
        flags.listen);
  }
  if (flags.listen.find(':') == std::string::npos) {
    return absl::StrCat("--listen: \"", flags.listen, "\" is not HOST:PORT");
  }
  for (const auto& [flag, blocks] : {std::pair("--outbound-allow", flags.outbound_allow),
                                     std::pair("--outbound-deny", flags.outbound_deny)}) {
    if (const auto parsed = ParseCidrs(blocks); !parsed.ok()) {
      return absl::StrCat(flag, ": ", parsed.status().message());
    }
  }
  if (!flags.outbound_ca_file.empty()) {
    if (const auto pem = ReadFile(flags.outbound_ca_file); !pem.ok()) {
      return absl::StrCat("--outbound-ca-file: ", pem.status().message());
    }
  }
  if (const auto limits = RateLimits::Parse(flags.runtime_calls_per_minute); !limits.ok()) {
    return absl::StrCat("--runtime-calls-per-minute: ", limits.status().message());
  }
  if (const auto policy = RetentionPolicy::Parse(flags.retention); !policy.ok()) {
    return std::string(policy.status().message());
  }
  return std::string(SetLogLevel(flags.log_level).message());
}

// Flags that were checked.
TransferLoopOptions OutboundOptions(const ServeFlags& flags) {
  TransferLoopOptions options;
  options.rule = AddressRule(*ParseCidrs(flags.outbound_allow), *ParseCidrs(flags.outbound_deny));
  options.ca_file = flags.outbound_ca_file;
  return options;
}

void AddOutboundFlags(CLI::App* app, ServeFlags* flags) {
  app->add_option("--max-http-jobs", flags->max_http_jobs,
                  "HTTP jobs that run at one time; more wait")
      ->check(CLI::Range(1, 200))
      ->capture_default_str();
  app->add_option("--outbound-allow", flags->outbound_allow,
                  "CIDR,CIDR,... that HTTP jobs, webhooks and mail may reach although they are not "
                  "the public Internet (private, loopback, ...)");
  app->add_option("--outbound-deny", flags->outbound_deny,
                  "CIDR,CIDR,... that they may not reach, whatever else is allowed");
  app->add_option("--outbound-ca-file", flags->outbound_ca_file,
                  "PEM of CAs that they trust beside the host's own");
}

void AddActionFlags(CLI::App* app, ServeFlags* flags) {
  app->add_option(
         "--max-tool-actions", flags->max_tool_actions,
         "Tool actions (mails, messages, webhooks) at one time; past it scripts are told to "
         "try again")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app->add_option("--audit-max-records", flags->audit_max_records,
                  "Audit records that are kept; past it the oldest go")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--audit-max-age-days", flags->audit_max_age_days,
                  "How long audit records are kept")
      ->check(CLI::Range(1, 36'500))
      ->capture_default_str();
}

// Flags that were checked.
ToolActionOptions ActionOptions(const ServeFlags& flags) {
  ToolActionOptions options;
  options.max_under_way = flags.max_tool_actions;
  options.audit.max_records = flags.audit_max_records;
  options.audit.max_age = absl::Hours(24) * flags.audit_max_age_days;
  return options;
}

int RunServe(int argc, char** argv) {
  CLI::App app("Runs the controller", "cronium-controller serve");
  ServeFlags flags;
  app.add_option("--data-dir", flags.data_dir, "The folder that init set up")
      ->capture_default_str();
  app.add_option("--listen", flags.listen,
                 "HOST:PORT for clients, agents and gateways; port 0 takes a free one")
      ->capture_default_str();
  app.add_flag("--dev", flags.dev,
               "Clear text, no tokens and no certificates, on the loopback only: for trying out");
  app.add_option("--heartbeat-ms", flags.heartbeat_ms, "How often agents send a heartbeat")
      ->check(CLI::Range(100, 60'000))
      ->capture_default_str();
  app.add_option("--max-live-jobs", flags.max_live_jobs,
                 "Queued and running jobs at one time; past it CreateJob answers QUEUE_FULL")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--stop-grace-ms", flags.stop_grace_ms,
                 "How long calls under way may take once the controller stops")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  AddOutboundFlags(&app, &flags);
  AddActionFlags(&app, &flags);
  app.add_option("--runtime-calls-per-minute", flags.runtime_calls_per_minute,
                 "NAMESPACE=N,...: calls of the runtime API that each execution may make a minute; "
                 "N alone is for all other namespaces, 0 for no limit. By default each host's "
                 "gateway decides (1000)");
  app.add_option(
         "--retention", flags.retention,
         "NAMESPACE:LIMIT=VALUE,... how much of what has ended is kept; may be repeated, or "
         "several be joined by ;. "
         "NAMESPACE * is for all others. Limits and defaults: job-age=30d, jobs=100000, "
         "job-bytes=1GiB, log-age=14d, log-bytes=10GiB; none for no limit")
      ->delimiter(';')
      ->take_all();
  app.add_option("--retention-sweep-ms", flags.retention_sweep_ms,
                 "How often what is past these limits is looked for and removed")
      ->check(CLI::Range(100, 86'400'000))
      ->capture_default_str();
  app.add_option("--disk-reserve-bytes", flags.disk_reserve_bytes,
                 "No new work begins with less than this free on the data folder's disk; 0 for 2 % "
                 "of the disk, but 512 MiB at least and 8 GiB at most")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->capture_default_str();
  ApplyConfigRules(&app, "controller");
  const int status = ParseConfig(&app, argc, argv, [&] { return CheckServeFlags(flags); });
  if (status >= 0) return status;

  BlockShutdownSignals();
  RaiseDescriptorLimit();
  if (absl::Status armed = ArmFaultsFromEnvironment(); !armed.ok()) return Fail(armed);
  PrepareGrpc();
  ControllerOptions options;
  options.data.path = flags.data_dir;
  options.listen = flags.listen;
  options.dev = flags.dev;
  options.core.heartbeat_period = absl::Milliseconds(flags.heartbeat_ms);
  options.core.max_live_jobs = flags.max_live_jobs;
  options.core.max_http_jobs = flags.max_http_jobs;
  options.rate_limits = *RateLimits::Parse(flags.runtime_calls_per_minute);
  options.outbound = OutboundOptions(flags);
  options.actions = ActionOptions(flags);
  options.retention = *RetentionPolicy::Parse(flags.retention);
  options.retention_period = absl::Milliseconds(flags.retention_sweep_ms);
  options.disk_reserve_bytes = flags.disk_reserve_bytes;
  options.core.skip_log_barrier = FaultOn("controller.skip_log_barrier");
  absl::StatusOr<std::unique_ptr<Controller>> controller = Controller::Start(options);
  if (!controller.ok()) return Fail(controller.status());
  LogInfo("controller serves", {{"listen", flags.listen},
                                {"port", (*controller)->port()},
                                {"data_dir", flags.data_dir},
                                {"dev", flags.dev}});
  const int signal = WaitForShutdownSignal();
  LogInfo("controller stops", {{"signal", signal}});
  (*controller)->Stop(absl::Milliseconds(flags.stop_grace_ms));
  LogInfo("controller stopped");
  return 0;
}

int Main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "init") return RunInit(argc - 1, argv + 1);
  if (command == "issue-node-certificate") return RunIssueNodeCertificate(argc - 1, argv + 1);
  if (command == "serve") return RunServe(argc - 1, argv + 1);
  if (command == "rotate-secrets-key") return RunRotateSecretsKey(argc - 1, argv + 1);
  const bool help = command == "--help" || command == "-h" || command == "help";
  (help ? std::cout : std::cerr) << kUsage;
  return help ? 0 : 2;
}

}  // namespace
}  // namespace cronium::controller

int main(int argc, char** argv) { return cronium::controller::Main(argc, argv); }
