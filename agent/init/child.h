// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_CHILD_H_
#define CRONIUM_AGENT_INIT_CHILD_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/init/event_loop.h"
#include "agent/init/exec_failure.h"
#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// Where a command's first word leads: itself when it has a slash; else the first file in PATH that
// may be executed, or failing that the first that is there. Empty when PATH has none.
std::string FindCommand(const std::string& name);

// What to run. The folder to run it in is init's own.
struct ChildSpec {
  std::string script;                // run when `command` is empty
  std::vector<std::string> command;  // its first word as FindCommand has it
  int stdout_fd = -1;
  int stderr_fd = -1;
};

// The job's main process: the leader of a session and process group of its own, with /dev/null as
// its input and every signal as it is by default.
//
// Its exec is reported through a pipe that closes when exec succeeds, so the parent never waits
// for it. Belongs to the supervisor; lives on the loop's thread.
class Child final : public EventLoop::Handler {
 public:
  class Listener {
   public:
    virtual void OnExecSucceeded() = 0;
    // The child exits right after, and is reaped as any other.
    virtual void OnExecFailed(const ExecReport& report) = 0;

   protected:
    ~Listener() = default;
  };

  // Nothing returned means that one of the listener's methods will be called; else it says why no
  // process was made.
  std::optional<ExecReport> Start(EventLoop* loop, const ChildSpec& spec, Listener* listener);

  // Reports the exec's outcome now if it was not yet. For when the child is known to have ended,
  // since that news may overtake the other.
  void ResolveExec();

  // 0 before Start and once it was reaped.
  pid_t pid() const { return pid_; }
  void MarkReaped() { pid_ = 0; }

  // Sends `signal` to the process group, which outlives its leader's exec but may not exist just
  // after the fork: then to the process alone. Nothing once the process was reaped, since its
  // number may be another's by then.
  void Signal(int signal) const;

  void OnEvent(int fd, uint32_t events) override;

 private:
  pid_t pid_ = 0;
  EventLoop* loop_ = nullptr;
  Listener* listener_ = nullptr;
  UniqueFd exec_pipe_;
  std::string program_;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_CHILD_H_
