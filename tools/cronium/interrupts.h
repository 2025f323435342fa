// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_INTERRUPTS_H_
#define CRONIUM_TOOLS_CRONIUM_INTERRUPTS_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "common/file.h"

// Ctrl-C while a job is followed: what it means (InterruptPolicy, pure) and how it reaches us
// (Interrupts).
namespace cronium::cli {

// What the person wants, from Ctrl-C and answers.
//
//   submitting --^C--> cancels as soon as the job is known --^C--> leaves
//   following  --^C--> asks (where there is someone to ask) --d--> detaches
//                        |  --c, or ^C again--> cancels          other answers: goes on following
//                        `- nobody to ask -> cancels --^C--> leaves without waiting for the end
// Not thread-safe.
class InterruptPolicy {
 public:
  enum class Action { kNone, kAsk, kCancel, kCancelLater, kDetach, kGoOn, kLeave };

  // can_ask: stdin is a terminal.
  explicit InterruptPolicy(bool can_ask) : can_ask_(can_ask) {}

  // The job was accepted: kCancel where that was already asked for.
  Action OnJobKnown();
  Action OnInterrupt();
  // SIGTERM: nobody is there to be asked.
  Action OnTerminate();
  // A line typed while asking.
  Action OnAnswer(absl::string_view line);

  bool asking() const { return state_ == State::kAsking; }

 private:
  enum class State { kSubmitting, kCancelLater, kFollowing, kAsking, kCancelling };
  const bool can_ask_;
  State state_ = State::kSubmitting;
};

// Takes SIGINT and SIGTERM from the process, from its construction to its end, and runs a thread
// that hands them on.
class Interrupts {
 public:
  struct Handler {
    std::function<void()> on_interrupt;
    std::function<void()> on_terminate;
    // Whether a line typed on stdin is wanted, and the line.
    std::function<bool()> wants_line;
    std::function<void(absl::string_view)> on_line;
  };
  // Blocks the signals in the calling thread, so construct it before any other thread starts.
  Interrupts();
  virtual ~Interrupts();

  // Begins to call the handler, from a thread of its own, until Stop.
  virtual void Start(Handler handler);
  virtual void Stop();

 protected:
  // For a test that calls the handler itself: takes no signals.
  struct NoSignals {};
  explicit Interrupts(NoSignals) {}

 private:
  void Run(const Handler& handler);

  UniqueFd signals_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_INTERRUPTS_H_
