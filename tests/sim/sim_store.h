// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_STORE_H_
#define CRONIUM_TESTS_SIM_SIM_STORE_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/core_driver.h"
#include "controller/core/store.h"
#include "controller/logs/log_store.h"
#include "tests/sim/checker.h"
#include "tests/sim/scheduler.h"

namespace cronium::sim {

// The controller's database: what a commit made durable is there after any crash. Holds what the
// simulation asks for; the rest is UNIMPLEMENTED.
class SimStore : public controller::Store {
 public:
  explicit SimStore(Checker* checker) : checker_(checker) {}

  // Called with each execution as it becomes durable.
  void SetListener(std::function<void(const v1::Execution&)> listener) {
    listener_ = std::move(listener);
  }
  const std::map<std::string, v1::Job>& jobs() const { return jobs_; }

  absl::StatusOr<std::vector<controller::ChangeResult>> Commit(
      absl::Span<const controller::Change> changes) override;
  absl::StatusOr<controller::LiveState> LoadLiveState() override;
  absl::StatusOr<v1::Job> GetJob(absl::string_view job_id) override;
  absl::StatusOr<std::optional<v1::Job>> FindJobByRequestId(absl::string_view name_space,
                                                            absl::string_view request_id) override;
  absl::StatusOr<v1::Execution> GetExecution(absl::string_view execution_id) override;

  // By state.
  absl::StatusOr<controller::Page<v1::Job>> ListJobs(const controller::JobQuery& query) override;
  absl::StatusOr<std::vector<v1::Job>> ListJobsEndedSince(absl::string_view name_space,
                                                          absl::Time since, int limit) override;
  absl::StatusOr<std::vector<v1::Execution>> ListExecutions(absl::string_view job_id) override;
  absl::StatusOr<std::vector<std::string>> ListNamespaces() override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::EndedJobsUsage> GetEndedJobsUsage(absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<controller::EndedJob>> ListEndedJobs(absl::string_view, int) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::LogHolders> GetLogHolders(absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<int64_t> GetUnusedBytes() override { return absl::UnimplementedError(""); }
  absl::StatusOr<v1::Node> GetNode(absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::Page<v1::Node>> ListNodes(absl::string_view, int) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::Variable> GetVariable(absl::string_view, absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::Page<v1::Variable>> ListVariables(
      const controller::VariableQuery&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::optional<controller::IdempotencyRecord>> FindIdempotencyRecord(
      absl::string_view, absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::StoredCredential> GetCredential(absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::Page<controller::StoredCredential>> ListCredentials(
      const controller::CredentialQuery&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<controller::Page<v1::AuditRecord>> ListAudit(
      const controller::AuditQuery&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::optional<controller::ApiToken>> FindApiToken(absl::string_view) override {
    return absl::UnimplementedError("");
  }

 private:
  void Delete(const std::string& job_id);

  Checker* const checker_;
  std::function<void(const v1::Execution&)> listener_;
  // With spec.
  std::map<std::string, v1::Job> jobs_;
  // Of jobs that live, in the order of creation.
  std::vector<std::string> order_;
  std::map<std::string, v1::Execution> executions_;
  std::vector<std::string> execution_order_;
  std::map<std::string, v1::Node> nodes_;
  std::map<std::string, std::string> requests_;
};

// The controller's log files: what was appended and synced is there after any crash. Decides what
// of a batch is new with the store's own functions (controller/logs/admission.h).
class SimLogs {
 public:
  explicit SimLogs(Checker* checker) : checker_(checker) {}

  absl::StatusOr<controller::AppendResult> Append(const std::string& execution_id,
                                                  const std::vector<v1::LogChunk>& chunks);
  uint64_t DurableSeq(const std::string& execution_id) const;
  controller::ReadResult Read(const std::string& execution_id, uint64_t after_seq,
                              int64_t max_bytes) const;
  std::unique_ptr<controller::LogSubscription> Subscribe(
      const std::string& execution_id, controller::LogStore::DurableCallback callback);
  // Tells who subscribed: the append is durable.
  void Notify(const std::string& execution_id);

 private:
  class Subscription;
  struct Log {
    uint64_t last_seq = 0;
    std::vector<v1::LogChunk> chunks;
  };
  Checker* const checker_;
  std::map<std::string, std::vector<Subscription*>> subscribers_;
  std::map<std::string, Log> logs_;
};

// A disk that does one thing after the other, in the order in which it was asked, slowly or
// sometimes not for a while: under the commits and under the log files. Of what is under way when
// the process dies, the first part has happened and the rest has not; of a transaction, all or
// nothing.
class SimDisk {
 public:
  // `write` makes it durable; `done` tells the process of it.
  struct Job {
    std::function<void()> write;
    std::function<void()> done;
  };

  SimDisk(Scheduler* scheduler, std::string name, bool transactions)
      : scheduler_(scheduler), name_(std::move(name)), transactions_(transactions) {}

  void Submit(Job job);
  // Latency is up to this from now on.
  void SetSlow(absl::Duration max_latency) { max_latency_ = max_latency; }
  // The process died: what waits is dropped, and of what is under way a part is durable.
  void OnCrash();
  // Chance that the process dies right between a write and the word of it.
  void SetCrash(double chance, std::function<void()> crash) {
    crash_chance_ = chance;
    crash_ = std::move(crash);
  }

 private:
  void StartNext();

  Scheduler* const scheduler_;
  const std::string name_;
  const bool transactions_;
  absl::Duration max_latency_ = absl::Milliseconds(3);
  double crash_chance_ = 0;
  std::function<void()> crash_;
  std::deque<Job> waiting_;
  // What one write makes durable.
  std::vector<Job> group_;
  bool busy_ = false;
  uint64_t life_ = 0;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_STORE_H_
