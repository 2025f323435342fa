// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_OUTCOME_H_
#define CRONIUM_AGENT_EXECUTION_OUTCOME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "agent/runtime/container_runtime.h"
#include "cronium/v1/agent_service.pb.h"
#include "cronium/v1/job.pb.h"

namespace cronium::agent {

// How the script's main process ended, in cronium-init's words.
struct ProcessEnd {
  bool signalled = false;
  // Exit code, or the signal's number.
  int code = 0;

  // As the container's exit code has it.
  int ExitCode() const { return signalled ? 128 + code : code; }
};

// What is known of an execution when it has to be said how it ended.
struct EndFacts {
  // Why we stopped it, UNSPECIFIED where we did not, and what there is to say about that.
  v1::EndReason stop_reason = v1::END_REASON_UNSPECIFIED;
  std::string stop_message;
  // cronium-init's word. The job can write there too, so the engine's word counts where they
  // differ.
  bool started = false;
  std::optional<ProcessEnd> ended;
  // It came before the stop.
  bool ended_before_stop = false;
  bool stopped_from_outside = false;
  bool lease_line = false;
  bool oom_line = false;
  std::string error_word;
  std::string error_text;
  bool drained = false;
  // The engine's word.
  std::optional<ExitInfo> exit;
  // The end in the lease file has passed.
  bool lease_passed = false;
  // It had ended before this agent came to it: what was in the FIFOs then is gone, and the engine
  // may have been away.
  bool found_ended = false;
  // The spool could not be opened again, or is gone with the journal.
  bool log_lost = false;
  int64_t memory_limit_bytes = 0;
  uint64_t last_seq = 0;
};

// Whether cronium-init's word is enough to say how the job ended, before the engine has taken its
// container down. An end by a signal is not: only the engine knows whether it was for memory, or
// whether the engine itself is stopping.
bool IsPlainExit(const EndFacts& facts);

struct Outcome {
  v1::ExecutionState state = v1::EXECUTION_STATE_UNSPECIFIED;
  v1::ExecutionEnd end;
};

Outcome DecideOutcome(const EndFacts& facts);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_OUTCOME_H_
