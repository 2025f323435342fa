// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/journal.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace cronium::agent {
namespace {

constexpr int kSchemaVersion = 1;

// Assignments are apart because a record changes several times and an assignment, which may be 2
// MiB, never does.
constexpr const char* kSchema = R"sql(
CREATE TABLE executions (
  number INTEGER PRIMARY KEY,
  execution_id TEXT NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  container_id TEXT NOT NULL,
  accepted_ns INTEGER NOT NULL,
  started_ns INTEGER NOT NULL,
  stop_reason INTEGER NOT NULL,
  stop_ns INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  discarded INTEGER NOT NULL,
  end_acknowledged INTEGER NOT NULL
);
CREATE TABLE assignments (execution_id TEXT PRIMARY KEY, assignment BLOB NOT NULL);
CREATE TABLE reports (
  report_seq INTEGER PRIMARY KEY,
  execution_id TEXT NOT NULL,
  report BLOB NOT NULL
);
CREATE INDEX reports_by_execution ON reports (execution_id);
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
)sql";

constexpr const char* kLastReportSeq = "last_report_seq";
constexpr const char* kLeaseContact = "lease_contact_ns";
constexpr const char* kBootId = "boot_id";
constexpr const char* kStateId = "state_id";

absl::Status FromException(const SQLite::Exception& error, const std::string& path) {
  const std::string message = absl::StrCat(path, ": ", error.what());
  switch (error.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat(path, ": is in use: another agent runs with this state folder"));
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    default:
      return absl::InternalError(message);
  }
}

// A violated rule of the journal, thrown inside a transaction so that it is rolled back.
struct RuleBroken {
  absl::Status status;
};

template <typename Message>
Message Parse(const SQLite::Column& column, const char* table) {
  Message message;
  if (!message.ParseFromArray(column.getBlob(), column.getBytes())) {
    throw RuleBroken{
        absl::DataLossError(absl::StrCat("table ", table, " holds a damaged message"))};
  }
  return message;
}

