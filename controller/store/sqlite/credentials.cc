// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/credentials.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "controller/store/sqlite/rows.h"

namespace cronium::controller::sqlite {
namespace {

// How many records past their age one new record takes along: more than one, so that a backlog
// shrinks.
constexpr int kDropAtOnce = 64;

absl::Status CredentialNotFound(absl::string_view name) {
  return NotFound("CREDENTIAL_NOT_FOUND", "credential", name);
}

// Of a row with credential, sealed, revision, last_use_ns.
absl::StatusOr<StoredCredential> ToCredential(Query& row) {
  StoredCredential stored;
  if (auto status = ParseRow(row.Bytes(0), "credential", &stored.credential); !status.ok()) {
    return status;
  }
  stored.sealed = std::string(row.Bytes(1));
  stored.credential.set_etag(EtagOf(row.Int(2)));
  if (!row.IsNull(3)) {
    SetTime(absl::FromUnixNanos(row.Int(3)), stored.credential.mutable_last_use_time());
  }
  return stored;
}

// What its row's blob holds: all but what has a column.
std::string RowOf(v1::Credential credential) {
  credential.clear_etag();
  credential.clear_last_use_time();
  return credential.SerializeAsString();
}

// Takes up to `limit` rows, and says whether there was another.
template <typename T, typename Convert>
absl::StatusOr<Page<T>> TakePage(Query& rows, int limit, Convert convert) {
  Page<T> page;
  while (rows.Step()) {
    if (static_cast<int>(page.items.size()) >= std::max(limit, 1)) {
      page.more = true;
      break;
    }
    absl::StatusOr<T> item = convert(rows);
    if (!item.ok()) return item.status();
    page.items.push_back(*std::move(item));
  }
  return page;
}

absl::StatusOr<v1::AuditRecord> ToAuditRecord(Query& row) {
  v1::AuditRecord record;
  if (auto status = ParseRow(row.Bytes(1), "audit record", &record); !status.ok()) return status;
  record.set_id(row.Int(0));
  return record;
}

}  // namespace

absl::StatusOr<StoredCredential> ReadCredential(Connection& connection, absl::string_view name) {
  Query row(connection,
            "SELECT credential, sealed, revision, last_use_ns FROM credentials WHERE name = ?",
            name);
  if (!row.Step()) return CredentialNotFound(name);
  return ToCredential(row);
}

absl::StatusOr<Page<StoredCredential>> ListCredentials(Connection& connection,
                                                       const CredentialQuery& query) {
  // There are at most kMaxCredentials, so a filter that no index has is no burden.
  std::string sql =
      "SELECT credential, sealed, revision, last_use_ns FROM credentials c WHERE name > ?";
  if (query.kind.has_value()) sql += " AND kind = ?";
  if (!query.name_space.empty()) {
    sql +=
        " AND EXISTS (SELECT 1 FROM credential_grants g WHERE g.credential = c.name AND "
        "g.namespace = ?)";
  }
  Query rows(connection, absl::StrCat(sql, " ORDER BY name"), query.after_name);
  if (query.kind.has_value()) rows.Bind(static_cast<int>(*query.kind));
  if (!query.name_space.empty()) rows.Bind(query.name_space);
  return TakePage<StoredCredential>(rows, query.limit, ToCredential);
}

absl::StatusOr<Page<v1::AuditRecord>> ListAudit(Connection& connection, const AuditQuery& query) {
  // Records are written in the order of their time but for clocks that were set back, so pk is the
  // order, and each filter has an index that ends with it.
  std::string sql = "SELECT pk, record FROM audit_records WHERE pk < ?";
  if (!query.name_space.empty()) sql += " AND namespace = ?";
  if (!query.job_id.empty()) sql += " AND job = ? AND job <> ''";
  if (query.since.has_value()) sql += " AND time_ns >= ?";
  if (query.until.has_value()) sql += " AND time_ns < ?";
  Query rows(connection, absl::StrCat(sql, " ORDER BY pk DESC"), query.before_id);
  if (!query.name_space.empty()) rows.Bind(query.name_space);
  if (!query.job_id.empty()) rows.Bind(query.job_id);
  if (query.since.has_value()) rows.Bind(absl::ToUnixNanos(*query.since));
  if (query.until.has_value()) rows.Bind(absl::ToUnixNanos(*query.until));
  return TakePage<v1::AuditRecord>(rows, query.limit, ToAuditRecord);
}

absl::Status CredentialWriter::Check(const std::string& name, const std::string& expected_etag) {
  Query row(connection_, "SELECT revision FROM credentials WHERE name = ?", name);
  if (!row.Step()) return CredentialNotFound(name);
  if (expected_etag.empty() || expected_etag == EtagOf(row.Int(0))) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                   absl::StrCat("credential ", name, ": has another etag: read it and try again"),
                   {{"name", name}});
}

