// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/fake_runtime.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error.h"

namespace cronium::agent {
namespace {

constexpr std::chrono::seconds kPatience(30);

absl::Status NoContainer(const std::string& name) {
  return MakeError(absl::StatusCode::kNotFound, kContainerNotFound,
                   absl::StrCat("no such container: ", name));
}

absl::Status NoImage(const std::string& image) {
  return MakeError(absl::StatusCode::kNotFound, kImageNotFound,
                   absl::StrCat("image ", image, ": no such image"));
}

bool HasAll(const std::map<std::string, std::string>& labels,
            const std::map<std::string, std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto found = labels.find(want.first);
    return found != labels.end() && found->second == want.second;
  });
}

}  // namespace

std::map<std::string, FakeEngine::Container>::iterator FakeEngine::Find(
    const std::string& container) {
  return std::find_if(containers_.begin(), containers_.end(), [&](const auto& entry) {
    return entry.first == container || entry.second.id == container;
  });
}

bool FakeEngine::End(const std::string& name, ExitInfo exit) {
  const auto found = containers_.find(name);
  if (found == containers_.end() || found->second.state != ContainerState::kRunning) return false;
  exit.started_at = found->second.exit.started_at;
  exit.finished_at = absl::Now();
  found->second.exit = exit;
  found->second.state = ContainerState::kEnded;
  for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
    if (waiter->name != name) {
      ++waiter;
      continue;
    }
    waiter->runtime->answers_.push_back([done = std::move(waiter->done), exit]() { done(exit); });
    waiter = waiters_.erase(waiter);
  }
  changed_.NotifyAll();
  return true;
}

FakeRuntime::FakeRuntime() : FakeRuntime(std::make_shared<FakeEngine>()) {}

FakeRuntime::FakeRuntime(std::shared_ptr<FakeEngine> engine) : engine_(std::move(engine)) {
  thread_ = std::thread([this] { Run(); });
}

FakeRuntime::~FakeRuntime() {
  {
    MutexLock lock(&engine_->mutex_);
    stopping_ = true;
    engine_->changed_.NotifyAll();
  }
  thread_.join();
}

void FakeRuntime::Run() {
  for (;;) {
    Call call;
    absl::Status failure;
    std::function<void()> answer;
    bool have_call = false;
    bool stopping;
    {
      MutexLock lock(&engine_->mutex_);
      for (;;) {
        stopping = stopping_;
        if (!answers_.empty()) {
          answer = std::move(answers_.front());
          answers_.pop_front();
          break;
        }
        have_call = TakeCall(&call, &failure);
        if (have_call || stopping) break;
        engine_->changed_.Wait(&engine_->mutex_);
      }
      if (stopping && !answer && !have_call) {
        // Only the waiters are left.
        auto& waiters = engine_->waiters_;
        const auto ours = std::find_if(waiters.begin(), waiters.end(),
                                       [this](const auto& w) { return w.runtime == this; });
        if (ours == waiters.end()) return;
        answer = [done = std::move(ours->done)] {
          done(absl::CancelledError("the runtime is shutting down"));
        };
        waiters.erase(ours);
      }
    }
    if (answer) {
      answer();
    } else if (!failure.ok()) {
      call.fail(failure);
    } else {
      call.run();
    }
  }
}

bool FakeRuntime::TakeCall(Call* call, absl::Status* failure) {
  for (auto next = calls_.begin(); next != calls_.end(); ++next) {
    if (held_.contains(next->method) && !stopping_) continue;
    *call = std::move(*next);
    calls_.erase(next);
    std::deque<absl::Status>& failures = failures_[call->method];
    if (stopping_) {
      *failure = absl::CancelledError("the runtime is shutting down");
    } else if (!failures.empty()) {
      *failure = failures.front();
      failures.pop_front();
    }
    if (failure->ok()) {
      begun_calls_.push_back(call->text);
      engine_->changed_.NotifyAll();
    }
    return true;
  }
  return false;
}

CallId FakeRuntime::Enqueue(Method method, std::string text, std::function<void()> run,
                            std::function<void(absl::Status)> fail) {
  MutexLock lock(&engine_->mutex_);
  const CallId id = next_call_++;
  calls_.push_back({id, method, std::move(text), std::move(run), std::move(fail)});
  engine_->changed_.NotifyAll();
  return id;
}

std::string FakeRuntime::NameOf(const std::string& container) {
  MutexLock lock(&engine_->mutex_);
  const auto found = engine_->Find(container);
  return found == engine_->containers_.end() ? container : found->first;
}

// --- What the test does
// ----------------------------------------------------------------------------------------------------

void FakeRuntime::AddImage(const std::string& image) {
  MutexLock lock(&engine_->mutex_);
  engine_->images_.insert(image);
}