// The open database and one prepared statement for each thing done to it. Throws SQLite::Exception
// and RuleBroken.
class Statements {
 public:
  explicit Statements(const std::string& path)
      : path_(path), database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    database_.exec("PRAGMA locking_mode = EXCLUSIVE");
    database_.exec("PRAGMA journal_mode = WAL");
    database_.exec("PRAGMA synchronous = FULL");
    Migrate();
    Prepare();
  }

  const std::string& path() const { return path_; }
  SQLite::Database& database() { return database_; }

  JournalContent Load() {
    JournalContent content;
    SQLite::Statement executions(
        database_,
        "SELECT assignment, state, container_id, accepted_ns, started_ns, stop_reason, stop_ns, "
        "last_seq, discarded, end_acknowledged "
        "FROM executions JOIN assignments USING (execution_id) ORDER BY number");
    while (executions.executeStep()) {
      content.executions.push_back(
          {.assignment = Parse<v1::Assignment>(executions.getColumn(0), "assignments"),
           .record = {.state = static_cast<v1::ExecutionState>(executions.getColumn(1).getInt()),
                      .container_id = executions.getColumn(2).getString(),
                      .accepted_ns = executions.getColumn(3).getInt64(),
                      .started_ns = executions.getColumn(4).getInt64(),
                      .stop_reason = static_cast<v1::EndReason>(executions.getColumn(5).getInt()),
                      .stop_ns = executions.getColumn(6).getInt64(),
                      .last_seq = static_cast<uint64_t>(executions.getColumn(7).getInt64()),
                      .discarded = executions.getColumn(8).getInt() != 0,
                      .end_acknowledged = executions.getColumn(9).getInt() != 0}});
    }
    SQLite::Statement reports(database_, "SELECT report FROM reports ORDER BY report_seq");
    while (reports.executeStep()) {
      content.reports.push_back(Parse<v1::ExecutionReport>(reports.getColumn(0), "reports"));
    }
    SQLite::Statement facts(database_, "SELECT name, value FROM facts");
    while (facts.executeStep()) {
      const std::string name = facts.getColumn(0).getString();
      if (name == kLastReportSeq) {
        content.last_report_seq = static_cast<uint64_t>(facts.getColumn(1).getInt64());
      } else if (name == kLeaseContact) {
        content.lease_contact_ns = facts.getColumn(1).getInt64();
      } else if (name == kBootId) {
        content.boot_id = facts.getColumn(1).getString();
      } else if (name == kStateId) {
        content.state_id = facts.getColumn(1).getString();
      }
    }
    return content;
  }

  void Apply(const InsertExecution& change) {
    const std::string bytes = change.assignment.SerializeAsString();
    Run(*insert_assignment_, change.assignment.execution_id(), Blob{bytes});
    RunRecord(*insert_execution_, change.assignment.execution_id(), change.record);
  }

  void Apply(const UpdateExecution& change) {
    if (RunRecord(*update_execution_, change.execution_id, change.record) == 0) {
      throw RuleBroken{absl::NotFoundError(absl::StrCat(change.execution_id, ": is not held"))};
    }
  }

  void Apply(const AddReport& change) {
    const auto seq = static_cast<int64_t>(change.report.report_seq());
    if (Run(*raise_report_seq_, kLastReportSeq, seq) == 0) {
      throw RuleBroken{absl::InternalError(
          absl::StrCat("report_seq ", seq, " is not greater than all before it"))};
    }
    const std::string bytes = change.report.SerializeAsString();
    Run(*insert_report_, seq, change.report.execution_id(), Blob{bytes});
  }

  void Apply(const AcknowledgeReports& change) {
    Run(*delete_reports_upto_, static_cast<int64_t>(change.report_seq));
  }

  void Apply(const EraseExecution& change) {
    if (Run(*delete_execution_, change.execution_id) == 0) {
      throw RuleBroken{absl::FailedPreconditionError(absl::StrCat(
          change.execution_id, ": is not held, or its end report is not yet acknowledged"))};
    }
    Run(*delete_assignment_, change.execution_id);
    Run(*delete_reports_of_, change.execution_id);
  }

  void Apply(const SetLeaseContact& change) { Run(*set_fact_, kLeaseContact, change.contact_ns); }

  void Apply(const SetBootId& change) {
    Run(*set_fact_, kBootId, change.boot_id);
    Run(*set_fact_, kLeaseContact, int64_t{0});
  }

  void Apply(const SetStateId& change) { Run(*set_fact_, kStateId, change.state_id); }

 private:
  struct Blob {
    const std::string& bytes;
  };

  void Migrate() {
    const int version = database_.execAndGet("PRAGMA user_version").getInt();
    if (version > kSchemaVersion) {
      throw RuleBroken{absl::FailedPreconditionError(
          absl::StrCat(path_, ": was written by a newer agent (schema ", version,
                       ", this one knows ", kSchemaVersion, "): install that version again"))};
    }
    if (version == kSchemaVersion) {
      // Takes the lock now rather than with the first commit.
      database_.exec("BEGIN IMMEDIATE; COMMIT");
      return;
    }
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    database_.exec(kSchema);
    database_.exec(absl::StrCat("PRAGMA user_version = ", kSchemaVersion));
    transaction.commit();
  }

  void Prepare() {
    const auto prepare = [this](std::unique_ptr<SQLite::Statement>& out, const char* sql) {
      out = std::make_unique<SQLite::Statement>(database_, sql);
    };
    prepare(insert_assignment_, "INSERT INTO assignments (execution_id, assignment) VALUES (?, ?)");
    prepare(insert_execution_,
            "INSERT INTO executions (execution_id, state, container_id, accepted_ns, started_ns, "
            "stop_reason, stop_ns, last_seq, discarded, end_acknowledged) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    prepare(update_execution_,
            "UPDATE executions SET state = ?2, container_id = ?3, accepted_ns = ?4, "
            "started_ns = ?5, stop_reason = ?6, stop_ns = ?7, last_seq = ?8, discarded = ?9, "
            "end_acknowledged = ?10 WHERE execution_id = ?1");
    prepare(raise_report_seq_,
            "INSERT INTO facts (name, value) VALUES (?1, ?2) "
            "ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value < ?2");
    prepare(insert_report_,
            "INSERT INTO reports (report_seq, execution_id, report) VALUES (?, ?, ?)");
    prepare(delete_reports_upto_, "DELETE FROM reports WHERE report_seq <= ?");
    prepare(delete_execution_,
            "DELETE FROM executions WHERE execution_id = ? AND (discarded OR end_acknowledged)");
    prepare(delete_assignment_, "DELETE FROM assignments WHERE execution_id = ?");
    prepare(delete_reports_of_, "DELETE FROM reports WHERE execution_id = ?");
    prepare(set_fact_,
            "INSERT INTO facts (name, value) VALUES (?1, ?2) "
            "ON CONFLICT (name) DO UPDATE SET value = ?2");
  }

  static void BindOne(SQLite::Statement& statement, int index, const Blob& value) {
    statement.bindNoCopy(index, value.bytes.data(), static_cast<int>(value.bytes.size()));
  }
  template <typename T>
  static void BindOne(SQLite::Statement& statement, int index, const T& value) {
    statement.bind(index, value);
  }

  // Returns how many rows changed.
  template <typename... Values>
  static int Run(SQLite::Statement& statement, const Values&... values) {
    // Not reset(): that throws the error of a run before this one again.
    statement.tryReset();
    int index = 0;
    (BindOne(statement, ++index, values), ...);
    const int changed = statement.exec();
    statement.tryReset();
    statement.clearBindings();
    return changed;
  }

  static int RunRecord(SQLite::Statement& statement, const std::string& id,
                       const ExecutionRecord& record) {
    return Run(statement, id, static_cast<int>(record.state), record.container_id,
               record.accepted_ns, record.started_ns, static_cast<int>(record.stop_reason),
               record.stop_ns, static_cast<int64_t>(record.last_seq),
               static_cast<int>(record.discarded), static_cast<int>(record.end_acknowledged));
  }

  const std::string path_;
  SQLite::Database database_;
  std::unique_ptr<SQLite::Statement> insert_assignment_, insert_execution_, update_execution_,
      raise_report_seq_, insert_report_, delete_reports_upto_, delete_execution_,
      delete_assignment_, delete_reports_of_, set_fact_;
};

