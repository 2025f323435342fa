// SPDX-License-Identifier: Apache-2.0
#include "controller/retention/retention.h"

#include <future>
#include <memory>
#include <utility>

#include "common/log.h"
#include "common/thread_name.h"

namespace cronium::controller {
namespace {

// Hands over and waits: call(done) must call done once.
template <typename Call>
absl::Status WaitFor(Call call) {
  auto promise = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> future = promise->get_future();
  call([promise](absl::Status status) { promise->set_value(std::move(status)); });
  return future.get();
}

Collector::Actions MakeActions(CoreThread* core, const CommitFunction& commit) {
  Collector::Actions actions;
  // By way of the core, which knows what lives and remembers request ids.
  actions.collect_jobs = [core](CollectJobs jobs) {
    return WaitFor([&](auto done) {
      core->Post(std::move(jobs),
                 [done](const absl::StatusOr<v1::Job>& answer) { done(answer.status()); });
    });
  };
  actions.reclaim = [commit](ReclaimSpace space) {
    return WaitFor([&](auto done) {
      commit({space}, [done](const absl::StatusOr<std::vector<ChangeResult>>& results) {
        done(results.status());
      });
    });
  };
  return actions;
}

}  // namespace

Retention::Retention(RetentionPolicy policy, absl::Duration period, const Clock* clock,
                     Store* store, LogStore* logs, CoreThread* core, const CommitFunction& commit)
    : period_(period),
      collector_(std::move(policy), clock, store, logs, MakeActions(core, commit)) {}

Retention::~Retention() { Stop(); }

void Retention::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Retention::AskToStop() {
  collector_.Stop();
  MutexLock lock(&mutex_);
  stopping_ = true;
  wake_.NotifyAll();
}

void Retention::Stop() {
  AskToStop();
  if (thread_.joinable()) thread_.join();
}

bool Retention::WaitForNext() {
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(period_);
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) return true;
    wake_.WaitFor(&mutex_, left);
  }
  return false;
}

void Retention::Run() {
  SetThreadName("retention");
  while (WaitForNext()) {
    Collected collected;
    if (absl::Status status = collector_.Sweep(&collected); !status.ok()) {
      LogWarning("retention could not finish its sweep; the next one goes on", {{"error", status}});
    }
    if (collected.reclaimed_bytes > 0) {
      LogInfo("space of the database given back", {{"bytes", collected.reclaimed_bytes}});
    }
  }
}

}  // namespace cronium::controller
