// SPDX-License-Identifier: Apache-2.0
#include "job_run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

namespace cronium::agent::init {
namespace {

// Only reached by a test that fails.
constexpr int kPatienceMs = 30'000;

}  // namespace

int64_t BootNs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

FifoReader::FifoReader(const std::string& path)
    : fd_(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  EXPECT_GE(fd_, 0) << path;
}

FifoReader::~FifoReader() { close(fd_); }

std::string FifoReader::Read(size_t bytes) {
  std::string result;
  char buffer[65536];
  while (result.size() < bytes) {
    // Linux tells of a hang-up only once there has been a writer.
    pollfd ready = {.fd = fd_, .events = POLLIN};
    if (poll(&ready, 1, kPatienceMs) <= 0) {
      ADD_FAILURE() << "nothing to read for 30 s, after: " << result.substr(0, 1000);
      break;
    }
    const ssize_t length = read(fd_, buffer, std::min(sizeof(buffer), bytes - result.size()));
    if (length == 0) break;
    if (length > 0) result.append(buffer, length);
  }
  return result;
}

std::string FifoReader::ReadLine() {
  std::string line;
  while (true) {
    const std::string c = Read(1);
    if (c.empty() || c == "\n") return line;
    line += c;
  }
}

StatusLines::StatusLines(const std::string& path)
    : fd_(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  EXPECT_GE(fd_, 0) << path;
  EXPECT_EQ(pipe2(stop_, O_CLOEXEC), 0);
  thread_ = std::thread([this] { Take(); });
}

StatusLines::~StatusLines() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
  close(fd_);
}

void StatusLines::Take() {
  char buffer[65536];
  while (true) {
    pollfd ready[] = {{.fd = fd_, .events = POLLIN}, {.fd = stop_[0], .events = 0}};
    if (poll(ready, 2, -1) < 0 || ready[1].revents != 0) break;
    const ssize_t length = read(fd_, buffer, sizeof(buffer));
    if (length < 0 && errno == EAGAIN) continue;
    std::lock_guard lock(mutex_);
    if (length > 0) taken_.append(buffer, length);
    ended_ = length <= 0;
    changed_.notify_all();
    if (ended_) return;
  }
}

std::string StatusLines::Next(bool line) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return ended_ || (line && taken_.find('\n') != std::string::npos); };
  if (!changed_.wait_for(lock, std::chrono::milliseconds(kPatienceMs), there)) {
    ADD_FAILURE() << "no status for 30 s, after: " << taken_;
  }
  const size_t newline = line ? taken_.find('\n') : std::string::npos;
  std::string next = taken_.substr(0, newline == std::string::npos ? newline : newline + 1);
  taken_.erase(0, next.size());
  return next;
}

std::string StatusLines::ReadLine() {
  std::string line = Next(true);
  if (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

std::string StatusLines::AwaitStarted() {
  EXPECT_EQ(ReadLine(), "starting");
  return ReadLine();
}

std::string StatusLines::ReadAll() { return Next(false); }

JobRun::JobRun(bool read_status) {
  std::string pattern = testing::TempDir() + "init-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  dir_ = pattern;
  for (const char* name : {"stdout", "stderr", "status", "go"}) {
    EXPECT_EQ(mkfifo(Path(name).c_str(), 0666), 0);
  }
  out_ = new FifoReader(Path("stdout"));
  err_ = new FifoReader(Path("stderr"));
  if (read_status) status_ = new StatusLines(Path("status"));
  // Held open, so that neither side waits for the other to open it and no line is lost.
  go_ = open(Path("go").c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_GE(go_, 0);
  WriteLease("keep\n");
}

JobRun::~JobRun() {
  if (pid_ != 0) {
    // Its children first: as their adopter it would leave them behind.
    std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) +
                           "/children");
    pid_t child = 0;
    while (children >> child) kill(-child, SIGKILL);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  delete out_;
  delete err_;
  delete status_;
  close(go_);
  std::filesystem::remove_all(dir_);
}

void JobRun::WriteLease(const std::string& text) {
  std::ofstream(Path("lease.new")) << text;
  EXPECT_EQ(rename(Path("lease.new").c_str(), Path("lease").c_str()), 0);
}

void JobRun::WriteScript(const std::string& text, mode_t mode) {
  std::ofstream(Path("script")) << text;
  EXPECT_EQ(chmod(Path("script").c_str(), mode), 0);
}

void JobRun::Start(std::vector<std::string> options, std::vector<std::string> command) {
  std::vector<std::string> words = {CRONIUM_INIT_BINARY, "--job-dir", dir_, "--workdir", "/tmp"};
  if (std::find(options.begin(), options.end(), "--relay") == options.end()) {
    words.insert(words.end(), {"--relay", "none"});
  }
  words.insert(words.end(), options.begin(), options.end());
  words.push_back("--");
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string go = Path("go");
  pid_ = fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
    setenv("GO", go.c_str(), 1);
    execv(argv[0], argv.data());
    _exit(99);
  }
}

bool JobRun::Running() {
  if (pid_ == 0) return false;
  siginfo_t info{};
  return waitid(P_PID, pid_, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

int JobRun::Wait() {
  int wait_status = 0;
  if (pid_ != 0 && waitpid(pid_, &wait_status, 0) == pid_) {
    pid_ = 0;
    exit_code_ = WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  }
  return exit_code_;
}

void JobRun::Go() { EXPECT_EQ(write(go_, "go\n", 3), 3); }

void JobRun::CloseOut() {
  delete out_;
  out_ = nullptr;
}

void JobRun::ReopenOut() { out_ = new FifoReader(Path("stdout")); }

}  // namespace cronium::agent::init