class SqliteJournal : public Journal {
 public:
  explicit SqliteJournal(const std::string& path) : statements_(path) {}

  absl::StatusOr<JournalContent> Load() override {
    try {
      return statements_.Load();
    } catch (const SQLite::Exception& error) {
      return FromException(error, statements_.path());
    } catch (const RuleBroken& broken) {
      return absl::Status(broken.status.code(),
                          absl::StrCat(statements_.path(), ": ", broken.status.message()));
    }
  }

  absl::Status Commit(absl::Span<const JournalChange> changes) override {
    if (changes.empty()) return absl::OkStatus();
    try {
      SQLite::Transaction transaction(statements_.database(),
                                      SQLite::TransactionBehavior::IMMEDIATE);
      for (const JournalChange& change : changes) {
        std::visit([this](const auto& typed) { statements_.Apply(typed); }, change);
      }
      transaction.commit();
      return absl::OkStatus();
    } catch (const SQLite::Exception& error) {
      return FromException(error, statements_.path());
    } catch (const RuleBroken& broken) {
      return broken.status;
    }
  }

 private:
  Statements statements_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& path) {
  {
    // SQLite gives its side files the mode of the database, so the database is made first. Closed
    // again before SQLite opens it: closing any descriptor of a file drops the locks that a process
    // has on it.
    const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file.valid()) return ErrnoError(path, "cannot open the journal", errno);
  }
  try {
    return std::unique_ptr<Journal>(std::make_unique<SqliteJournal>(path));
  } catch (const SQLite::Exception& error) {
    return FromException(error, path);
  } catch (const RuleBroken& broken) {
    return broken.status;
  }
}

}  // namespace cronium::agent
