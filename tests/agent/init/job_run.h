// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_INIT_JOB_RUN_H_
#define CRONIUM_TESTS_AGENT_INIT_JOB_RUN_H_

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cronium::agent::init {

// CLOCK_BOOTTIME, as the lease file has it.
int64_t BootNs();
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kHour = 3'600'000 * kMs;

// One end of a FIFO as the agent would hold it: opened to read, without waiting for a writer.
class FifoReader {
 public:
  explicit FifoReader(const std::string& path);
  ~FifoReader();
  FifoReader(const FifoReader&) = delete;
  FifoReader& operator=(const FifoReader&) = delete;

  // Exactly `bytes` of them; fewer when the writers are gone. Fails the test after 30 s without
  // any.
  std::string Read(size_t bytes);
  std::string ReadLine();
  // All until no writer is left.
  std::string ReadAll() { return Read(SIZE_MAX); }

 private:
  int fd_ = -1;
};

// Takes the lines of `status` as soon as they are written, as the agent does and init waits for.
class StatusLines {
 public:
  explicit StatusLines(const std::string& path);
  ~StatusLines();
  StatusLines(const StatusLines&) = delete;
  StatusLines& operator=(const StatusLines&) = delete;

  // The next, without its newline; empty when init is gone, or has said nothing for 30 s.
  std::string ReadLine();
  // `started`, after the `starting` before it.
  std::string AwaitStarted();
  // What is still to come until init is gone.
  std::string ReadAll();

 private:
  void Take();
  // The rest up to and with the first newline, or all. Waits for it.
  std::string Next(bool line);

  int fd_ = -1;
  // Written to for the thread to end.
  int stop_[2] = {-1, -1};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string taken_;
  bool ended_ = false;
  std::thread thread_;
};

// A job folder of its own and the real cronium-init run on it, without a container: init is then
// not pid 1, and adopts its descendants' orphans instead.
class JobRun {
 public:
  // read_status: else it is left for the test to read, or nobody.
  explicit JobRun(bool read_status = true);
  // Kills what still runs and removes the folder.
  ~JobRun();
  JobRun(const JobRun&) = delete;
  JobRun& operator=(const JobRun&) = delete;

  const std::string& dir() const { return dir_; }
  std::string Path(const std::string& name) const { return dir_ + "/" + name; }

  // Written before it is renamed into place, as the agent does.
  void WriteLease(const std::string& text);
  void WriteScript(const std::string& text, mode_t mode = 0555);

  // With the relay off unless `options` has it. An empty command runs the script.
  void Start(std::vector<std::string> options = {}, std::vector<std::string> command = {});

  pid_t pid() const { return pid_; }
  bool Running();
  // Waits for init to end: its exit code, or -n when signal n killed it.
  int Wait();

  // Lets a script go on that reads a line from $GO, or will.
  void Go();

  // Read on from one call to the next, so that two calls make two parts.
  FifoReader& out() { return *out_; }
  FifoReader& err() { return *err_; }
  StatusLines& status() { return *status_; }
  // Lets go of stdout as an agent that dies; a new one takes its place.
  void CloseOut();
  void ReopenOut();

 private:
  std::string dir_;
  FifoReader* out_ = nullptr;
  FifoReader* err_ = nullptr;
  StatusLines* status_ = nullptr;
  int go_ = -1;
  pid_t pid_ = 0;
  int exit_code_ = 0;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_TESTS_AGENT_INIT_JOB_RUN_H_
