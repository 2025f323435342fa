// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_CONNECTION_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_CONNECTION_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// A thin layer over SQLiteCpp: compiled statements that are kept, and statuses for its exceptions.
// Within this layer and the code that uses it errors are exceptions; CatchSqlite is the edge.
namespace cronium::controller::sqlite {

// The status that fits an error of the library, "WHAT: disk full ...":
//   RESOURCE_EXHAUSTED   no room on disk or in memory, or a query over its step limit
//   UNAVAILABLE          busy, an I/O error, cannot open: may go away
//   DATA_LOSS            damaged, or no database
//   FAILED_PRECONDITION  read-only or not permitted
//   INTERNAL             the rest, which only a bug brings about
absl::Status ToStatus(absl::string_view what, const SQLite::Exception& error);

// Runs function, which returns an absl::Status or StatusOr; an exception of SQLite becomes one.
template <typename Function>
auto CatchSqlite(absl::string_view what, Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const SQLite::Exception& error) {
    return ToStatus(what, error);
  }
}

// A connection and its compiled statements. Used by one thread at a time.
class Connection {
 public:
  // `flags` as for SQLite::Database. Throws SQLite::Exception.
  Connection(const std::string& path, int flags, int busy_timeout_ms = 5000)
      : db_(path, flags | SQLite::OPEN_NOMUTEX, busy_timeout_ms) {}

  SQLite::Database& db() { return db_; }
  void Exec(const std::string& sql) { db_.exec(sql); }

  // The statement, reset and without values; compiled at its first use.
  SQLite::Statement& Prepared(absl::string_view sql);

 private:
  // Texts vary only by which filters a query has; past this they are compiled anew.
  static constexpr size_t kMaxStatements = 128;

  SQLite::Database db_;
  absl::flat_hash_map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
};

// Marks a value that is bound as a blob, and without a copy: it must live as long as the query.
struct Blob {
  explicit Blob(const std::string& bytes) : data(bytes) {}
  explicit Blob(std::string&&) = delete;
  const std::string& data;
};

// One run of a prepared statement; ends its read transaction when destroyed. One at a time per text
// and connection. Throws SQLite::Exception.
//
//   Query query(connection, "SELECT a, b FROM t WHERE c = ? AND d = ?", text, number);
//   while (query.Step()) use(query.Text(0), query.Int(1));
class Query {
 public:
  template <typename... Values>
  Query(Connection& connection, absl::string_view sql, const Values&... values)
      : statement_(connection.Prepared(sql)) {
    (Bind(values), ...);
  }
  ~Query() { statement_.tryReset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // The next parameter.
  void Bind(const Blob& value) {
    statement_.bindNoCopy(++bound_, value.data.data(), static_cast<int>(value.data.size()));
  }
  void Bind(absl::string_view value) { statement_.bind(++bound_, std::string(value)); }
  void Bind(const std::string& value) { statement_.bind(++bound_, value); }
  void Bind(const char* value) { Bind(absl::string_view(value)); }
  void Bind(int64_t value) { statement_.bind(++bound_, value); }
  void Bind(int value) { statement_.bind(++bound_, value); }
  void Bind(std::nullptr_t) { statement_.bind(++bound_); }

  // True where there is another row.
  bool Step() { return statement_.executeStep(); }
  // Runs a statement without rows; how many rows it changed.
  int Run() { return statement_.exec(); }

  int64_t Int(int column) { return statement_.getColumn(column).getInt64(); }
  std::string Text(int column) { return statement_.getColumn(column).getString(); }
  // Valid until the next step.
  absl::string_view Bytes(int column) {
    const SQLite::Column value = statement_.getColumn(column);
    const char* data = static_cast<const char*>(value.getBlob());
    return absl::string_view(data, value.getBytes());
  }
  bool IsNull(int column) { return statement_.getColumn(column).isNull(); }

 private:
  SQLite::Statement& statement_;
  int bound_ = 0;
};

// While it lives, a query of the connection that takes more steps of SQLite's machine than this
// fails with SQLITE_INTERRUPT: a bound on work that does not depend on a clock.
class StepLimit {
 public:
  StepLimit(Connection& connection, int64_t steps);
  ~StepLimit();
  StepLimit(const StepLimit&) = delete;
  StepLimit& operator=(const StepLimit&) = delete;

 private:
  static int Count(void* self);
  Connection& connection_;
  int64_t left_;
};

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_CONNECTION_H_
