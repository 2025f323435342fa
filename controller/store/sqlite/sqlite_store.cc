// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/sqlite_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/proto_time.h"
#include "controller/store/sqlite/change_writer.h"
#include "controller/store/sqlite/connection.h"
#include "controller/store/sqlite/credentials.h"
#include "controller/store/sqlite/idempotency.h"
#include "controller/store/sqlite/job_list.h"
#include "controller/store/sqlite/migrations.h"
#include "controller/store/sqlite/read_pool.h"
#include "controller/store/sqlite/rows.h"

namespace cronium::controller {

using sqlite::CatchSqlite;
using sqlite::Connection;
using sqlite::ParseRow;
using sqlite::Query;
using sqlite::ReadPool;

struct SqliteStore::State {
  State(UniqueFd file_lock, const SqliteStoreOptions& options)
      : lock(std::move(file_lock)),
        writer(options.path, SQLite::OPEN_READWRITE,
               static_cast<int>(absl::ToInt64Milliseconds(options.busy_timeout))),
        readers(options.path, std::max(options.read_connections, 1)) {}

  UniqueFd lock;
  // Used by the caller of Commit alone.
  Connection writer;
  int64_t variable_revision = 0;
  ReadPool readers;
};

namespace {

absl::Status SetUp(Connection& connection, const std::string& path) {
  return CatchSqlite(absl::StrCat(path, ": cannot open the database"), [&]() -> absl::Status {
    // Has to come before anything is written. Deleted pages are kept for reuse until ReclaimSpace.
    connection.Exec("PRAGMA auto_vacuum = INCREMENTAL");
    connection.Exec("PRAGMA journal_mode = WAL");
    connection.Exec("PRAGMA synchronous = FULL");
    connection.Exec("PRAGMA foreign_keys = ON");
    // After a large transaction the file shrinks again.
    connection.Exec("PRAGMA journal_size_limit = 67108864");
    connection.Exec("PRAGMA cache_size = -65536");
    return absl::OkStatus();
  });
}

// Scripts may hold secrets, so nobody else may read the file; SQLite gives the files beside it the
// same mode.
absl::Status MakeFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  return fd.valid() ? absl::OkStatus() : ErrnoError(path, "cannot open the database", errno);
}

// Of a row with execution, output_json, condition.
absl::StatusOr<v1::Execution> ToExecution(Query& row) {
  v1::Execution execution;
  if (auto status = ParseRow(row.Bytes(0), "execution", &execution); !status.ok()) return status;
  execution.set_output_json(std::string(row.Bytes(1)));
  if (!row.IsNull(2)) execution.set_condition(row.Int(2) != 0);
  return execution;
}

absl::StatusOr<v1::Job> ToJob(Query& row) {
  v1::Job job;
  if (auto status = ParseRow(row.Bytes(0), "job", &job); !status.ok()) return status;
  if (auto status = ParseRow(row.Bytes(1), "job's spec", job.mutable_spec()); !status.ok()) {
    return status;
  }
  return job;
}

// Of a row with variable, value_json, revision.
absl::StatusOr<v1::Variable> ToVariable(Query& row) {
  v1::Variable variable;
  if (auto status = ParseRow(row.Bytes(0), "variable", &variable); !status.ok()) return status;
  variable.set_value_json(std::string(row.Bytes(1)));
  variable.set_etag(sqlite::EtagOf(row.Int(2)));
  return variable;
}

// Appends what `convert` makes of each row.
template <typename T, typename Convert>
absl::Status AppendRows(Query& rows, Convert convert, std::vector<T>* out) {
  while (rows.Step()) {
    absl::StatusOr<T> item = convert(rows);
    if (!item.ok()) return item.status();
    out->push_back(*std::move(item));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Node> ToNode(Query& row) {
  v1::Node node;
  if (auto status = ParseRow(row.Bytes(0), "node", &node); !status.ok()) return status;
  return node;
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

SqliteStore::~SqliteStore() = default;

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const SqliteStoreOptions& options) {
  absl::StatusOr<UniqueFd> lock = LockFile(absl::StrCat(options.path, ".lock"));
  if (!lock.ok()) return lock.status();
  if (absl::Status status = MakeFile(options.path); !status.ok()) return status;
  using Result = absl::StatusOr<std::unique_ptr<SqliteStore>>;
  return CatchSqlite(absl::StrCat(options.path, ": cannot open the database"), [&]() -> Result {
    auto state = std::make_unique<State>(*std::move(lock), options);
    // Before anything is written, so that a file that is not ours stays as it is.
    if (auto version = sqlite::SchemaVersion(state->writer); !version.ok()) return version.status();
    if (absl::Status status = SetUp(state->writer, options.path); !status.ok()) return status;
    absl::Status status = sqlite::Migrate(state->writer, sqlite::Schema());
    if (!status.ok()) return status;
    {
      Query query(state->writer, "SELECT value FROM counters WHERE name = 'variable_revision'");
      query.Step();
      state->variable_revision = query.Int(0);
    }
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(state)));
  });
}

absl::StatusOr<std::vector<ChangeResult>> SqliteStore::Commit(absl::Span<const Change> changes) {
  using Result = absl::StatusOr<std::vector<ChangeResult>>;
  return CatchSqlite("cannot commit", [&]() -> Result {
    SQLite::Transaction transaction(state_->writer.db(), SQLite::TransactionBehavior::IMMEDIATE);
    sqlite::ChangeWriter writer(&state_->writer, state_->variable_revision);
    std::vector<ChangeResult> results;
    results.reserve(changes.size());
    for (const Change& change : changes) results.push_back(writer.Apply(change));
    writer.Finish();
    transaction.commit();
    state_->variable_revision = writer.last_revision();
    return results;
  });
}

absl::StatusOr<LiveState> SqliteStore::LoadLiveState() {
  return CatchSqlite("cannot load the live state", [&]() -> absl::StatusOr<LiveState> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    // One snapshot for the three queries.
    const SQLite::Transaction transaction((*lease).db());
    LiveState live;
    Query jobs(*lease,
               "SELECT j.job, s.spec FROM jobs j INDEXED BY jobs_live "
               "CROSS JOIN job_specs s ON s.job = j.pk WHERE j.state < 50 "
               "ORDER BY j.create_time_ns, j.id");
    if (auto status = AppendRows(jobs, ToJob, &live.jobs); !status.ok()) return status;
    Query executions(*lease,
                     "SELECT e.execution, NULL, c.condition "
                     "FROM executions e INDEXED BY executions_live "
                     "CROSS JOIN jobs j ON j.pk = e.job "
                     "LEFT JOIN execution_conditions c ON c.execution = e.pk WHERE e.state < 50 "
                     "AND j.state < 50 "
                     "ORDER BY e.pk");
    if (auto status = AppendRows(executions, ToExecution, &live.executions); !status.ok()) {
      return status;
    }
    Query nodes(*lease, "SELECT node FROM nodes ORDER BY name");
    if (auto status = AppendRows(nodes, ToNode, &live.nodes); !status.ok()) return status;
    return live;
  });
}

