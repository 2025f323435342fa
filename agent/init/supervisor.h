// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_SUPERVISOR_H_
#define CRONIUM_AGENT_INIT_SUPERVISOR_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/init/child.h"
#include "agent/init/drain.h"
#include "agent/init/event_loop.h"
#include "agent/init/lease.h"
#include "agent/init/options.h"
#include "agent/init/relay.h"
#include "agent/init/status.h"
#include "agent/init/timer.h"
#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// How long killed processes may take to go (one may hang in the kernel) before the output is
// drained without them.
constexpr int64_t kMaxKillMs = 5'000;

// One job's life, from start to exit code.
//
//   running --- main process ended --> killing --- nobody else left --> draining --> leaving -->
//   exit
//      |                                  ^
//      +-- lease ended: TERM, grace, KILL-+
//
// Draining waits until the output has been read, leaving until the agent has read how it ended:
// what a FIFO holds is gone with the last who has it open, and an engine that dies with its
// containers may say anything of their ends. So an agent that does not find `drained` knows that
// init was killed. Whatever goes wrong before the job runs takes the same way.
//
// Owned by main; single-threaded; owns all else.
class Supervisor final : public EventLoop::Handler,
                         public Child::Listener,
                         public LeaseTimer::Listener,
                         public Drain::Listener {
 public:
  explicit Supervisor(const Options& options) : options_(options) {}

  // Runs the job to its end and returns what to exit with. Call once.
  int Run();

  void OnEvent(int fd, uint32_t events) override;
  void OnExecSucceeded() override;
  void OnExecFailed(const ExecReport& report) override;
  void OnLeaseEnded(int64_t end_ns) override;
  void OnDrained(bool complete) override;

 private:
  enum class Phase { kRunning, kKilling, kDraining, kLeaving };

  // The stages of starting. Each that can fail is false after it called FailToStart.
  bool OpenSignals();
  bool OpenFifos();
  bool TakeLease();
  void EnterWorkdir();
  void StartRelay();
  void StartChild();
  // Tells the agent and the job's stderr why there will be no job.
  bool FailToStart(std::string_view word, std::string_view text, int exit_code);

  // from_outside: from a process that is none of the container's.
  void OnSignal(int signal, bool from_outside);
  void ReapChildren();
  void OnMainEnded(int wait_status);
  void KillTheRest();
  void StartDraining();

  const Options options_;
  EventLoop loop_;
  StatusWriter status_;
  UniqueFd signals_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  LeaseTimer lease_timer_;
  Relay relay_;
  Child child_;
  Drain drain_;
  // The stop grace while running; looks again for who is left while killing.
  Timer timer_;

  Phase phase_ = Phase::kRunning;
  bool start_failed_ = false;
  bool lease_taken_ = false;
  bool lease_ended_ = false;
  bool children_left_ = false;
  bool stopped_ = false;
  int64_t oom_kills_before_ = 0;
  int64_t killing_since_ns_ = 0;
  int exit_code_ = 0;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_SUPERVISOR_H_
