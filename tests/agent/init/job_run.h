// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_INIT_JOB_RUN_H_
#define CRONIUM_TESTS_AGENT_INIT_JOB_RUN_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
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

// A job folder of its own and the real cronium-init run on it, without a container: init is then
// not pid 1, and adopts its descendants' orphans instead.
class JobRun {
 public:
  JobRun();
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
  FifoReader& status() { return *status_; }
  // Lets go of stdout as an agent that dies; a new one takes its place.
  void CloseOut();
  void ReopenOut();

 private:
  std::string dir_;
  FifoReader* out_ = nullptr;
  FifoReader* err_ = nullptr;
  FifoReader* status_ = nullptr;
  int go_ = -1;
  pid_t pid_ = 0;
  int exit_code_ = 0;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_TESTS_AGENT_INIT_JOB_RUN_H_