absl::StatusOr<v1::Job> SqliteStore::GetJob(absl::string_view job_id) {
  return CatchSqlite("cannot read the job", [&]() -> absl::StatusOr<v1::Job> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease,
              "SELECT j.job, s.spec FROM jobs j JOIN job_specs s ON s.job = j.pk "
              "WHERE j.id = ?",
              job_id);
    if (!row.Step()) return sqlite::JobNotFound(job_id);
    return ToJob(row);
  });
}

absl::StatusOr<Page<v1::Job>> SqliteStore::ListJobs(const JobQuery& query) {
  return CatchSqlite("cannot list jobs", [&]() -> absl::StatusOr<Page<v1::Job>> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    return sqlite::ListJobs(*lease, query);
  });
}

absl::StatusOr<std::vector<v1::Job>> SqliteStore::ListJobsEndedSince(absl::string_view name_space,
                                                                     absl::Time since, int limit) {
  using Result = absl::StatusOr<std::vector<v1::Job>>;
  return CatchSqlite("cannot list ended jobs", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query rows(*lease,
               "SELECT job FROM jobs INDEXED BY jobs_ended WHERE namespace = ? "
               "AND end_time_ns IS NOT NULL AND end_time_ns >= ? ORDER BY end_time_ns LIMIT ?",
               name_space, absl::ToUnixNanos(since), limit);
    std::vector<v1::Job> jobs;
    while (rows.Step()) {
      if (auto status = ParseRow(rows.Bytes(0), "job", &jobs.emplace_back()); !status.ok()) {
        return status;
      }
    }
    return jobs;
  });
}

