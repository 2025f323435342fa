// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_TOOLS_CRONIUM_FAKE_PROCESS_H_
#define CRONIUM_TESTS_TOOLS_CRONIUM_FAKE_PROCESS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/clock.h"
#include "tools/cronium/cli.h"
#include "tools/cronium/interrupts.h"
#include "tools/cronium/streams.h"

namespace cronium::cli {

// Streams into strings.
class FakeStreams : public Streams {
 public:
  std::string out() const {
    MutexLock lock(&mutex_);
    return out_;
  }
  std::string err() const {
    MutexLock lock(&mutex_);
    return err_;
  }
  // Until stderr or stdout holds the text.
  void WaitFor(absl::string_view text) const {
    MutexLock lock(&mutex_);
    while (!absl::StrContains(out_, text) && !absl::StrContains(err_, text)) {
      changed_.Wait(&mutex_);
    }
  }
  void set_stdin(std::string text) { stdin_ = std::move(text); }

  absl::StatusOr<std::string> ReadStdin(int64_t max_bytes) override {
    if (static_cast<int64_t>(stdin_.size()) > max_bytes) {
      return absl::ResourceExhaustedError("stdin: too large");
    }
    return stdin_;
  }

 private:
  absl::Status WriteOut(absl::string_view bytes) override {
    MutexLock lock(&mutex_);
    out_.append(bytes.data(), bytes.size());
    changed_.NotifyAll();
    return absl::OkStatus();
  }
  absl::Status WriteErr(absl::string_view bytes) override {
    MutexLock lock(&mutex_);
    err_.append(bytes.data(), bytes.size());
    changed_.NotifyAll();
    return absl::OkStatus();
  }

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::string out_ ABSL_GUARDED_BY(mutex_);
  std::string err_ ABSL_GUARDED_BY(mutex_);
  std::string stdin_;
};

// The client as a process of its own would run it, in a thread: with a person at the keyboard where
// the test wants one.
class FakeProcess {
 public:
  FakeProcess() {
    process_.streams = &streams;
    process_.clock = &clock_;
    process_.environment = [this](const char* name) -> std::optional<std::string> {
      const auto it = environment.find(name);
      if (it == environment.end()) return std::nullopt;
      return it->second;
    };
    process_.take_interrupts = [this] { return std::make_unique<FakeInterrupts>(this); };
  }
  ~FakeProcess() {
    if (thread_.joinable()) thread_.join();
  }

  void Start(std::vector<std::string> args) {
    process_.stdin_is_terminal = has_terminal;
    thread_ = std::thread([this, args = std::move(args)] { status_ = RunCli(args, process_); });
  }
  int Wait() {
    thread_.join();
    return status_;
  }
  int Run(std::vector<std::string> args) {
    Start(std::move(args));
    return Wait();
  }

  void PressCtrlC() {
    WithHandler([](const Interrupts::Handler& h) { h.on_interrupt(); });
  }
  void Terminate() {
    WithHandler([](const Interrupts::Handler& h) { h.on_terminate(); });
  }
  void Type(absl::string_view line) {
    WithHandler([&](const Interrupts::Handler& h) {
      if (h.wants_line()) h.on_line(line);
    });
  }

  FakeStreams streams;
  std::map<std::string, std::string> environment;
  bool has_terminal = false;

 private:
  class FakeInterrupts : public Interrupts {
   public:
    explicit FakeInterrupts(FakeProcess* owner) : Interrupts(NoSignals()), owner_(owner) {}
    ~FakeInterrupts() override { FakeInterrupts::Stop(); }
    void Start(Handler handler) override {
      MutexLock lock(&owner_->mutex_);
      owner_->handler_ = std::make_unique<Handler>(std::move(handler));
      owner_->changed_.NotifyAll();
    }
    void Stop() override {
      MutexLock lock(&owner_->mutex_);
      owner_->handler_.reset();
    }

   private:
    FakeProcess* const owner_;
  };

  template <typename Action>
  void WithHandler(Action action) {
    MutexLock lock(&mutex_);
    while (handler_ == nullptr) changed_.Wait(&mutex_);
    action(*handler_);
  }

  Process process_;
  RealClock clock_;
  Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<Interrupts::Handler> handler_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
  int status_ = -1;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TESTS_TOOLS_CRONIUM_FAKE_PROCESS_H_
