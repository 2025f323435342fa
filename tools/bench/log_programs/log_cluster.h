// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LOG_CLUSTER_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LOG_CLUSTER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/credentials.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "tools/bench/log_programs/follow_result.h"
#include "tools/bench/programs/child_process.h"
#include "tools/bench/programs/controller_process.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

// What each of a number of executions writes.
struct SourceLoad {
  int executions = 1;
  int64_t lines = 0;
  int64_t bytes_per_second = 0;
  // CLOCK_REALTIME: all of them at once.
  int64_t begin_at_ns = 0;
};

// Of the logs of some jobs, as the controller's API has it.
struct StoredLogs {
  int64_t bytes = 0;
  uint64_t entries = 0;
  // Truncated, uncertain, or of a job that is not SUCCEEDED in its first attempt.
  int bad = 0;
};

// A controller and an agent whose jobs are processes of cronium-bench-log-source, on the loopback
// over mutual TLS; and followers, which are processes too. Not thread-safe.
class LogCluster {
 public:
  // bin: folder of the programs. data_dir: where the data folder of both is made.
  static absl::StatusOr<std::unique_ptr<LogCluster>> Start(const std::string& bin,
                                                           const std::string& data_dir,
                                                           int max_executions);

  const Target& target() const { return *target_; }
  // For what else is needed; goes with this.
  const std::string& folder() const { return folder_->path(); }
  pid_t controller_pid() const { return controller_->pid(); }
  pid_t agent_pid() const { return agent_->pid(); }

  // Ids of new jobs, one for each execution.
  absl::StatusOr<std::vector<std::string>> CreateJobs(const SourceLoad& load);
  // Begins to follow them; at their ends, or of what is stored once they ended.
  absl::Status StartFollower(const std::vector<std::string>& job_ids, int64_t lines, bool replay);
  // Waits for its end.
  absl::StatusOr<FollowResult> AwaitFollower();
  absl::StatusOr<StoredLogs> Stored(const std::vector<std::string>& job_ids);
  // What the logs take on the controller's disk.
  int64_t StoredDiskBytes() const;

  // SIGTERM, and their ends. An error where one did not end with 0.
  absl::Status Stop();

 private:
  LogCluster() = default;
  absl::Status StartAgent(int max_executions);

  std::string bin_;
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<ControllerProcess> controller_;
  std::optional<Target> target_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<ChildProcess> agent_;
  int followers_ = 0;
  std::unique_ptr<ChildProcess> follower_;
};

// Writes an identity's files into the folder, beside the certificate of its CA.
absl::StatusOr<TlsFiles> WriteTlsFiles(const std::string& folder, const std::string& name,
                                       const std::string& ca_pem,
                                       const KeyAndCertificate& identity);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LOG_CLUSTER_H_
