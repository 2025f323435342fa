// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/interrupts.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace cronium::cli {
namespace {

constexpr absl::Duration kRepeatOfOneRequest = absl::Seconds(1);

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

InterruptPolicy::Action InterruptPolicy::OnJobKnown() {
  const bool cancel = state_ == State::kCancelLater;
  state_ = cancel ? State::kCancelling : State::kFollowing;
  return cancel ? Action::kCancel : Action::kNone;
}

InterruptPolicy::Action InterruptPolicy::OnInterrupt() {
  if (state_ == State::kFollowing && can_ask_) {
    state_ = State::kAsking;
    return Action::kAsk;
  }
  return OnTerminate();
}

InterruptPolicy::Action InterruptPolicy::OnTerminate() {
  switch (state_) {
    case State::kSubmitting:
      state_ = State::kCancelLater;
      return Action::kCancelLater;
    case State::kFollowing:
    case State::kAsking:
      state_ = State::kCancelling;
      return Action::kCancel;
    case State::kCancelLater:
    case State::kCancelling:
      return Action::kLeave;
  }
  return Action::kNone;
}

InterruptPolicy::Action InterruptPolicy::OnAnswer(absl::string_view line) {
  if (state_ != State::kAsking) return Action::kNone;
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(line));
  if (word == "d" || word == "detach") {
    state_ = State::kFollowing;
    return Action::kDetach;
  }
  if (word == "c" || word == "cancel") {
    state_ = State::kCancelling;
    return Action::kCancel;
  }
  state_ = State::kFollowing;
  return Action::kGoOn;
}

Interrupts::Interrupts() {
  const sigset_t set = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_.Reset(signalfd(-1, &set, SFD_CLOEXEC));
  stop_.Reset(eventfd(0, EFD_CLOEXEC));
}

Interrupts::~Interrupts() { Interrupts::Stop(); }

void Interrupts::Start(Handler handler) {
  thread_ = std::thread([this, handler = std::move(handler)] { Run(handler); });
}

void Interrupts::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void Interrupts::Run(const Handler& handler) {
  signalfd_siginfo last = {};
  absl::Time last_time;
  while (true) {
    pollfd waited[] = {{stop_.get(), POLLIN, 0},
                       {signals_.get(), POLLIN, 0},
                       {handler.wants_line() ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(waited, 3, -1) < 0) continue;
    if (waited[0].revents != 0) return;
    if (waited[1].revents != 0) {
      signalfd_siginfo info;
      if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) continue;
      // timeout(1) and some supervisors signal the process and then its group, which it is in: that
      // is one request. From a terminal's Ctrl-C each signal is a new one.
      const bool repeated = info.ssi_code == SI_USER && info.ssi_pid == last.ssi_pid &&
                            info.ssi_signo == last.ssi_signo &&
                            absl::Now() - last_time < kRepeatOfOneRequest;
      last = info;
      last_time = absl::Now();
      if (repeated) continue;
      (info.ssi_signo == SIGINT ? handler.on_interrupt : handler.on_terminate)();
    } else if (waited[2].revents != 0) {
      // A terminal gives one line at a time; at its end an empty one, which is an answer too.
      char line[256];
      const ssize_t n = read(STDIN_FILENO, line, sizeof(line));
      handler.on_line(absl::string_view(line, n > 0 ? n : 0));
    }
  }
}

}  // namespace cronium::cli
