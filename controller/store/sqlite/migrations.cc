// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/migrations.h"

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/log.h"

namespace cronium::controller::sqlite {

absl::StatusOr<int> SchemaVersion(Connection& connection) {
  return CatchSqlite("schema version", [&]() -> absl::StatusOr<int> {
    if (connection.db().tableExists("schema_version")) {
      Query query(connection, "SELECT max(version) FROM schema_version");
      query.Step();
      return static_cast<int>(query.Int(0));
    }
    Query tables(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1");
    if (tables.Step()) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "NOT_A_CRONIUM_DATABASE",
          absl::StrCat(connection.db().getFilename(), ": has a table \"", tables.Text(0),
                       "\" and no schema_version: not a database of "
                       "this controller; give it another path"));
    }
    return 0;
  });
}

absl::Status Migrate(Connection& connection, absl::Span<const Migration> migrations) {
  const absl::StatusOr<int> found = SchemaVersion(connection);
  if (!found.ok()) return found.status();
  const int newest = migrations.back().version;
  if (*found > newest) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "SCHEMA_TOO_NEW",
        absl::StrCat(connection.db().getFilename(), ": has schema version ", *found,
                     ", and this controller knows versions up to ", newest,
                     ": start the newer controller that wrote it, or restore an older copy"));
  }
  for (const Migration& migration : migrations) {
    if (migration.version <= *found) continue;
    const absl::Status status = CatchSqlite(
        absl::StrCat("migration to schema version ", migration.version), [&]() -> absl::Status {
          SQLite::Transaction transaction(connection.db(), SQLite::TransactionBehavior::IMMEDIATE);
          connection.Exec(
              "CREATE TABLE IF NOT EXISTS schema_version("
              "version INTEGER PRIMARY KEY, apply_time TEXT NOT NULL)");
          connection.Exec(migration.sql);
          Query(connection,
                "INSERT INTO schema_version VALUES (?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
                migration.version)
              .Run();
          transaction.commit();
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    if (*found > 0) {
      LogInfo("database migrated",
              {{"path", connection.db().getFilename()}, {"schema_version", migration.version}});
    }
  }
  return absl::OkStatus();
}

}  // namespace cronium::controller::sqlite
