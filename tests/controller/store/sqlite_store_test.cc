// SPDX-License-Identifier: Apache-2.0
// What is SQLite's own: opening, migrations, crashes, a full disk.
#include "controller/store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error.h"
#include "controller/store/sqlite/connection.h"
#include "controller/store/sqlite/migrations.h"
#include "tests/controller/store/messages.h"
#include "tests/controller/store/store_conformance.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using sqlite::Connection;
using sqlite::Migration;
using sqlite::Query;
using testing::HasSubstr;

class SqliteFixture : public StoreFixture {
 public:
  Store& Open() override {
    store_.reset();
    auto store = SqliteStore::Open({.path = dir_.path() + "/state.db"});
    if (!store.ok()) ADD_FAILURE() << store.status();
    store_ = *std::move(store);
    return *store_;
  }

 private:
  TempDir dir_;
  std::unique_ptr<SqliteStore> store_;
};

const auto kSqlite =
    testing::Values(StoreUnderTest{"Sqlite", [] { return std::make_unique<SqliteFixture>(); }});
const auto kName = [](const auto& info) { return info.param.name; };

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, kSqlite, kName);
INSTANTIATE_TEST_SUITE_P(Sqlite, EffectsConformance, kSqlite, kName);

std::unique_ptr<SqliteStore> MustOpen(const std::string& path) {
  auto store = SqliteStore::Open({.path = path});
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

absl::Status CommitOne(Store& store, Change change) {
  return store.Commit(absl::MakeConstSpan(&change, 1)).status();
}

TEST(SqliteStoreTest, TheDatabaseIsForItsOwnerAlone) {
  const TempDir dir;
  auto store = MustOpen(dir.path() + "/state.db");
  ASSERT_TRUE(CommitOne(*store, MakeSet("k", "1")).ok());
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info;
    ASSERT_EQ(stat(absl::StrCat(dir.path(), "/state.db", suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST(SqliteStoreTest, ASecondControllerIsRefused) {
  const TempDir dir;
  auto store = MustOpen(dir.path() + "/state.db");
  const auto second = SqliteStore::Open({.path = dir.path() + "/state.db"});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
  store.reset();
  EXPECT_NE(MustOpen(dir.path() + "/state.db"), nullptr);
}

TEST(SqliteStoreTest, AMissingFolderAndAFileThatIsNoDatabaseAreSaid) {
  const TempDir dir;
  const auto missing = SqliteStore::Open({.path = dir.path() + "/no/state.db"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().message(), HasSubstr("/no/state.db"));

  std::ofstream(dir.path() + "/text.db") << std::string(8192, 'x');
  const auto text = SqliteStore::Open({.path = dir.path() + "/text.db"});
  EXPECT_EQ(text.status().code(), absl::StatusCode::kDataLoss) << text.status();
}

TEST(SqliteStoreTest, ADatabaseOfSomethingElseIsLeftAlone) {
  const TempDir dir;
  const std::string path = dir.path() + "/other.db";
  Connection(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).Exec("CREATE TABLE t(x)");
  const auto store = SqliteStore::Open({.path = path});
  EXPECT_EQ(ErrorReason(store.status()), "NOT_A_CRONIUM_DATABASE") << store.status();
  Connection connection(path, SQLite::OPEN_READWRITE);
  EXPECT_FALSE(connection.db().tableExists("jobs"));
}

TEST(SqliteStoreTest, ANewerSchemaIsRefusedAndLeftAlone) {
  const TempDir dir;
  const std::string path = dir.path() + "/state.db";
  MustOpen(path).reset();
  {
    Connection connection(path, SQLite::OPEN_READWRITE);
    connection.Exec("INSERT INTO schema_version VALUES (999, '2030-01-01T00:00:00Z')");
  }
  const auto store = SqliteStore::Open({.path = path});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(store.status()), "SCHEMA_TOO_NEW");
  EXPECT_THAT(store.status().message(), HasSubstr("999"));
}

TEST(MigrationsTest, ADatabaseOfAnOlderVersionIsBroughtForwardWithItsRows) {
  const TempDir dir;
  Connection connection(dir.path() + "/m.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  constexpr Migration kOld[] = {{1, "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (7)"}};
  constexpr Migration kNew[] = {kOld[0],
                                {2, "ALTER TABLE t ADD COLUMN b TEXT"},
                                {3, "UPDATE t SET b = 'x'; CREATE TABLE u(c)"}};
  ASSERT_TRUE(sqlite::Migrate(connection, kOld).ok());
  ASSERT_TRUE(sqlite::Migrate(connection, kOld).ok()) << "nothing to do is no error";
  EXPECT_EQ(*sqlite::SchemaVersion(connection), 1);
  ASSERT_TRUE(sqlite::Migrate(connection, kNew).ok());
  EXPECT_EQ(*sqlite::SchemaVersion(connection), 3);
  Query row(connection, "SELECT a, b FROM t");
  ASSERT_TRUE(row.Step());
  EXPECT_EQ(row.Int(0), 7);
  EXPECT_EQ(row.Text(1), "x");
}

TEST(MigrationsTest, AStepThatFailsLeavesTheVersionBeforeIt) {
  const TempDir dir;
  Connection connection(dir.path() + "/m.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  constexpr Migration kBroken[] = {{1, "CREATE TABLE t(a)"},
                                   {2, "CREATE TABLE u(a)"},
                                   {3, "CREATE TABLE v(a); INSERT INTO nowhere VALUES (1)"}};
  const absl::Status status = sqlite::Migrate(connection, kBroken);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("schema version 3"));
  EXPECT_EQ(*sqlite::SchemaVersion(connection), 2);
  EXPECT_TRUE(connection.db().tableExists("u"));
  EXPECT_FALSE(connection.db().tableExists("v"));
}

TEST(MigrationsTest, JobsThatHadEndedBeforeRetentionCountAsEndedWhenItCame) {
  const TempDir dir;
  const std::string path = dir.path() + "/old.db";
  {
    Connection connection(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    ASSERT_TRUE(sqlite::Migrate(connection, sqlite::Schema().subspan(0, 1)).ok());
    connection.Exec(
        "INSERT INTO jobs VALUES (1, 'job_ended', 'default', 50, '', 5, NULL, x''),"
        "                        (2, 'job_live', 'default', 20, '', 6, NULL, x'');"
        "INSERT INTO job_specs VALUES (1, x'010203'), (2, x'04');"
        "INSERT INTO executions VALUES (1, 'exec_1', 1, 1, 50, x'');"
        "INSERT INTO execution_outputs VALUES (1, x'0102030405')");
  }
  const absl::Time before = absl::Now() - absl::Seconds(2);
  const auto store = MustOpen(path);
  const auto usage = store->GetEndedJobsUsage("default");
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->jobs, 1);
  EXPECT_EQ(usage->bytes, 3 + 5);
  const auto ended = store->ListEndedJobs("default", 10);
  ASSERT_EQ(ended->size(), 1u);
  EXPECT_EQ((*ended)[0].id, "job_ended");
  EXPECT_GT((*ended)[0].end_time, before);
  EXPECT_EQ(*store->GetUnusedBytes(), 0) << "such a database keeps its pages";
}

TEST(SqliteStatusTest, AQueryOverItsStepLimitIsEnded) {
  const TempDir dir;
  Connection connection(dir.path() + "/m.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  constexpr char kCount[] =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) "
      "SELECT count(*) FROM n";
  const auto count = [&] {
    return sqlite::CatchSqlite("counting", [&]() -> absl::Status {
      Query query(connection, kCount);
      query.Step();
      return absl::OkStatus();
    });
  };
  {
    const sqlite::StepLimit limit(connection, 100'000);
    EXPECT_EQ(count().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(count().ok()) << "the limit ends with its object";
}

TEST(SqliteStoreTest, ALockHeldByAnotherProgramIsUnavailableAndTheSameCommitSucceedsLater) {
  const TempDir dir;
  const std::string path = dir.path() + "/state.db";
  auto opened = SqliteStore::Open({.path = path, .busy_timeout = absl::ZeroDuration()});
  ASSERT_TRUE(opened.ok()) << opened.status();
  SqliteStore* store = opened->get();
  Connection other(path, SQLite::OPEN_READWRITE);
  other.Exec("BEGIN IMMEDIATE");
  EXPECT_EQ(CommitOne(*store, MakeSet("k", "1")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store->GetVariable("default", "k").status().code(), absl::StatusCode::kNotFound)
      << "reads go on";
  other.Exec("ROLLBACK");
  EXPECT_TRUE(CommitOne(*store, MakeSet("k", "1")).ok());
}

// ---- Crashes

// Runs function in a child process, which is killed if it returns. The child has one thread.
pid_t Fork(const std::function<void()>& function) {
  const pid_t pid = fork();
  if (pid == 0) {
    function();
    _exit(0);
  }
  return pid;
}

// Commits variables 0, 1, 2, ... until killed, and writes a byte to fd after each commit returned.
void CommitAndReport(const std::string& path, int fd) {
  auto store = SqliteStore::Open({.path = path});
  if (!store.ok()) _exit(1);
  for (int i = 0;; ++i) {
    std::vector<Change> changes;
    // Two changes of one commit: both or none must be there.
    changes.push_back(MakeSet(absl::StrCat("a", i), "1"));
    changes.push_back(MakeSet(absl::StrCat("b", i), std::string(300, ' ') + "1"));
    if (!(*store)->Commit(changes).ok()) _exit(2);
    if (write(fd, "x", 1) != 1) _exit(3);
  }
}

// Kills such a child once it reported at least `commits`; how many it reported.
int CommitUntilKilled(const std::string& path, int commits) {
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  const pid_t child = Fork([&] {
    close(fds[0]);
    CommitAndReport(path, fds[1]);
  });
  close(fds[1]);
  int reported = 0;
  char byte = 0;
  while (reported < commits && read(fds[0], &byte, 1) == 1) ++reported;
  kill(child, SIGKILL);
  while (read(fds[0], &byte, 1) == 1) ++reported;
  close(fds[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  return reported;
}

// How many of the child's commits are there; checks that they are a prefix, each whole.
int CountCommits(Store& store) {
  std::map<std::string, bool> keys;
  VariableQuery query{.name_space = "default", .limit = 1000};
  while (true) {
    const auto page = store.ListVariables(query);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return -1;
    for (const auto& variable : page->items) keys[variable.key()] = true;
    if (!page->more) break;
    query.after_key = page->items.back().key();
  }
  const int count = static_cast<int>(keys.size() / 2);
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(keys.count(absl::StrCat("a", i)) && keys.count(absl::StrCat("b", i))) << i;
  }
  EXPECT_EQ(keys.size() % 2, 0u);
  return count;
}

TEST(SqliteStoreCrashTest, EveryCommitThatWasReportedIsThereAfterAKill) {
  for (const int commits : {1, 2, 5, 20, 300, 1500}) {
    const TempDir dir;
    const std::string path = dir.path() + "/state.db";
    const int reported = CommitUntilKilled(path, commits);
    ASSERT_GE(reported, commits);
    auto store = MustOpen(path);
    ASSERT_NE(store, nullptr);
    const int found = CountCommits(*store);
    EXPECT_GE(found, reported);
    EXPECT_LE(found, reported + 1) << "at most the one that was not yet reported";
    EXPECT_TRUE(CommitOne(*store, MakeSet("after", "1")).ok());
  }
}

TEST(SqliteStoreCrashTest, ATornWalLeavesWholeCommitsInOrder) {
  const TempDir dir;
  const std::string path = dir.path() + "/state.db";
  const int reported = CommitUntilKilled(path, 100);
  const auto wal_size = std::filesystem::file_size(path + "-wal");
  int last = reported + 1;
  // A power cut may leave any part of what was not yet synced, garbage included.
  for (int step = 0; step < 24; ++step) {
    const TempDir copy;
    const std::string torn = copy.path() + "/state.db";
    std::filesystem::copy(path, torn);
    std::filesystem::copy(path + "-wal", torn + "-wal");
    const auto size = wal_size - wal_size * step / 24 - (step % 3) * 17;
    std::filesystem::resize_file(torn + "-wal", size);
    if (step % 2 == 1) std::ofstream(torn + "-wal", std::ios::app) << std::string(5000, '\xa5');
    auto store = MustOpen(torn);
    ASSERT_NE(store, nullptr);
    const int found = CountCommits(*store);
    EXPECT_LE(found, last) << step;
    last = found;
    EXPECT_TRUE(CommitOne(*store, MakeSet("after", "1")).ok());
  }
  EXPECT_LT(last, reported) << "the cuts reached into commits";
}

// Runs in a mount namespace of a child, so that nothing is left behind.
TEST(SqliteStoreCrashTest, AFullDiskIsResourceExhaustedAndTheCommitSucceedsOnceThereIsRoom) {
  const TempDir dir;
  constexpr int kNotPermitted = 77;
  const pid_t child = Fork([&] {
    const std::string& disk = dir.path();
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0) {
      _exit(kNotPermitted);
    }
    auto store = SqliteStore::Open({.path = disk + "/state.db"});
    if (!store.ok()) _exit(1);
    if (!CommitOne(**store, MakeSet("k", "1")).ok()) _exit(2);
    std::ofstream filler(disk + "/filler");
    for (int i = 0; i < 512 && filler; ++i) filler << std::string(4096, 'x') << std::flush;
    const SetVariable large = MakeSet("large", std::string(200'000, '1'));
    const absl::Status full = CommitOne(**store, large);
    if (full.code() != absl::StatusCode::kResourceExhausted) {
      fprintf(stderr, "%s\n", full.ToString().c_str());
      _exit(3);
    }
    if ((*store)->GetVariable("default", "k")->value_json() != "1") _exit(4);
    filler.close();
    std::filesystem::remove(disk + "/filler");
    if (!CommitOne(**store, large).ok()) _exit(5);
    if ((*store)->GetVariable("default", "large")->value_json().size() != 200'000) _exit(6);
  });
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotPermitted) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace cronium::controller
