// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/change_writer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "controller/core/variable_math.h"
#include "controller/store/sqlite/credentials.h"
#include "controller/store/sqlite/idempotency.h"
#include "controller/store/sqlite/rows.h"

namespace cronium::controller::sqlite {
namespace {

// The stored job has its spec in a row of its own. A copy costs a few microseconds for a usual
// spec, which is less than the row's indexes do.
std::string WithoutSpec(const v1::Job& job) {
  v1::Job row = job;
  row.clear_spec();
  return row.SerializeAsString();
}

// 0 for a job that has not ended.
int64_t EndTimeNs(const v1::Job& job) {
  return job.has_end_time() ? std::max<int64_t>(ToNanos(job.end_time()), 1) : 0;
}

std::optional<int64_t> FindPk(Connection& connection, absl::string_view sql,
                              const std::string& id) {
  Query query(connection, sql, id);
  if (!query.Step()) return std::nullopt;
  return query.Int(0);
}

std::optional<int64_t> FindJob(Connection& connection, const std::string& job_id) {
  return FindPk(connection, "SELECT pk FROM jobs WHERE id = ?", job_id);
}

absl::Status EtagMismatch(absl::string_view key) {
  return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                   absl::StrCat("variable ", key, ": has another etag: read it and try again"),
                   {{"key", key}});
}

// The present revision, or nothing where the variable does not exist.
std::optional<int64_t> FindRevision(Connection& connection, const std::string& name_space,
                                    const std::string& key) {
  Query query(connection, "SELECT revision FROM variables WHERE namespace = ? AND key = ?",
              name_space, key);
  if (!query.Step()) return std::nullopt;
  return query.Int(0);
}

bool EtagFits(const std::string& expected, std::optional<int64_t> revision) {
  if (expected.empty()) return true;
  return revision.has_value() && (expected == "*" || expected == EtagOf(*revision));
}

// The present value, or nothing where the variable does not exist.
std::optional<std::string> FindValue(Connection& connection, const v1::Variable& variable) {
  Query query(connection, "SELECT value_json FROM variables WHERE namespace = ? AND key = ?",
              variable.namespace_(), variable.key());
  if (!query.Step()) return std::nullopt;
  return std::string(query.Bytes(0));
}

// Changes that happen once where they have a key. Those of an effect outside of the database use
// their keys in their own way.
template <typename T>
constexpr bool kMayHaveKey =
    std::is_same_v<T, PutOutput> || std::is_same_v<T, PutCondition> ||
    std::is_same_v<T, SetVariable> || std::is_same_v<T, DeleteVariable> ||
    std::is_same_v<T, IncrementVariable> || std::is_same_v<T, AppendVariable>;

}  // namespace

ChangeResult ChangeWriter::Apply(const Change& change) {
  return std::visit(
      [this](const auto& c) -> ChangeResult {
        if constexpr (kMayHaveKey<std::decay_t<decltype(c)>>) {
          constexpr bool kKeepResult = !std::is_same_v<std::decay_t<decltype(c)>, PutCondition>;
          if (!c.once.empty()) {
            return IdempotencyWriter(&connection_)
                .Once(
                    c.once, [&] { return Write(c); }, kKeepResult);
          }
        }
        return Write(c);
      },
      change);
}

void ChangeWriter::Finish() {
  if (revision_ == first_revision_) return;
  Query(connection_, "UPDATE counters SET value = ? WHERE name = 'variable_revision'", revision_)
      .Run();
}

ChangeResult ChangeWriter::Write(const InsertJob& change) {
  const v1::Job& job = change.job;
  if (FindJob(connection_, job.id()).has_value()) {
    return MakeError(absl::StatusCode::kAlreadyExists, "JOB_ID_EXISTS",
                     absl::StrCat("job ", job.id(), ": exists"), {{"job_id", job.id()}});
  }
  if (!job.request_id().empty()) {
    Query query(connection_, "SELECT id FROM jobs WHERE namespace = ? AND request_id = ?",
                job.namespace_(), job.request_id());
    if (query.Step()) {
      const std::string other = query.Text(0);
      return MakeError(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
                       absl::StrCat("request_id ", job.request_id(), ": was used for job ", other),
                       {{"job_id", other}});
    }
  }
  const int64_t create_time_ns = ToNanos(job.create_time());
  const std::string row = WithoutSpec(job);
  const std::string spec = job.spec().SerializeAsString();
  Query insert(connection_,
               "INSERT INTO jobs(id, namespace, state, node, create_time_ns, request_id, job, "
               "end_time_ns, bytes) VALUES (?, ?, ?, ?, ?, nullif(?, ''), ?, nullif(?, 0), ?)",
               job.id(), job.namespace_(), static_cast<int>(job.state()), job.node(),
               create_time_ns, job.request_id(), Blob(row), EndTimeNs(job),
               static_cast<int64_t>(spec.size()));
  insert.Run();
  const int64_t pk = connection_.db().getLastInsertRowid();
  Query(connection_, "INSERT INTO job_specs(job, spec) VALUES (?, ?)", pk, Blob(spec)).Run();
  for (const auto& [key, value] : job.spec().labels()) {
    Query(connection_,
          "INSERT INTO job_labels(namespace, key, value, create_time_ns, id, job) "
          "VALUES (?, ?, ?, ?, ?, ?)",
          job.namespace_(), key, value, create_time_ns, job.id(), pk)
        .Run();
  }
  return "";
}

