// SPDX-License-Identifier: Apache-2.0
#include "controller/core/core_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "controller/core/spec.h"

namespace cronium::controller {
namespace {

class NoEffects : public CoreEffects {
 public:
  void OnExecution(const ExecutionChange&) override {}
  void OnJob(const v1::Job&) override {}
  void OnSend(const Send&) override {}
  void OnEndSession(const EndSession&) override {}
  void OnHttp(const HttpCommand&) override {}
};

v1::Job NewJob(IdSource* ids) {
  v1::Job job;
  job.set_id(ids->NewId(kJobIdPrefix));
  job.mutable_spec()->mutable_container()->set_image("i");
  FillSpecDefaults(job.mutable_spec());
  return job;
}

// Commits that wait until they are let through.
struct HeldCommits {
  using Done = std::function<void(absl::StatusOr<std::vector<ChangeResult>>)>;
  Mutex mutex;
  CondVar arrived;
  std::vector<std::pair<size_t, Done>> held;

  CommitFunction Function() {
    return [this](std::vector<Change> changes, Done done) {
      MutexLock lock(&mutex);
      held.emplace_back(changes.size(), std::move(done));
      arrived.NotifyAll();
    };
  }
  // Waits for `count` changes in all, then finishes them.
  void LetThrough(size_t count) {
    std::vector<std::pair<size_t, Done>> ready;
    {
      MutexLock lock(&mutex);
      const auto changes = [this] {
        size_t sum = 0;
        for (const auto& [size, done] : held) sum += size;
        return sum;
      };
      while (changes() < count) arrived.Wait(&mutex);
      ready.swap(held);
    }
    for (auto& [size, done] : ready) done(std::vector<ChangeResult>(size, std::string()));
  }
};

TEST(CoreThread, AnswersOnlyAfterTheCommit) {
  RandomIdSource ids;
  RealClock clock;
  Core core({}, &ids);
  HeldCommits commits;
  NoEffects effects;
  CoreThread thread(&core, &clock, commits.Function(), &effects);
  thread.Start({});
  std::promise<absl::StatusOr<v1::Job>> promise;
  std::future<absl::StatusOr<v1::Job>> answer = promise.get_future();
  thread.Post(SubmitJob{NewJob(&ids)},
              [&](absl::StatusOr<v1::Job> job) { promise.set_value(std::move(job)); });
  {
    // The core has handled it once its change has arrived at the store; the answer still waits.
    MutexLock lock(&commits.mutex);
    while (commits.held.empty() || commits.held.back().first == 0) {
      commits.arrived.Wait(&commits.mutex);
    }
  }
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  commits.LetThrough(1);
  EXPECT_TRUE(answer.get().ok());
  thread.Stop();
  commits.LetThrough(0);
}

TEST(CoreThread, RefusesWhatComesAfterItStopped) {
  RandomIdSource ids;
  RealClock clock;
  Core core({}, &ids);
  NoEffects effects;
  CoreThread thread(
      &core, &clock,
      [](std::vector<Change> changes, auto done) {
        done(std::vector<ChangeResult>(changes.size(), std::string()));
      },
      &effects);
  thread.Start({});
  thread.Stop();
  absl::Status status;
  thread.Post(SubmitJob{NewJob(&ids)}, [&](absl::StatusOr<v1::Job> job) { status = job.status(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST(CoreThread, ShowsWhyAJobWaitsAndWhichNodesThereAre) {
  RandomIdSource ids;
  RealClock clock;
  Core core({}, &ids);
  NoEffects effects;
  CoreThread thread(
      &core, &clock,
      [](std::vector<Change> changes, auto done) {
        done(std::vector<ChangeResult>(changes.size(), std::string()));
      },
      &effects);
  thread.Start({});
  v1::Job job = NewJob(&ids);
  const std::string placement_class = PlacementClass(job.spec());
  std::promise<void> accepted;
  thread.Post(SubmitJob{std::move(job)},
              [&](const absl::StatusOr<v1::Job>&) { accepted.set_value(); });
  accepted.get_future().wait();
  EXPECT_EQ(thread.WaitReasonOf(placement_class).reason, "NO_NODES");
  EXPECT_EQ(thread.queued_jobs(), 1u);
  EXPECT_TRUE(thread.ListNodes("", 10).empty());
  EXPECT_FALSE(thread.FindNode("n1").ok());
  thread.Stop();
}

}  // namespace
}  // namespace cronium::controller