void CredentialWriter::PutGrants(const v1::Credential& credential) {
  Query(connection_, "DELETE FROM credential_grants WHERE credential = ?", credential.name()).Run();
  for (const std::string& name_space : credential.namespaces()) {
    Query(connection_,
          "INSERT OR IGNORE INTO credential_grants(credential, namespace) VALUES (?, ?)",
          credential.name(), name_space)
        .Run();
  }
}

ChangeResult CredentialWriter::Insert(const InsertCredential& change, int64_t revision) {
  const std::string& name = change.credential.name();
  if (Check(name, "").ok()) {
    return MakeError(
        absl::StatusCode::kAlreadyExists, "CREDENTIAL_EXISTS",
        absl::StrCat("credential ", name, ": exists; update it, or choose another name"),
        {{"name", name}});
  }
  {
    Query count(connection_, "SELECT count(*) FROM credentials");
    count.Step();
    if (count.Int(0) >= kMaxCredentials) {
      return MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_CREDENTIALS",
                       absl::StrCat("there are ", kMaxCredentials,
                                    " credentials, which is the limit; delete one that is not used "
                                    "(last_use_time) first"));
    }
  }
  const std::string row = RowOf(change.credential);
  Query(connection_,
        "INSERT INTO credentials(name, kind, credential, sealed, revision) VALUES (?, ?, ?, ?, ?)",
        name, static_cast<int>(change.credential.kind()), Blob(row), Blob(change.sealed), revision)
      .Run();
  PutGrants(change.credential);
  if (change.audit.has_value()) Append(*change.audit).IgnoreError();
  return EtagOf(revision);
}

ChangeResult CredentialWriter::Update(const UpdateCredential& change, int64_t revision) {
  const v1::Credential& credential = change.credential;
  if (absl::Status found = Check(credential.name(), change.expected_etag); !found.ok()) {
    return found;
  }
  const std::string row = RowOf(credential);
  Query(connection_,
        "UPDATE credentials SET kind = ?, credential = ?, sealed = ?, revision = ? WHERE name = ?",
        static_cast<int>(credential.kind()), Blob(row), Blob(change.sealed), revision,
        credential.name())
      .Run();
  PutGrants(credential);
  if (change.audit.has_value()) Append(*change.audit).IgnoreError();
  return EtagOf(revision);
}

ChangeResult CredentialWriter::Delete(const DeleteCredential& change) {
  if (absl::Status found = Check(change.name, change.expected_etag); !found.ok()) return found;
  Query(connection_, "DELETE FROM credential_grants WHERE credential = ?", change.name).Run();
  Query(connection_, "DELETE FROM credentials WHERE name = ?", change.name).Run();
  if (change.audit.has_value()) Append(*change.audit).IgnoreError();
  return "";
}

ChangeResult CredentialWriter::Touch(const TouchCredential& change) {
  Query(connection_, "UPDATE credentials SET last_use_ns = ? WHERE name = ?",
        absl::ToUnixNanos(change.time), change.name)
      .Run();
  return "";
}

ChangeResult CredentialWriter::Append(const AppendAudit& change) {
  const v1::AuditRecord& record = change.record;
  const std::string row = record.SerializeAsString();
  Query(connection_,
        "INSERT INTO audit_records(time_ns, namespace, job, record) VALUES (?, ?, ?, ?)",
        ToNanos(record.time()), record.namespace_(), record.job_id(), Blob(row))
      .Run();
  const int64_t id = connection_.db().getLastInsertRowid();
  Query(connection_, "DELETE FROM audit_records WHERE pk <= ?", id - change.limits.max_records)
      .Run();
  Query(connection_,
        "DELETE FROM audit_records WHERE pk IN "
        "(SELECT pk FROM audit_records WHERE time_ns < ? ORDER BY time_ns LIMIT ?)",
        ToNanos(record.time()) - absl::ToInt64Nanoseconds(change.limits.max_age), kDropAtOnce)
      .Run();
  return absl::StrCat(id);
}

}  // namespace cronium::controller::sqlite