absl::StatusOr<std::optional<v1::Job>> SqliteStore::FindJobByRequestId(
    absl::string_view name_space, absl::string_view request_id) {
  using Result = absl::StatusOr<std::optional<v1::Job>>;
  return CatchSqlite("cannot read the job", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease,
              "SELECT j.job, s.spec FROM jobs j JOIN job_specs s ON s.job = j.pk "
              "WHERE j.namespace = ? AND j.request_id = ?",
              name_space, request_id);
    if (!row.Step()) return std::optional<v1::Job>();
    return ToJob(row);
  });
}

absl::StatusOr<v1::Execution> SqliteStore::GetExecution(absl::string_view execution_id) {
  return CatchSqlite("cannot read the execution", [&]() -> absl::StatusOr<v1::Execution> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease,
              "SELECT e.execution, o.output_json, c.condition FROM executions e "
              "LEFT JOIN execution_outputs o ON o.execution = e.pk "
              "LEFT JOIN execution_conditions c ON c.execution = e.pk WHERE e.id = ?",
              execution_id);
    if (!row.Step()) return sqlite::ExecutionNotFound(execution_id);
    return ToExecution(row);
  });
}

absl::StatusOr<std::vector<v1::Execution>> SqliteStore::ListExecutions(absl::string_view job_id) {
  using Result = absl::StatusOr<std::vector<v1::Execution>>;
  return CatchSqlite("cannot list executions", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query rows(*lease,
               "SELECT e.execution, o.output_json, c.condition FROM jobs j "
               "CROSS JOIN executions e ON e.job = j.pk "
               "LEFT JOIN execution_outputs o ON o.execution = e.pk "
               "LEFT JOIN execution_conditions c ON c.execution = e.pk "
               "WHERE j.id = ? ORDER BY e.attempt, e.pk",
               job_id);
    std::vector<v1::Execution> executions;
    if (auto status = AppendRows(rows, ToExecution, &executions); !status.ok()) return status;
    return executions;
  });
}

// ---- For retention

absl::StatusOr<std::vector<std::string>> SqliteStore::ListNamespaces() {
  using Result = absl::StatusOr<std::vector<std::string>>;
  return CatchSqlite("cannot list namespaces", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    // From one namespace to the next, rather than over all their jobs.
    Query rows(*lease,
               "WITH RECURSIVE names(name) AS (SELECT min(namespace) FROM jobs UNION ALL "
               "SELECT (SELECT min(namespace) FROM jobs WHERE namespace > name) FROM names "
               "WHERE name IS NOT NULL) SELECT name FROM names WHERE name IS NOT NULL");
    std::vector<std::string> names;
    while (rows.Step()) names.push_back(rows.Text(0));
    return names;
  });
}

