// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_STATUS_H_
#define CRONIUM_AGENT_INIT_STATUS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// The longest line of status, with its newline. Well under PIPE_BUF, so a line is written whole or
// not at all.
constexpr size_t kMaxStatusLine = 511;

// Makes one line of `text`: control characters become spaces, and what is too long is cut between
// two characters. Ends in a newline.
std::string FormatStatusLine(std::string_view text);

// Tells the agent what becomes of the job, through the FIFO `status`. Advisory: the exit code that
// the engine reports is the authority, so a line that does not fit (64 KiB unread) is dropped.
//
//   starting                  the job's program is about to run
//   started <boottime_ns>     it runs
//   warning <word> <text>     it runs, but not as asked; word is workdir or relay
//   error <word> <text>       it could not start; word is exec, lease or fifo
//   relay <addr>:<port>       where the relay listens, when any free port was asked for
//   oom_killed <count>        the kernel killed so many processes of it for their memory
//   stopped                   a TERM came from outside of the container: from its engine, or a
//   person ended exit <code>         the job's main process ended ended signal <n> lease_ended init
//   ends the job, because its lease ended drained                   all output has been read; init
//   exits once this has been, too
//
// Not thread-safe.
class StatusWriter {
 public:
  // An empty result is success; else it says what is wrong with the path.
  std::string Open(const std::string& path);

  void Starting();
  void Started(int64_t boottime_ns);
  void Warning(std::string_view word, std::string_view text);
  void Error(std::string_view word, std::string_view text);
  void Relay(std::string_view address);
  void OomKilled(int64_t count);
  // `wait_status` as waitpid gives it.
  void Ended(int wait_status);
  void Stopped();
  void LeaseEnded();
  void Drained();

  // For those who wait until it has been read; not open where Open failed.
  const UniqueFd& fifo() const { return fd_; }

 private:
  void Write(std::string_view text);

  UniqueFd fd_;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_STATUS_H_
