// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/partition_index.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace cronium::controller::logs {

using sqlite::Blob;
using sqlite::CatchSqlite;
using sqlite::Query;

namespace {

// In user_version; another one is made anew.
constexpr int kFormat = 1;

}  // namespace

absl::StatusOr<std::unique_ptr<PartitionIndex>> PartitionIndex::Open(const std::string& path,
                                                                     bool create) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600));
  if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  using Result = absl::StatusOr<std::unique_ptr<PartitionIndex>>;
  return CatchSqlite(path, [&]() -> Result {
    std::unique_ptr<PartitionIndex> index(new PartitionIndex(path, SQLite::OPEN_READWRITE));
    sqlite::Connection& connection = index->connection_;
    connection.Exec("PRAGMA locking_mode = EXCLUSIVE");
    connection.Exec("PRAGMA journal_mode = WAL");
    // A power cut may cost the last writes, and never the rest.
    connection.Exec("PRAGMA synchronous = NORMAL");
    connection.Exec("PRAGMA cache_size = -256");
    int format = 0;
    {
      Query query(connection, "PRAGMA user_version");
      if (query.Step()) format = static_cast<int>(query.Int(0));
    }
    if (format == 0) {
      connection.Exec(absl::StrCat(
          "BEGIN; CREATE TABLE executions(id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;"
          "CREATE TABLE covered(end_offset INTEGER, last_frame INTEGER, last_hash INTEGER);"
          "INSERT INTO covered VALUES (0, 0, 0); PRAGMA user_version = ",
          kFormat, "; COMMIT"));
    } else if (format != kFormat) {
      return absl::DataLossError(absl::StrCat(path, ": has format ", format));
    }
    Query query(connection, "SELECT end_offset, last_frame, last_hash FROM covered");
    if (!query.Step()) return absl::DataLossError(absl::StrCat(path, ": has no covered row"));
    index->covered_ = {.end = static_cast<uint64_t>(query.Int(0)),
                       .last_frame = static_cast<uint64_t>(query.Int(1)),
                       .last_hash = static_cast<uint64_t>(query.Int(2))};
    return index;
  });
}

void PartitionIndex::Remove(const std::string& path) {
  // The file itself first: SQLite takes no notice of a log beside a file that is new.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    unlink(absl::StrCat(path, suffix).c_str());
  }
}

absl::StatusOr<std::optional<std::string>> PartitionIndex::Find(absl::string_view execution_id) {
  using Result = absl::StatusOr<std::optional<std::string>>;
  return CatchSqlite("log index", [&]() -> Result {
    Query query(connection_, "SELECT record FROM executions WHERE id = ?", execution_id);
    if (!query.Step()) return std::optional<std::string>();
    return std::optional(std::string(query.Bytes(0)));
  });
}

absl::Status PartitionIndex::Write(const std::vector<std::pair<std::string, std::string>>& records,
                                   const Covered& covered) {
  return CatchSqlite("log index", [&]() -> absl::Status {
    SQLite::Transaction transaction(connection_.db(), SQLite::TransactionBehavior::IMMEDIATE);
    for (const auto& [id, record] : records) {
      Query(connection_,
            "INSERT INTO executions(id, record) VALUES (?, ?) "
            "ON CONFLICT(id) DO UPDATE SET record = excluded.record",
            id, Blob(record))
          .Run();
    }
    Query(connection_, "UPDATE covered SET end_offset = ?, last_frame = ?, last_hash = ?",
          static_cast<int64_t>(covered.end), static_cast<int64_t>(covered.last_frame),
          static_cast<int64_t>(covered.last_hash))
        .Run();
    transaction.commit();
    covered_ = covered;
    return absl::OkStatus();
  });
}

}  // namespace cronium::controller::logs