absl::StatusOr<EndedJobsUsage> SqliteStore::GetEndedJobsUsage(absl::string_view name_space) {
  return CatchSqlite("cannot count jobs", [&]() -> absl::StatusOr<EndedJobsUsage> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease,
              "SELECT count(*), coalesce(sum(bytes), 0) FROM jobs INDEXED BY jobs_ended "
              "WHERE namespace = ? AND end_time_ns IS NOT NULL",
              name_space);
    row.Step();
    return EndedJobsUsage{.jobs = row.Int(0), .bytes = row.Int(1)};
  });
}

absl::StatusOr<std::vector<EndedJob>> SqliteStore::ListEndedJobs(absl::string_view name_space,
                                                                 int limit) {
  using Result = absl::StatusOr<std::vector<EndedJob>>;
  return CatchSqlite("cannot list ended jobs", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query rows(*lease,
               "SELECT id, coalesce(request_id, ''), end_time_ns, bytes FROM jobs "
               "INDEXED BY jobs_ended WHERE namespace = ? AND end_time_ns IS NOT NULL "
               "ORDER BY end_time_ns LIMIT ?",
               name_space, limit);
    std::vector<EndedJob> jobs;
    while (rows.Step()) {
      jobs.push_back({.id = rows.Text(0),
                      .request_id = rows.Text(1),
                      .end_time = absl::FromUnixNanos(rows.Int(2)),
                      .bytes = rows.Int(3)});
    }
    return jobs;
  });
}

absl::StatusOr<LogHolders> SqliteStore::GetLogHolders(absl::string_view name_space) {
  return CatchSqlite("cannot look for live executions", [&]() -> absl::StatusOr<LogHolders> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    // One snapshot for both queries.
    const SQLite::Transaction transaction((*lease).db());
    LogHolders holders;
    {
      Query oldest(*lease, "SELECT min(create_time_ns) FROM jobs WHERE namespace = ?", name_space);
      oldest.Step();
      if (!oldest.IsNull(0)) holders.oldest_job = absl::FromUnixNanos(oldest.Int(0));
    }
    Query rows(*lease,
               "SELECT e.execution, NULL, NULL FROM jobs j INDEXED BY jobs_live "
               "CROSS JOIN executions e ON e.job = j.pk WHERE j.state < 50 AND j.namespace = ?",
               name_space);
    while (rows.Step()) {
      absl::StatusOr<v1::Execution> execution = ToExecution(rows);
      if (!execution.ok()) return execution.status();
      holders.live.push_back(ToTime(execution->assign_time()));
    }
    return holders;
  });
}

absl::StatusOr<int64_t> SqliteStore::GetUnusedBytes() {
  return CatchSqlite("cannot read the database's size", [&]() -> absl::StatusOr<int64_t> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    SQLite::Database& db = (*lease).db();
    // 0 and 1: a database from before this setting keeps its pages for reuse.
    if (db.execAndGet("PRAGMA auto_vacuum").getInt64() != 2) return 0;
    return db.execAndGet("PRAGMA freelist_count").getInt64() *
           db.execAndGet("PRAGMA page_size").getInt64();
  });
}

absl::StatusOr<v1::Node> SqliteStore::GetNode(absl::string_view name) {
  return CatchSqlite("cannot read the node", [&]() -> absl::StatusOr<v1::Node> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease, "SELECT node FROM nodes WHERE name = ?", name);
    if (!row.Step()) return sqlite::NodeNotFound(name);
    return ToNode(row);
  });
}

absl::StatusOr<Page<v1::Node>> SqliteStore::ListNodes(absl::string_view after_name, int limit) {
  return CatchSqlite("cannot list nodes", [&]() -> absl::StatusOr<Page<v1::Node>> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    const int64_t size = std::max(limit, 1);
    Query rows(*lease, "SELECT node FROM nodes WHERE name > ? ORDER BY name LIMIT ?", after_name,
               size + 1);
    Page<v1::Node> page;
    if (auto status = AppendRows(rows, ToNode, &page.items); !status.ok()) return status;
    if (static_cast<int64_t>(page.items.size()) > size) {
      page.items.pop_back();
      page.more = true;
    }
    return page;
  });
}