ChangeResult ChangeWriter::Write(const UpdateJob& change) {
  const v1::Job& job = change.job;
  const std::string row = WithoutSpec(job);
  Query update(connection_,
               "UPDATE jobs SET state = ?, node = ?, job = ?, end_time_ns = nullif(?, 0) "
               "WHERE id = ?",
               static_cast<int>(job.state()), job.node(), Blob(row), EndTimeNs(job), job.id());
  if (update.Run() == 0) return JobNotFound(job.id());
  return "";
}

ChangeResult ChangeWriter::Write(const PutExecution& change) {
  v1::Execution execution = change.execution;
  execution.clear_output_json();
  const std::string row = execution.SerializeAsString();
  const int state = static_cast<int>(execution.state());
  {
    Query update(connection_, "UPDATE executions SET state = ?, execution = ? WHERE id = ?", state,
                 Blob(row), execution.id());
    if (update.Run() > 0) {
      if (state >= kFirstEndState) {
        IdempotencyWriter(&connection_).MarkEnded(execution.id(), ToNanos(execution.end_time()));
      }
      return "";
    }
  }
  const std::optional<int64_t> job = FindJob(connection_, execution.job_id());
  if (!job.has_value()) return JobNotFound(execution.job_id());
  Query(connection_,
        "INSERT INTO executions(id, job, attempt, state, execution) VALUES (?, ?, ?, ?, ?)",
        execution.id(), *job, execution.attempt(), state, Blob(row))
      .Run();
  return "";
}

ChangeResult ChangeWriter::Write(const PutOutput& change) {
  const absl::StatusOr<int64_t> execution =
      IdempotencyWriter(&connection_).FindLive(change.execution_id);
  if (!execution.ok()) return execution.status();
  Query(connection_,
        "UPDATE jobs SET bytes = bytes + ? - coalesce((SELECT length(output_json) "
        "FROM execution_outputs WHERE execution = ?), 0) "
        "WHERE pk = (SELECT job FROM executions WHERE pk = ?)",
        static_cast<int64_t>(change.output_json.size()), *execution, *execution)
      .Run();
  Query(connection_,
        "INSERT INTO execution_outputs(execution, output_json) VALUES (?, ?) "
        "ON CONFLICT(execution) DO UPDATE SET output_json = excluded.output_json",
        *execution, Blob(change.output_json))
      .Run();
  return "";
}

ChangeResult ChangeWriter::Write(const PutCondition& change) {
  const absl::StatusOr<int64_t> execution =
      IdempotencyWriter(&connection_).FindLive(change.execution_id);
  if (!execution.ok()) return execution.status();
  Query(connection_,
        "INSERT INTO execution_conditions(execution, condition) VALUES (?, ?) "
        "ON CONFLICT(execution) DO UPDATE SET condition = excluded.condition",
        *execution, change.condition ? 1 : 0)
      .Run();
  return "made";
}

ChangeResult ChangeWriter::Write(const DeleteEndedJob& change) {
  // What belongs to it goes with it: foreign keys cascade.
  Query(connection_, "DELETE FROM jobs WHERE id = ? AND end_time_ns IS NOT NULL", change.job_id)
      .Run();
  return "";
}

ChangeResult ChangeWriter::Write(const ReclaimSpace& change) {
  const int64_t page_bytes = connection_.db().execAndGet("PRAGMA page_size").getInt64();
  // Frees one page per step; a database from before this setting frees none.
  const int64_t pages = std::max<int64_t>(change.max_bytes / page_bytes, 1);
  SQLite::Statement vacuum(connection_.db(),
                           absl::StrCat("PRAGMA incremental_vacuum(", pages, ")"));
  while (vacuum.executeStep()) {
  }
  return "";
}

