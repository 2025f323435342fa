// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_SQLITE_STORE_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "controller/core/store.h"

namespace cronium::controller {

struct SqliteStoreOptions {
  // The database; its folder must exist. `-wal`, `-shm` and `.lock` files lie beside it.
  std::string path;
  // Reads that run side by side; more wait for one of these.
  int read_connections = 4;
  // How long a commit waits for another program that holds the file (a backup, a shell) before it
  // is UNAVAILABLE.
  absl::Duration busy_timeout = absl::Seconds(5);
};

// Store in one SQLite file: WAL, synchronous=FULL, so that a commit that returned survives a power
// cut. One connection writes; a pool of others reads. No exception leaves it. Thread-safe as Store
// says.
class SqliteStore : public Store {
 public:
  // Opens or makes the database and brings its schema up to date. FAILED_PRECONDITION where another
  // controller has it open, where its schema is newer than this program, or where it is no database
  // of ours.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const SqliteStoreOptions& options);

  ~SqliteStore() override;

  absl::StatusOr<std::vector<ChangeResult>> Commit(absl::Span<const Change> changes) override;

  absl::StatusOr<LiveState> LoadLiveState() override;
  absl::StatusOr<v1::Job> GetJob(absl::string_view job_id) override;
  // Also RESOURCE_EXHAUSTED (LISTING_TOO_BROAD), see sqlite/job_list.h.
  absl::StatusOr<Page<v1::Job>> ListJobs(const JobQuery& query) override;
  absl::StatusOr<std::vector<v1::Job>> ListJobsEndedSince(absl::string_view name_space,
                                                          absl::Time since, int limit) override;
  absl::StatusOr<std::optional<v1::Job>> FindJobByRequestId(absl::string_view name_space,
                                                            absl::string_view request_id) override;
  absl::StatusOr<v1::Execution> GetExecution(absl::string_view execution_id) override;
  absl::StatusOr<std::vector<v1::Execution>> ListExecutions(absl::string_view job_id) override;
  absl::StatusOr<std::vector<std::string>> ListNamespaces() override;
  absl::StatusOr<EndedJobsUsage> GetEndedJobsUsage(absl::string_view name_space) override;
  absl::StatusOr<std::vector<EndedJob>> ListEndedJobs(absl::string_view name_space,
                                                      int limit) override;
  absl::StatusOr<LogHolders> GetLogHolders(absl::string_view name_space) override;
  absl::StatusOr<int64_t> GetUnusedBytes() override;
  absl::StatusOr<v1::Node> GetNode(absl::string_view name) override;
  absl::StatusOr<Page<v1::Node>> ListNodes(absl::string_view after_name, int limit) override;
  absl::StatusOr<v1::Variable> GetVariable(absl::string_view name_space,
                                           absl::string_view key) override;
  absl::StatusOr<Page<v1::Variable>> ListVariables(const VariableQuery& query) override;
  absl::StatusOr<std::optional<IdempotencyRecord>> FindIdempotencyRecord(
      absl::string_view execution_id, absl::string_view key) override;
  absl::StatusOr<StoredCredential> GetCredential(absl::string_view name) override;
  absl::StatusOr<Page<StoredCredential>> ListCredentials(const CredentialQuery& query) override;
  absl::StatusOr<Page<v1::AuditRecord>> ListAudit(const AuditQuery& query) override;
  absl::StatusOr<std::optional<ApiToken>> FindApiToken(absl::string_view hash) override;

 private:
  struct State;
  explicit SqliteStore(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_SQLITE_STORE_H_