absl::StatusOr<v1::Variable> SqliteStore::GetVariable(absl::string_view name_space,
                                                      absl::string_view key) {
  return CatchSqlite("cannot read the variable", [&]() -> absl::StatusOr<v1::Variable> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease,
              "SELECT variable, value_json, revision FROM variables "
              "WHERE namespace = ? AND key = ?",
              name_space, key);
    if (!row.Step()) return sqlite::VariableNotFound(key);
    return ToVariable(row);
  });
}

absl::StatusOr<Page<v1::Variable>> SqliteStore::ListVariables(const VariableQuery& query) {
  return CatchSqlite("cannot list variables", [&]() -> absl::StatusOr<Page<v1::Variable>> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    // Keys are compared as bytes, so those with the prefix are one range that ends at the first key
    // without it.
    const bool go_on = query.after_key >= query.prefix;
    Query rows(*lease,
               absl::StrCat("SELECT variable, value_json, revision, length(value_json), key "
                            "FROM variables WHERE namespace = ? AND key ",
                            go_on ? ">" : ">=", " ? ORDER BY key"),
               query.name_space, go_on ? query.after_key : query.prefix);
    Page<v1::Variable> page;
    int64_t bytes = 0;
    while (rows.Step()) {
      if (rows.Text(4).compare(0, query.prefix.size(), query.prefix) != 0) break;
      bytes += rows.Int(3);
      if (static_cast<int>(page.items.size()) >= std::max(query.limit, 1) ||
          (bytes > query.max_value_bytes && !page.items.empty())) {
        page.more = true;
        break;
      }
      auto variable = ToVariable(rows);
      if (!variable.ok()) return variable.status();
      page.items.push_back(*std::move(variable));
    }
    return page;
  });
}

absl::StatusOr<std::optional<IdempotencyRecord>> SqliteStore::FindIdempotencyRecord(
    absl::string_view execution_id, absl::string_view key) {
  using Result = absl::StatusOr<std::optional<IdempotencyRecord>>;
  return CatchSqlite("cannot read the idempotency record", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    return sqlite::FindRecord(*lease, execution_id, key);
  });
}

absl::StatusOr<StoredCredential> SqliteStore::GetCredential(absl::string_view name) {
  return CatchSqlite("cannot read the credential", [&]() -> absl::StatusOr<StoredCredential> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    return sqlite::ReadCredential(*lease, name);
  });
}

absl::StatusOr<Page<StoredCredential>> SqliteStore::ListCredentials(const CredentialQuery& query) {
  return CatchSqlite("cannot list credentials", [&]() -> absl::StatusOr<Page<StoredCredential>> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    return sqlite::ListCredentials(*lease, query);
  });
}

absl::StatusOr<Page<v1::AuditRecord>> SqliteStore::ListAudit(const AuditQuery& query) {
  return CatchSqlite("cannot list audit records", [&]() -> absl::StatusOr<Page<v1::AuditRecord>> {
    const ReadPool::Lease lease = state_->readers.Acquire();
    return sqlite::ListAudit(*lease, query);
  });
}

absl::StatusOr<std::optional<ApiToken>> SqliteStore::FindApiToken(absl::string_view hash) {
  using Result = absl::StatusOr<std::optional<ApiToken>>;
  return CatchSqlite("cannot read the API token", [&]() -> Result {
    const ReadPool::Lease lease = state_->readers.Acquire();
    Query row(*lease,
              "SELECT hash, name, role, namespace, create_time_ns FROM api_tokens WHERE hash = ?",
              hash);
    if (!row.Step()) return std::optional<ApiToken>();
    return ApiToken{.hash = row.Text(0),
                    .name = row.Text(1),
                    .role = static_cast<v1::Role>(row.Int(2)),
                    .name_space = row.Text(3),
                    .create_time = absl::FromUnixNanos(row.Int(4))};
  });
}

}  // namespace cronium::controller
