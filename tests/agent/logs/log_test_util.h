// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_LOGS_LOG_TEST_UTIL_H_
#define CRONIUM_TESTS_AGENT_LOGS_LOG_TEST_UTIL_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "agent/logs/log_source.h"
#include "common/file.h"
#include "common/log_entries.h"

extern char** environ;

namespace cronium::agent {

// A running agent_logs_helper; killed when destroyed.
class Helper {
 public:
  explicit Helper(std::vector<std::string> args) {
    args.insert(args.begin(), CRONIUM_LOG_HELPER);
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    stdout_.Reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Helper() { Kill(); }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Waits until it has written something to stdout, or has ended.
  void AwaitReady() {
    char byte;
    (void)!read(stdout_.get(), &byte, 1);
  }
  // Exit status once it has ended by itself.
  int Wait() {
    int status = -1;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool Running() {
    int status;
    if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) == 0) return pid_ > 0;
    pid_ = -1;
    exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return false;
  }
  int exit_status() const { return exit_status_; }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  UniqueFd stdout_;
  pid_t pid_ = -1;
  int exit_status_ = -1;
};

// A log read back: whole, and checked for being numbered without gap or repeat.
struct ReadBack {
  std::array<std::string, 2> streams;
  std::vector<v1::LogChunk> chunks;
  uint64_t last_seq = 0;
};

// Adds the next chunks, and checks that they are.
inline void Append(ReadBack* log, const std::vector<v1::LogChunk>& chunks) {
  for (const v1::LogChunk& chunk : chunks) {
    ASSERT_EQ(chunk.first_seq(), log->last_seq + 1);
    ASSERT_GT(chunk.entry_count(), 0u);
    ASSERT_EQ(chunk.entry_count(), CountLogEntries(chunk.data()));
    ASSERT_LE(chunk.data().size(), kMaxLogChunkBytes);
    ASSERT_GT(chunk.time().seconds(), 0);
    log->last_seq += chunk.entry_count();
    log->streams[chunk.stream() == v1::LOG_STREAM_STDERR] += chunk.data();
    log->chunks.push_back(chunk);
  }
}

// Works for LogSource (with an id bound) and ExecutionSpool alike.
template <typename ReadFn>
ReadBack ReadAll(ReadFn read, size_t max_bytes = 100'000) {
  ReadBack log;
  for (;;) {
    const absl::StatusOr<std::vector<v1::LogChunk>> chunks = read(log.last_seq, max_bytes);
    EXPECT_TRUE(chunks.ok()) << chunks.status();
    if (!chunks.ok() || chunks->empty()) return log;
    Append(&log, *chunks);
    if (testing::Test::HasFatalFailure()) return log;
  }
}

// Blocks that a file really takes.
inline int64_t AllocatedBytes(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? int64_t{info.st_blocks} * 512 : -1;
}

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_LOGS_LOG_TEST_UTIL_H_
