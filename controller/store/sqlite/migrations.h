// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_MIGRATIONS_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_MIGRATIONS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/store/sqlite/connection.h"

namespace cronium::controller::sqlite {

// One step of the schema: statements that turn version - 1 into version. Once released it is never
// edited; what must change becomes the next step.
struct Migration {
  int version = 0;
  const char* sql = nullptr;
};

// The database's schema, step by step; the last one's version is the present one.
absl::Span<const Migration> Schema();

// Brings the database to the last version, each step in a transaction of its own, so that one that
// fails leaves the version before it. FAILED_PRECONDITION where the database has a newer version
// than this program knows, or tables that are not ours; nothing is changed then.
absl::Status Migrate(Connection& connection, absl::Span<const Migration> migrations);

// 0 where the database is new.
absl::StatusOr<int> SchemaVersion(Connection& connection);

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_MIGRATIONS_H_