void FakeRuntime::AddRemoteImage(const std::string& image) {
  MutexLock lock(&engine_->mutex_);
  engine_->remote_images_.insert(image);
}

void FakeRuntime::FailNext(Method method, absl::Status status, int times) {
  MutexLock lock(&engine_->mutex_);
  for (int i = 0; i < times; ++i) failures_[method].push_back(status);
}

void FakeRuntime::Hold(Method method) {
  MutexLock lock(&engine_->mutex_);
  held_.insert(method);
}

void FakeRuntime::Release(Method method) {
  MutexLock lock(&engine_->mutex_);
  held_.erase(method);
  engine_->changed_.NotifyAll();
}

void FakeRuntime::OnStart(std::function<void(const ContainerConfig&)> on_start) {
  MutexLock lock(&engine_->mutex_);
  on_start_ = std::move(on_start);
}

void FakeRuntime::SetSignalsEnd(bool signals_end) {
  MutexLock lock(&engine_->mutex_);
  signals_end_ = signals_end;
}

bool FakeRuntime::Exit(const std::string& name, ExitInfo exit) {
  MutexLock lock(&engine_->mutex_);
  return engine_->End(name, std::move(exit));
}

// --- What the test sees
// ----------------------------------------------------------------------------------------------------

std::optional<ContainerState> FakeRuntime::State(const std::string& name) const {
  MutexLock lock(&engine_->mutex_);
  const auto found = engine_->containers_.find(name);
  if (found == engine_->containers_.end()) return std::nullopt;
  return found->second.state;
}

std::optional<ContainerConfig> FakeRuntime::Config(const std::string& name) const {
  MutexLock lock(&engine_->mutex_);
  const auto found = engine_->containers_.find(name);
  if (found == engine_->containers_.end()) return std::nullopt;
  return found->second.config;
}

bool FakeRuntime::AwaitState(const std::string& name, std::optional<ContainerState> state) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(&engine_->mutex_);
  for (;;) {
    const auto found = engine_->containers_.find(name);
    const bool gone = found == engine_->containers_.end();
    if (gone ? !state.has_value() : state == found->second.state) return true;
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    engine_->changed_.WaitFor(&engine_->mutex_, left);
  }
}

bool FakeRuntime::AwaitCall(const std::string& call) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(&engine_->mutex_);
  while (std::find(begun_calls_.begin(), begun_calls_.end(), call) == begun_calls_.end()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    engine_->changed_.WaitFor(&engine_->mutex_, left);
  }
  return true;
}

std::vector<std::string> FakeRuntime::Calls() const {
  MutexLock lock(&engine_->mutex_);
  return begun_calls_;
}

// --- ContainerRuntime
// ------------------------------------------------------------------------------------------------------

CallId FakeRuntime::PrepareImage(const std::string& image, ProgressFn progress, Done done) {
  return Enqueue(
      Method::kPrepareImage, absl::StrCat("prepare ", image),
      [this, image, progress = std::move(progress), done] {
        bool remote;
        {
          MutexLock lock(&engine_->mutex_);
          remote = !engine_->images_.contains(image);
          if (remote && engine_->remote_images_.contains(image)) engine_->images_.insert(image);
          if (!engine_->images_.contains(image)) {
            answers_.push_back([image, done] { done(NoImage(image)); });
            return;
          }
        }
        if (remote && progress)
          progress({.phase = "Downloading", .done_bytes = 1, .total_bytes = 1});
        done(absl::OkStatus());
      },
      done);
}

void FakeRuntime::Create(const ContainerConfig& config, CreateDone done) {
  Enqueue(
      Method::kCreate, absl::StrCat("create ", config.name),
      [this, config, done] {
        absl::StatusOr<std::string> result;
        {
          MutexLock lock(&engine_->mutex_);
          const auto found = engine_->containers_.find(config.name);
          if (found != engine_->containers_.end()) {
            if (HasAll(found->second.config.labels, config.labels)) {
              result = found->second.id;
            } else {
              result = MakeError(absl::StatusCode::kAlreadyExists, kEngineError,
                                 absl::StrCat("another container has the name ", config.name));
            }
          } else if (!engine_->images_.contains(config.image)) {
            result = NoImage(config.image);
          } else {
            result = absl::StrCat("fake-", engine_->next_id_++);
            engine_->containers_[config.name] = {.id = *result, .config = config};
            engine_->changed_.NotifyAll();
          }
        }
        done(std::move(result));
      },
      done);
}

