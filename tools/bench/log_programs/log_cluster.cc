// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/log_cluster.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/rpc/status.h"

namespace cronium::bench {
namespace {

constexpr char kNode[] = "bench";
// The most that a job may keep: between head and tail nothing is left out below it.
constexpr int64_t kLogBytes = int64_t{1} << 30;
// Of a job; the smallest there is, since nothing holds these processes to them.
constexpr int kCpuMillis = 10;
constexpr int64_t kMemoryBytes = int64_t{8} << 20;

v1::CreateJobRequest RequestFor(const SourceLoad& load) {
  v1::CreateJobRequest request;
  v1::ContainerSpec* const container = request.mutable_spec()->mutable_container();
  container->set_image("bench");
  container->mutable_resources()->set_log_bytes(kLogBytes);
  container->mutable_resources()->set_cpu_millis(kCpuMillis);
  container->mutable_resources()->set_memory_bytes(kMemoryBytes);
  v1::Script* const script = container->mutable_script();
  script->set_content("what cronium-bench-log-source does\n");
  for (const auto& [name, value] :
       {std::pair{"--lines", load.lines}, std::pair{"--bytes-per-second", load.bytes_per_second},
        std::pair{"--begin-at-ns", load.begin_at_ns}}) {
    script->add_args(name);
    script->add_args(absl::StrCat(value));
  }
  return request;
}

// What the agent looks for there, though nothing of it is run.
absl::Status MakeInjectFolder(const std::string& folder) {
  for (const char* file : {"bin/cronium-init", "lib/cronium.sh"}) {
    const std::string path = absl::StrCat(folder, "/", file);
    absl::Status made = MakeDirectories(path.substr(0, path.rfind('/')), 0755);
    if (made.ok()) made = WriteFileAtomic(path, "", 0644);
    if (!made.ok()) return made;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsFiles> WriteTlsFiles(const std::string& folder, const std::string& name,
                                       const std::string& ca_pem,
                                       const KeyAndCertificate& identity) {
  const TlsFiles files = {.ca = absl::StrCat(folder, "/ca.crt"),
                          .certificate = absl::StrCat(folder, "/", name, ".crt"),
                          .key = absl::StrCat(folder, "/", name, ".key")};
  for (const auto& [path, text] :
       {std::pair{files.ca, ca_pem}, std::pair{files.certificate, identity.certificate_pem},
        std::pair{files.key, identity.key_pem}}) {
    if (absl::Status s = WriteFileAtomic(path, text, 0600); !s.ok()) return s;
  }
  return files;
}

absl::StatusOr<std::unique_ptr<LogCluster>> LogCluster::Start(const std::string& bin,
                                                              const std::string& data_dir,
                                                              int max_executions) {
  std::unique_ptr<LogCluster> cluster(new LogCluster());
  cluster->bin_ = bin;
  absl::StatusOr<std::unique_ptr<TemporaryFolder>> folder = TemporaryFolder::Make(data_dir);
  if (!folder.ok()) return folder.status();
  cluster->folder_ = *std::move(folder);
  absl::StatusOr<std::unique_ptr<ControllerProcess>> controller = ControllerProcess::Start(
      absl::StrCat(bin, "/cronium-controller"), cluster->folder_->path(), /*dev=*/false);
  if (!controller.ok()) return controller.status();
  cluster->controller_ = *std::move(controller);
  absl::StatusOr<Target> target =
      Target::Tls(cluster->controller_->address(), cluster->controller_->data_dir());
  if (!target.ok()) return target.status();
  cluster->target_ = *std::move(target);
  cluster->jobs_ = v1::JobService::NewStub(cluster->target_->ClientChannel());
  if (absl::Status started = cluster->StartAgent(max_executions); !started.ok()) return started;
  return cluster;
}

absl::Status LogCluster::StartAgent(int max_executions) {
  const std::string& path = folder_->path();
  const absl::StatusOr<KeyAndCertificate> identity = target_->IssueNode(kNode);
  if (!identity.ok()) return identity.status();
  const absl::StatusOr<TlsFiles> tls =
      WriteTlsFiles(path, "node", target_->ca_certificate_pem(), *identity);
  if (!tls.ok()) return tls.status();
  const std::string inject = absl::StrCat(path, "/inject");
  if (absl::Status made = MakeInjectFolder(inject); !made.ok()) return made;
  absl::StatusOr<std::unique_ptr<ChildProcess>> agent =
      ChildProcess::Start({absl::StrCat(bin_, "/cronium-bench-log-agent"),
                           "--controller",
                           controller_->address(),
                           "--ca",
                           tls->ca,
                           "--certificate",
                           tls->certificate,
                           "--key",
                           tls->key,
                           "--state-dir",
                           absl::StrCat(path, "/agent"),
                           "--gateway-dir",
                           absl::StrCat(path, "/api"),
                           "--inject-dir",
                           inject,
                           "--slots",
                           absl::StrCat(max_executions),
                           "--cpu-millis",
                           absl::StrCat(max_executions * kCpuMillis),
                           "--memory-bytes",
                           absl::StrCat(max_executions * kMemoryBytes)},
                          absl::StrCat(path, "/agent.log"));
  if (!agent.ok()) return agent.status();
  agent_ = *std::move(agent);
  return agent_->WaitForLine("agent started").status();
}

absl::StatusOr<std::vector<std::string>> LogCluster::CreateJobs(const SourceLoad& load) {
  const v1::CreateJobRequest request = RequestFor(load);
  std::vector<std::string> ids;
  for (int i = 0; i < load.executions; ++i) {
    grpc::ClientContext context;
    target_->IdentifyClient(&context);
    v1::CreateJobResponse response;
    const grpc::Status status = jobs_->CreateJob(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    ids.push_back(response.job().id());
  }
  return ids;
}

absl::Status LogCluster::StartFollower(const std::vector<std::string>& job_ids, int64_t lines,
                                       bool replay) {
  std::vector<std::string> command = {absl::StrCat(bin_, "/cronium-bench-follow"),
                                      "--controller",
                                      controller_->address(),
                                      "--controller-data-dir",
                                      controller_->data_dir(),
                                      "--lines",
                                      absl::StrCat(lines)};
  if (replay) command.emplace_back("--replay");
  command.insert(command.end(), job_ids.begin(), job_ids.end());
  // A log of its own, so that a line is not one of the process before.
  absl::StatusOr<std::unique_ptr<ChildProcess>> follower =
      ChildProcess::Start(command, absl::StrCat(folder_->path(), "/follow-", ++followers_, ".log"));
  if (!follower.ok()) return follower.status();
  follower_ = *std::move(follower);
  return absl::OkStatus();
}

absl::StatusOr<FollowResult> LogCluster::AwaitFollower() {
  if (absl::Status ended = follower_->Wait(); !ended.ok()) return ended;
  return FollowResult::FromJson(follower_->FindInLog("{"));
}

absl::StatusOr<StoredLogs> LogCluster::Stored(const std::vector<std::string>& job_ids) {
  StoredLogs stored;
  for (const std::string& id : job_ids) {
    grpc::ClientContext context;
    target_->IdentifyClient(&context);
    v1::GetJobRequest request;
    request.set_job_id(id);
    request.set_include_executions(true);
    v1::GetJobResponse response;
    const grpc::Status status = jobs_->GetJob(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    if (response.job().state() != v1::JOB_STATE_SUCCEEDED || response.executions_size() != 1) {
      ++stored.bad;
      continue;
    }
    const v1::LogSummary& log = response.executions(0).log();
    stored.bytes += static_cast<int64_t>(log.bytes());
    stored.entries += log.last_seq();
    if (log.truncated() || log.uncertain() || log.collected()) ++stored.bad;
  }
  return stored;
}

int64_t LogCluster::StoredDiskBytes() const {
  int64_t bytes = 0;
  std::error_code error;
  const std::string logs = absl::StrCat(controller_->data_dir(), "/logs");
  for (std::filesystem::recursive_directory_iterator it(logs, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error)) bytes += static_cast<int64_t>(it->file_size(error));
  }
  return bytes;
}

absl::Status LogCluster::Stop() {
  absl::Status stopped = agent_->Stop();
  if (absl::Status controller = controller_->Stop(); stopped.ok()) stopped = controller;
  return stopped;
}

}  // namespace cronium::bench
