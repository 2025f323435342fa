// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/outcome.h"

#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/end_state.h"

namespace cronium::agent {
namespace {

constexpr int kKilledCode = 128 + SIGKILL;
constexpr int kTerminatedCode = 128 + SIGTERM;
// What a shell, and cronium-init, exits with when it cannot run a command.
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr int kHighestSignal = 64;

struct Verdict {
  v1::EndReason reason;
  std::string message;
};

bool IsSignalCode(int exit_code) { return exit_code > 128 && exit_code <= 128 + kHighestSignal; }

Verdict Signalled(int exit_code) {
  const int signal = exit_code - 128;
  const char* name = sigabbrev_np(signal);
  return {v1::END_REASON_SIGNALLED,
          absl::StrCat("ended by signal ", signal,
                       name == nullptr ? "" : absl::StrCat(" (", name, ")"))};
}

Verdict Exited(int exit_code) {
  return {v1::END_REASON_EXITED,
          exit_code == 0 ? "" : absl::StrCat("the script exited with code ", exit_code)};
}

std::string StopMessage(const EndFacts& facts) {
  if (!facts.stop_message.empty()) return facts.stop_message;
  switch (facts.stop_reason) {
    case v1::END_REASON_CANCELLED:
      return "cancelled";
    case v1::END_REASON_PREPARE_TIMEOUT:
      return "the script did not start within timeouts.prepare";
    case v1::END_REASON_RUN_TIMEOUT:
      return "the script ran for timeouts.run";
    case v1::END_REASON_LEASE_ENDED:
      return "stopped because the node was out of contact for lost_after";
    default:
      return "";
  }
}

// Whether the engine may have ended the container by itself, or made up its exit code: one that
// restarts says 0, 137 or 255 of a container that it lost.
bool EngineWasAway(const EndFacts& facts) {
  return facts.found_ended || (facts.exit.has_value() && facts.exit->engine_lost);
}

// The process end is true where the engine says nothing else.
bool EngineAgrees(const EndFacts& facts) {
  return facts.ended.has_value() &&
         (!facts.exit.has_value() || facts.exit->exit_code == facts.ended->ExitCode());
}

// Whether the script was ended by its engine, or by a person on the host: such an attempt is lost
// to the infrastructure. cronium-init leaves only when what it says was read
// (agent/init/supervisor.h): where its word is missing or the engine's is another, it was killed.
bool WasEndedFromOutside(const EndFacts& facts, int code) {
  if (!facts.ended.has_value()) {
    return facts.error_word.empty() && (EngineWasAway(facts) || code == kKilledCode);
  }
  // One that ended well all the same did what it was there for.
  if (facts.stopped_from_outside && code != 0) return true;
  return EngineWasAway(facts) && !EngineAgrees(facts);
}

Verdict Decide(const EndFacts& facts) {
  const bool by_itself = facts.ended_before_stop && EngineAgrees(facts);
  if (facts.stop_reason != v1::END_REASON_UNSPECIFIED && !by_itself) {
    return {facts.stop_reason, StopMessage(facts)};
  }
  const int code = facts.exit.has_value()    ? facts.exit->exit_code
                   : facts.ended.has_value() ? facts.ended->ExitCode()
                                             : 0;
  if (facts.lease_passed && (facts.lease_line || facts.error_word == "lease" ||
                             (code == kKilledCode && !facts.ended.has_value()))) {
    return {v1::END_REASON_LEASE_ENDED,
            "stopped because the node was out of contact for lost_after"};
  }
  if (!facts.started && !facts.error_word.empty()) {
    return {v1::END_REASON_START_FAILED, facts.error_text};
  }
  if (!facts.exit.has_value() && !facts.ended.has_value()) {
    return {v1::END_REASON_RUNTIME_ERROR, "the container is gone, and how it ended is not known"};
  }
  // A job may claim it for itself, but only about an end by KILL.
  const bool oom = facts.oom_line || (facts.exit.has_value() && facts.exit->oom_killed);
  if (code == kKilledCode && oom) {
    return {v1::END_REASON_OUT_OF_MEMORY,
            absl::StrCat("it used more memory than its limit of ", facts.memory_limit_bytes,
                         " bytes (resources.memory_bytes)")};
  }
  if (WasEndedFromOutside(facts, code)) {
    return {v1::END_REASON_RUNTIME_ERROR,
            "the container was stopped from outside: by its engine, or by a person on its host"};
  }
  if (EngineAgrees(facts)) {
    return facts.ended->signalled ? Signalled(code) : Exited(code);
  }
  // cronium-init's word is missing, or it did not come to its own end.
  if (IsSignalCode(code)) return Signalled(code);
  if (!facts.started && (code == kNotExecutable || code == kNotFound)) {
    return {v1::END_REASON_START_FAILED,
            absl::StrCat("the container ended with code ", code, " before the script started",
                         facts.exit->error.empty() ? "" : ": ", facts.exit->error)};
  }
  return Exited(code);
}

// Bytes can be lost only with the FIFOs themselves: when nobody held them open, and cronium-init,
// which waits for a reader also of its last word, did not end by its own choice.
bool LogUncertain(const EndFacts& facts) {
  return facts.log_lost || (facts.found_ended && !facts.drained);
}

}  // namespace

bool IsPlainExit(const EndFacts& facts) {
  return facts.stop_reason == v1::END_REASON_UNSPECIFIED && facts.started && facts.drained &&
         !facts.lease_line && facts.ended.has_value() && !facts.ended->signalled &&
         facts.ended->code != kKilledCode && facts.ended->code != kTerminatedCode;
}

Outcome DecideOutcome(const EndFacts& facts) {
  const Verdict verdict = Decide(facts);
  Outcome outcome;
  v1::ExecutionEnd& end = outcome.end;
  end.set_reason(verdict.reason);
  end.set_message(verdict.message);
  if (facts.exit.has_value()) {
    end.set_exit_code(facts.exit->exit_code);
  } else if (facts.ended.has_value()) {
    end.set_exit_code(facts.ended->ExitCode());
  }
  end.set_last_seq(facts.last_seq);
  end.set_log_uncertain(LogUncertain(facts));
  outcome.state = EndStateOf(verdict.reason, end.has_exit_code() && end.exit_code() == 0);
  return outcome;
}

}  // namespace cronium::agent