void FakeRuntime::Start(const std::string& container, Done done) {
  Enqueue(
      Method::kStart, absl::StrCat("start ", NameOf(container)),
      [this, container, done] {
        std::function<void(const ContainerConfig&)> on_start;
        ContainerConfig config;
        absl::Status status;
        {
          MutexLock lock(&engine_->mutex_);
          const auto found = engine_->Find(container);
          if (found == engine_->containers_.end()) {
            status = NoContainer(container);
          } else if (found->second.state != ContainerState::kRunning) {
            found->second.state = ContainerState::kRunning;
            found->second.exit.started_at = absl::Now();
            config = found->second.config;
            on_start = on_start_;
            engine_->changed_.NotifyAll();
          }
        }
        if (on_start) on_start(config);
        done(status);
      },
      done);
}

CallId FakeRuntime::Wait(const std::string& container, WaitDone done) {
  const std::string name = NameOf(container);
  // The id is known only once the call is queued, and the thread may carry it out before that:
  // hence under one lock.
  MutexLock lock(&engine_->mutex_);
  const CallId id = next_call_++;
  calls_.push_back({id, Method::kWait, absl::StrCat("wait ", name),
                    [this, id, container, done] {
                      absl::StatusOr<ExitInfo> result;
                      {
                        MutexLock lock(&engine_->mutex_);
                        const auto found = engine_->Find(container);
                        if (found == engine_->containers_.end()) {
                          result = NoContainer(container);
                        } else if (found->second.state == ContainerState::kCreated) {
                          result = MakeError(
                              absl::StatusCode::kFailedPrecondition, kEngineError,
                              absl::StrCat("container ", container, " was never started"));
                        } else if (found->second.state == ContainerState::kEnded) {
                          result = found->second.exit;
                        } else {
                          engine_->waiters_.push_back({this, id, found->first, done});
                          return;
                        }
                      }
                      done(std::move(result));
                    },
                    done});
  engine_->changed_.NotifyAll();
  return id;
}

void FakeRuntime::Kill(const std::string& container, int signal, Done done) {
  Enqueue(
      Method::kKill, absl::StrCat("kill ", NameOf(container), " ", signal),
      [this, container, signal, done] {
        absl::Status status;
        {
          MutexLock lock(&engine_->mutex_);
          const auto found = engine_->Find(container);
          if (found == engine_->containers_.end()) {
            status = NoContainer(container);
          } else if (signal == SIGKILL ||
                     (signals_end_ && (signal == SIGTERM || signal == SIGINT))) {
            engine_->End(found->first, {.exit_code = 128 + signal});
          }
        }
        done(status);
      },
      done);
}

void FakeRuntime::Remove(const std::string& container, bool force, Done done) {
  Enqueue(
      Method::kRemove, absl::StrCat("remove ", NameOf(container)),
      [this, container, force, done] {
        absl::Status status;
        {
          MutexLock lock(&engine_->mutex_);
          const auto found = engine_->Find(container);
          if (found != engine_->containers_.end()) {
            const bool running = found->second.state == ContainerState::kRunning;
            if (running && !force) {
              status = MakeError(absl::StatusCode::kFailedPrecondition, kEngineError,
                                 absl::StrCat("container ", container, " is running"));
            } else {
              if (running) engine_->End(found->first, {.exit_code = 128 + SIGKILL});
              engine_->containers_.erase(found);
              engine_->changed_.NotifyAll();
            }
          }
        }
        done(status);
      },
      done);
}

void FakeRuntime::ListOurs(const std::map<std::string, std::string>& labels, ListDone done) {
  Enqueue(
      Method::kListOurs, "list",
      [this, labels, done] {
        std::vector<ContainerInfo> list;
        {
          MutexLock lock(&engine_->mutex_);
          for (const auto& [name, container] : engine_->containers_) {
            if (!HasAll(container.config.labels, labels)) continue;
            list.push_back({container.id, name, container.config.labels, container.state});
          }
        }
        done(std::move(list));
      },
      done);
}

void FakeRuntime::Ping(PingDone done) {
  Enqueue(
      Method::kPing, "ping", [done] { done(EngineInfo{.name = "fake", .version = "1"}); }, done);
}

void FakeRuntime::Cancel(CallId id) {
  MutexLock lock(&engine_->mutex_);
  const absl::Status cancelled = absl::CancelledError("the call was cancelled");
  const auto call =
      std::find_if(calls_.begin(), calls_.end(), [id](const Call& c) { return c.id == id; });
  if (call != calls_.end()) {
    answers_.push_back([fail = std::move(call->fail), cancelled] { fail(cancelled); });
    calls_.erase(call);
  }
  auto& waiters = engine_->waiters_;
  const auto waiter = std::find_if(waiters.begin(), waiters.end(), [this, id](const auto& w) {
    return w.runtime == this && w.call == id;
  });
  if (waiter != waiters.end()) {
    answers_.push_back([done = std::move(waiter->done), cancelled] { done(cancelled); });
    waiters.erase(waiter);
  }
  engine_->changed_.NotifyAll();
}

}  // namespace cronium::agent
