// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_STATUS_EVENT_H_
#define CRONIUM_AGENT_LOGS_STATUS_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace cronium::agent {

// One line that cronium-init wrote to the execution's `status` FIFO. Advisory: the job can write
// there too, so nothing that matters may rest on it alone; the engine's exit code is what counts.
struct StatusEvent {
  enum class Kind {
    // `starting`: the script is about to be executed.
    kStarting,
    // `started <boottime_ns>`: the script was executed.
    kStarted,
    // `error <word> <text>`: it could not be; word is exec, workdir, lease or fifo.
    kError,
    // `ended exit <code>` and `ended signal <number>`: the main process ended.
    kEndedExit,
    kEndedSignal,
    // `oom_killed <count>`: processes of the container that the kernel killed for memory.
    kOomKilled,
    // `stopped`: a TERM came from outside of the container.
    kStopped,
    // `lease_ended`: init is ending the job because the lease ended.
    kLeaseEnded,
    // `drained`: both FIFOs are empty; init exits once this was read.
    kDrained,
  };
  Kind kind = Kind::kStarted;
  // kEndedExit: exit code. kEndedSignal: signal number. kOomKilled: how many.
  int code = 0;
  // kError: the word, and the text after it.
  std::string word;
  std::string text;
  // kStarted: CLOCK_BOOTTIME.
  int64_t boottime_ns = 0;
};

// Nothing where the line (without its newline) is none of the above.
std::optional<StatusEvent> ParseStatusLine(absl::string_view line);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_STATUS_EVENT_H_
