// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/partition_index.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "controller/logs/hash.h"

namespace cronium::controller::logs {

using sqlite::Blob;
using sqlite::CatchSqlite;
using sqlite::Query;

namespace {

// In user_version; another one is made anew.
constexpr int kFormat = 1;

constexpr char kSchema[] = R"sql(
CREATE TABLE executions(
  bucket INTEGER NOT NULL,
  id TEXT NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(bucket, id)
) WITHOUT ROWID;
CREATE TABLE buckets(bucket INTEGER PRIMARY KEY, sum INTEGER NOT NULL);
CREATE TABLE covered(end_offset INTEGER, last_frame INTEGER, last_hash INTEGER);
INSERT INTO covered VALUES (0, 0, 0);
)sql";

int BucketOf(absl::string_view id, int buckets) { return static_cast<int>(Hash(0, id) % buckets); }

// What a record adds to its bucket's sum.
uint64_t Summand(absl::string_view id, absl::string_view record) {
  return Hash(Hash(0, id), record);
}

// Of an empty bucket: no two the same, so that rows in the wrong place show.
uint64_t EmptySum(int bucket) { return Hash(static_cast<uint64_t>(bucket), "bucket"); }

}  // namespace

absl::StatusOr<std::unique_ptr<PartitionIndex>> PartitionIndex::Open(const std::string& path,
                                                                     bool create) {
  {
    // Closed before SQLite opens it: closing any descriptor of a file drops SQLite's locks on it.
    const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600));
    if (!fd.valid()) return ErrnoError(path, "cannot open", errno);
  }
  using Result = absl::StatusOr<std::unique_ptr<PartitionIndex>>;
  return CatchSqlite(path, [&]() -> Result {
    std::unique_ptr<PartitionIndex> index(new PartitionIndex(path, SQLite::OPEN_READWRITE));
    if (absl::Status status = index->SetUp(); !status.ok()) return status;
    return index;
  });
}

absl::Status PartitionIndex::SetUp() {
  connection_.Exec("PRAGMA locking_mode = EXCLUSIVE");
  connection_.Exec("PRAGMA journal_mode = WAL");
  // A power cut may cost the last writes, and never the rest.
  connection_.Exec("PRAGMA synchronous = NORMAL");
  connection_.Exec("PRAGMA cache_size = -256");
  int format = 0;
  {
    Query query(connection_, "PRAGMA user_version");
    if (query.Step()) format = static_cast<int>(query.Int(0));
  }
  if (format == 0) {
    SQLite::Transaction transaction(connection_.db());
    connection_.Exec(kSchema);
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      Query(connection_, "INSERT INTO buckets VALUES (?, ?)", bucket,
            static_cast<int64_t>(EmptySum(bucket)))
          .Run();
    }
    connection_.Exec(absl::StrCat("PRAGMA user_version = ", kFormat));
    transaction.commit();
  } else if (format != kFormat) {
    return absl::DataLossError(absl::StrCat("log index has format ", format));
  }
  Query query(connection_, "SELECT end_offset, last_frame, last_hash FROM covered");
  if (!query.Step()) return absl::DataLossError("log index has no covered row");
  covered_ = {.end = static_cast<uint64_t>(query.Int(0)),
              .last_frame = static_cast<uint64_t>(query.Int(1)),
              .last_hash = static_cast<uint64_t>(query.Int(2))};
  return absl::OkStatus();
}

void PartitionIndex::Remove(const std::string& path) {
  // The file itself first: SQLite takes no notice of a log beside a file that is new.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    unlink(absl::StrCat(path, suffix).c_str());
  }
}

absl::Status PartitionIndex::Check(int bucket) {
  if (sums_[bucket].has_value()) return absl::OkStatus();
  uint64_t sum = EmptySum(bucket);
  Query rows(connection_, "SELECT id, record FROM executions WHERE bucket = ?", bucket);
  while (rows.Step()) sum += Summand(rows.Text(0), rows.Bytes(1));
  Query expected(connection_, "SELECT sum FROM buckets WHERE bucket = ?", bucket);
  if (!expected.Step() || static_cast<uint64_t>(expected.Int(0)) != sum) {
    return absl::DataLossError(absl::StrCat("log index: the sum of bucket ", bucket, " is wrong"));
  }
  sums_[bucket] = sum;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> PartitionIndex::Find(absl::string_view execution_id) {
  using Result = absl::StatusOr<std::optional<std::string>>;
  return CatchSqlite("log index", [&]() -> Result {
    const int bucket = BucketOf(execution_id, kBuckets);
    if (absl::Status status = Check(bucket); !status.ok()) return status;
    Query query(connection_, "SELECT record FROM executions WHERE bucket = ? AND id = ?", bucket,
                execution_id);
    if (!query.Step()) return std::optional<std::string>();
    return std::optional(std::string(query.Bytes(0)));
  });
}

absl::Status PartitionIndex::Write(const std::vector<std::pair<std::string, std::string>>& records,
                                   const Covered& covered) {
  return CatchSqlite("log index", [&]() -> absl::Status {
    SQLite::Transaction transaction(connection_.db(), SQLite::TransactionBehavior::IMMEDIATE);
    Sums sums;
    for (const auto& [id, record] : records) {
      const int bucket = BucketOf(id, kBuckets);
      const auto old = Find(id);
      if (!old.ok()) return old.status();
      if (!sums[bucket].has_value()) sums[bucket] = sums_[bucket];
      if (old->has_value()) *sums[bucket] -= Summand(id, **old);
      *sums[bucket] += Summand(id, record);
      Query(connection_,
            "INSERT INTO executions(bucket, id, record) VALUES (?, ?, ?) "
            "ON CONFLICT(bucket, id) DO UPDATE SET record = excluded.record",
            bucket, id, Blob(record))
          .Run();
    }
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      if (!sums[bucket].has_value()) continue;
      Query(connection_, "UPDATE buckets SET sum = ? WHERE bucket = ?",
            static_cast<int64_t>(*sums[bucket]), bucket)
          .Run();
    }
    Query(connection_, "UPDATE covered SET end_offset = ?, last_frame = ?, last_hash = ?",
          static_cast<int64_t>(covered.end), static_cast<int64_t>(covered.last_frame),
          static_cast<int64_t>(covered.last_hash))
        .Run();
    transaction.commit();
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      if (sums[bucket].has_value()) sums_[bucket] = sums[bucket];
    }
    covered_ = covered;
    return absl::OkStatus();
  });
}

}  // namespace cronium::controller::logs