ChangeResult ChangeWriter::Write(const PutNode& change) {
  const std::string row = change.node.SerializeAsString();
  Query(connection_,
        "INSERT INTO nodes(name, node) VALUES (?, ?) "
        "ON CONFLICT(name) DO UPDATE SET node = excluded.node",
        change.node.name(), Blob(row))
      .Run();
  return "";
}

ChangeResult ChangeWriter::Write(const SetVariable& change) {
  const v1::Variable& variable = change.variable;
  const auto present = FindRevision(connection_, variable.namespace_(), variable.key());
  if (!EtagFits(change.expected_etag, present)) return EtagMismatch(variable.key());
  return PutVariable(variable, variable.value_json());
}

std::string ChangeWriter::PutVariable(const v1::Variable& variable, const std::string& value_json) {
  v1::Variable rest;
  rest.set_namespace_(variable.namespace_());
  rest.set_key(variable.key());
  *rest.mutable_update_time() = variable.update_time();
  rest.set_updater(variable.updater());
  const std::string row = rest.SerializeAsString();
  const int64_t revision = ++revision_;
  Query(connection_,
        "INSERT INTO variables(namespace, key, revision, variable, value_json) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT(namespace, key) DO UPDATE SET "
        "revision = excluded.revision, variable = excluded.variable, "
        "value_json = excluded.value_json",
        variable.namespace_(), variable.key(), revision, Blob(row), Blob(value_json))
      .Run();
  return EtagOf(revision);
}

ChangeResult ChangeWriter::Write(const IncrementVariable& change) {
  const std::string present = FindValue(connection_, change.variable).value_or("0");
  absl::StatusOr<std::string> value =
      IncrementedValue(change.variable.key(), present, change.by_json);
  if (!value.ok()) return value.status();
  v1::Variable result;
  result.set_etag(PutVariable(change.variable, *value));
  result.set_value_json(*std::move(value));
  return result.SerializeAsString();
}

ChangeResult ChangeWriter::Write(const AppendVariable& change) {
  const std::string present = FindValue(connection_, change.variable).value_or("\"\"");
  const absl::StatusOr<std::string> value =
      AppendedValue(change.variable.key(), present, change.separator_json, change.text_json);
  if (!value.ok()) return value.status();
  return PutVariable(change.variable, *value);
}

ChangeResult ChangeWriter::Write(const BeginEffect& change) {
  return IdempotencyWriter(&connection_).Begin(change.once);
}

ChangeResult ChangeWriter::Write(const FinishEffect& change) {
  return IdempotencyWriter(&connection_).Finish(change.once, change.result);
}

ChangeResult ChangeWriter::Write(const CancelEffect& change) {
  return IdempotencyWriter(&connection_).Cancel(change.once);
}

ChangeResult ChangeWriter::Write(const SweepIdempotencyRecords& change) {
  return IdempotencyWriter(&connection_).Sweep(change.ended_before, change.limit);
}

ChangeResult ChangeWriter::Write(const DeleteVariable& change) {
  const auto present = FindRevision(connection_, change.name_space, change.key);
  if (!present.has_value()) return VariableNotFound(change.key);
  if (!EtagFits(change.expected_etag, present)) return EtagMismatch(change.key);
  Query(connection_, "DELETE FROM variables WHERE namespace = ? AND key = ?", change.name_space,
        change.key)
      .Run();
  return "";
}

// Credentials share the counter of variables' revisions, so that an etag never comes back.
ChangeResult ChangeWriter::Write(const InsertCredential& change) {
  return CredentialWriter(&connection_).Insert(change, ++revision_);
}

ChangeResult ChangeWriter::Write(const UpdateCredential& change) {
  return CredentialWriter(&connection_).Update(change, ++revision_);
}

ChangeResult ChangeWriter::Write(const DeleteCredential& change) {
  return CredentialWriter(&connection_).Delete(change);
}

ChangeResult ChangeWriter::Write(const TouchCredential& change) {
  return CredentialWriter(&connection_).Touch(change);
}

ChangeResult ChangeWriter::Write(const AppendAudit& change) {
  return CredentialWriter(&connection_).Append(change);
}

ChangeResult ChangeWriter::Write(const PutApiToken& change) {
  const ApiToken& token = change.token;
  Query(connection_,
        "INSERT INTO api_tokens(hash, name, role, namespace, create_time_ns) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT(hash) DO UPDATE SET name = excluded.name, "
        "role = excluded.role, namespace = excluded.namespace",
        token.hash, token.name, static_cast<int>(token.role), token.name_space,
        absl::ToUnixNanos(token.create_time))
      .Run();
  return "";
}

}  // namespace cronium::controller::sqlite
