// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_CHECKER_H_
#define CRONIUM_TESTS_SIM_CHECKER_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/core/store.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/log.pb.h"
#include "tests/sim/scheduler.h"

namespace cronium::sim {

// What must hold at every step, whatever fails. Is told what really happened, on every side, and
// throws Violation where that breaks a promise.
class Checker {
 public:
  explicit Checker(Scheduler* scheduler) : scheduler_(scheduler) {}

  // ---- Scripts. An execution's begins at most once, and no two of one job run at once.
  void OnScriptStarted(const std::string& job, const std::string& execution);
  void OnScriptEnded(const std::string& job, const std::string& execution);
  // A suspended host's scripts do not run; they do again when its timers had their turn.
  void OnScriptFrozen(const std::string& job, const std::string& execution, bool frozen);
  // The pipe took these bytes of the script.
  void OnWritten(const std::string& execution, int stream, absl::string_view bytes);

  // ---- The controller's stores, as they become durable.
  void OnCommitted(const controller::Change& change);
  // From now on entries up to last_seq hold exactly these bytes.
  void OnLogStored(const std::string& execution, const v1::LogChunk& chunk);

  // ---- Callers.
  void OnAnswered(const std::string& request_id, const std::string& job_id);
  // A watcher is shown this state: only what was committed. Its version.
  uint64_t CheckShown(const v1::Job& job) const;
  // Versions of all jobs that have not ended, or of this one whether it has or not.
  std::map<std::string, uint64_t> Versions(const std::string& job_id) const;
  std::vector<std::string> EndedSince(absl::Duration time) const;
  std::vector<std::string> CollectedSince(absl::Duration time) const;
  bool EndedBefore(const std::string& job_id, absl::Duration time) const;

  bool AllEnded() const;
  // At the end of the run.
  void CheckEnd() const;
  std::string Unended() const;
  size_t jobs() const { return jobs_.size(); }

 private:
  struct Log {
    std::array<std::string, 2> written;
    std::array<size_t, 2> stored = {0, 0};
    uint64_t last_seq = 0;
  };
  struct Script {
    std::string execution;
    bool frozen = false;
  };

  void CheckAlone(const std::string& job) const;
  void CheckJob(const v1::Job& job, bool is_new);
  void CheckExecution(const v1::Execution& execution);
  void CheckCollected(const std::string& job_id);

  Scheduler* const scheduler_;
  std::map<std::string, std::vector<Script>> scripts_;
  // Executions whose script has begun.
  std::set<std::string> begun_;
  std::map<std::string, Log> logs_;
  struct KnownJob {
    // As last committed.
    v1::Job job;
    uint64_t version = 0;
    // By version.
    std::map<uint64_t, v1::JobState> states;
    std::optional<absl::Duration> ended_at;
    std::optional<absl::Duration> collected_at;
  };

  std::map<std::string, KnownJob> jobs_;
  std::map<std::string, v1::Execution> executions_;
  // request id to job.
  std::map<std::string, std::string> accepted_;
  std::map<std::string, std::string> by_request_;
  std::set<std::string> unended_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_CHECKER_H_
