// SPDX-License-Identifier: Apache-2.0
// The capture thread: takes turns over the FIFOs, and does what callers have asked for.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <limits>

#include "agent/logs/log_capture_impl.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/thread_name.h"

namespace cronium::agent {

void LogCapture::Impl::Run() {
  SetThreadName("log capture");
  while (RunCommands()) {
    if (!Rest(RunRound())) WaitForEvents();
  }
}

// Each FIFO that has something takes one turn.
int LogCapture::Impl::RunRound() {
  int small_turns = 0;
  for (size_t left = ready_.size(); left > 0 && !ready_.empty(); --left) {
    Fifo* fifo = ready_.front();
    ready_.pop_front();
    fifo->ready = false;
    if (Turn(fifo)) ++small_turns;
  }
  RetryFailed();
  AnnounceNews();
  return small_turns;
}

// Not where a FIFO has more: a flood does not wait. Whether something ended the rest.
bool LogCapture::Impl::Rest(int small_turns) {
  if (!ready_.empty()) return false;
  const absl::Duration rest = std::min(
      (small_turns - options_.free_small_turns) * options_.small_turn_rest, options_.max_rest);
  const int64_t rest_ms = absl::ToInt64Milliseconds(rest);
  if (rest_ms <= 0) return false;
  ++rests_total_;
  return TakeEvents(control_, static_cast<int>(rest_ms)) > 0;
}

bool LogCapture::Impl::Turn() {
  const bool events = TakeEvents(all_, 0) > 0;
  RunCommands();
  const bool work = events || !ready_.empty();
  RunRound();
  return work;
}

int64_t LogCapture::Impl::NextRetryNs() const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (const Capture* capture : failed_) next = std::min(next, *capture->retry_at_ns);
  return next;
}

bool LogCapture::Impl::RunCommands() {
  std::vector<Command> commands;
  {
    MutexLock lock(&mutex_);
    if (stopping_) return false;
    commands.swap(commands_);
  }
  for (Command& command : commands) {
    Capture* capture = command.capture.get();
    switch (command.kind) {
      case Command::Kind::kOpen:
        known_[capture] = command.capture;
        for (Fifo& fifo : capture->fifos) {
          if (!fifo.fd.valid()) continue;
          const UniqueFd& epoll = fifo.kind == kStatus ? control_ : all_;
          if (!Watch(epoll, fifo.fd.get(), EPOLLIN | EPOLLET, &fifo)) {
            Fail(capture, ErrnoError(capture->id, "cannot watch its output", errno));
          }
        }
        if (capture->spool->last_seq() > capture->spool->State().acknowledged_seq) {
          AddNews(capture);
        }
        MakeAllReady(capture);
        // What the status file has from before.
        TurnStatus(&capture->fifos[kStatus]);
        break;
      case Command::Kind::kDrain:
        if (!known_.contains(capture)) break;
        capture->draining = true;
        capture->on_drained.push_back(std::move(command.on_drained));
        blocked_.erase(capture);
        if (capture->blocked.exchange(false)) --blocked_now_;
        MakeAllReady(capture);
        FinishIfDrained(capture);
        break;
      case Command::Kind::kRemove: {
        Detach(capture);
        command.capture
            .reset();  // What it held is free, and its bytes not counted, when Remove returns.
        MutexLock lock(&mutex_);
        removing_.erase(capture);
        removed_.NotifyAll();
        break;
      }
      case Command::Kind::kResume:
        ResumeBlocked();
        break;
    }
  }
  return true;
}

void LogCapture::Impl::WaitForEvents() {
  int timeout_ms = ready_.empty() ? -1 : 0;
  if (timeout_ms != 0) {
    for (const Capture* capture : failed_) {
      const int64_t left_ms = (*capture->retry_at_ns - clock_->BoottimeNs()) / 1'000'000 + 1;
      const int wait_ms = static_cast<int>(std::clamp<int64_t>(left_ms, 0, 60'000));
      timeout_ms = timeout_ms < 0 ? wait_ms : std::min(timeout_ms, wait_ms);
    }
  }
  TakeEvents(all_, timeout_ms);
}

bool LogCapture::Impl::Watch(const UniqueFd& epoll, int fd, uint32_t events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  return epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

int LogCapture::Impl::TakeEvents(const UniqueFd& epoll, int timeout_ms) {
  epoll_event events[64];
  const int count = epoll_wait(epoll.get(), events, 64, timeout_ms);
  for (int i = 0; i < count; ++i) {
    void* const what = events[i].data.ptr;
    if (what == &control_) {
      TakeEvents(control_, 0);
    } else if (what == &wake_) {
      eventfd_t ignored;
      eventfd_read(wake_.get(), &ignored);
    } else {
      MakeReady(static_cast<Fifo*>(what));
    }
  }
  return count;
}

void LogCapture::Impl::AddNews(Capture* capture) {
  if (!std::exchange(capture->news, true)) news_.push_back(capture);
}

// Of a round at once, so that they can go out together.
void LogCapture::Impl::AnnounceNews() {
  for (Capture* capture : news_) {
    capture->news = false;
    if (listener_) listener_(capture->id);
  }
  news_.clear();
}

void LogCapture::Impl::MakeReady(Fifo* fifo) {
  if (fifo->ready || !fifo->fd.valid()) return;
  fifo->ready = true;
  ready_.push_back(fifo);
}

void LogCapture::Impl::MakeAllReady(Capture* capture) {
  for (Fifo& fifo : capture->fifos) MakeReady(&fifo);
}

bool LogCapture::Impl::Turn(Fifo* fifo) {
  if (!fifo->fd.valid()) return false;
  bool small = false;
  if (fifo->kind == kStatus) {
    TurnStatus(fifo);
  } else {
    small = TurnData(fifo);
  }
  FinishIfDrained(fifo->capture);
  return small;
}

// How much the execution may still take before it is at a limit.
int64_t LogCapture::Impl::Budget(const Capture& capture) const {
  const int64_t held = capture.spool->spool_bytes();
  return std::min(options_.max_execution_spool_bytes - held,
                  std::max(options_.max_spool_bytes - spool_bytes_,
                           options_.reserved_execution_spool_bytes - held));
}

bool LogCapture::Impl::TurnData(Fifo* fifo) {
  Capture* capture = fifo->capture;
  // While the disk fails, or a limit is reached, the bytes stay in the pipe and the job waits.
  if (capture->retry_at_ns.has_value()) return false;
  int64_t quota = static_cast<int64_t>(options_.turn_bytes);
  if (!capture->draining) quota = std::min(quota, Budget(*capture));
  if (quota <= 0) {
    if (Index(capture, fifo->kind, /*more=*/false)) Block(capture);
    return false;
  }
  const absl::StatusOr<size_t> taken = capture->spool->Take(fifo->kind, fifo->fd.get(), quota);
  if (!taken.ok()) {
    Fail(capture, taken.status());
    return false;
  }
  FaultOn("agent.logs.taken");
  int waiting = 0;
  if (*taken > 0) {
    captured_bytes_ += static_cast<int64_t>(*taken);
    ioctl(fifo->fd.get(), FIONREAD, &waiting);
  }
  if (!Index(capture, fifo->kind, /*more=*/waiting > 0)) return false;
  // Edge-triggered: it is done only once it was seen empty, here or by a turn that takes nothing.
  if (waiting > 0) MakeReady(fifo);
  return *taken > 0 && *taken < options_.small_turn_bytes;
}

// Indexes what was taken and tells who listens. False where that failed.
bool LogCapture::Impl::Index(Capture* capture, int stream, bool more) {
  const absl::StatusOr<int64_t> entries =
      capture->spool->Index(stream, more, absl::ToUnixNanos(clock_->Now()));
  if (!entries.ok()) {
    Fail(capture, entries.status());
    return false;
  }
  if (*entries == 0) return true;
  FaultOn("agent.logs.indexed");
  captured_entries_ += *entries;
  if (!capture->spool->discarded()) {
    AddNews(capture);
  } else if (absl::Status status = capture->spool->Acknowledge(capture->spool->last_seq());
             !status.ok()) {
    Fail(capture, status);
    return false;
  }
  return true;
}

void LogCapture::Impl::TurnStatus(Fifo* fifo) {
  Capture* capture = fifo->capture;
  const absl::StatusOr<std::vector<StatusEvent>> events =
      capture->status->Take(fifo->fd.valid() ? fifo->fd.get() : -1);
  if (!events.ok()) {
    Fail(capture, events.status());
    return;
  }
  // Edge-triggered: what was not read now would wait for the next that is written.
  int waiting = 0;
  if (fifo->fd.valid() && ioctl(fifo->fd.get(), FIONREAD, &waiting) == 0 && waiting > 0) {
    MakeReady(fifo);
  }
  if (!events->empty()) FaultOn("agent.status.taken");
  if (!capture->callbacks.on_status) return;
  for (const StatusEvent& event : *events) capture->callbacks.on_status(event);
}

void LogCapture::Impl::Block(Capture* capture) {
  if (!blocked_.insert(capture).second) return;
  capture->blocked = true;
  ++blocked_now_;
  ++blocked_total_;
  // An acknowledgement that came just before this saw nobody to resume.
  ResumeBlocked();
}

void LogCapture::Impl::ResumeBlocked() {
  // Not for a trickle: a turn that takes little costs as much as one that takes all.
  const int64_t worth = std::min<int64_t>(static_cast<int64_t>(options_.turn_bytes),
                                          options_.max_execution_spool_bytes / 4);
  for (auto next = blocked_.begin(); next != blocked_.end();) {
    Capture* capture = *next;
    const int64_t wanted =
        std::min(worth, std::max<int64_t>(1, options_.reserved_execution_spool_bytes));
    if (Budget(*capture) < wanted) {
      ++next;
      continue;
    }
    next = blocked_.erase(next);
    capture->blocked = false;
    --blocked_now_;
    MakeAllReady(capture);
  }
}

void LogCapture::Impl::Fail(Capture* capture, const absl::Status& problem) {
  ++errors_total_;
  capture->retry_at_ns = clock_->BoottimeNs() + absl::ToInt64Nanoseconds(options_.retry_delay);
  failed_.insert(capture);
  if (capture->failing.exchange(true)) return;
  ++failing_now_;
  {
    MutexLock lock(&capture->problem_mutex);
    capture->problem = problem;
  }
  LogError("cannot spool a job's output; the job waits",
           {{"execution", capture->id}, {"error", problem}});
  if (capture->callbacks.on_problem) capture->callbacks.on_problem(problem);
}

void LogCapture::Impl::Recover(Capture* capture) {
  capture->failing = false;
  --failing_now_;
  {
    MutexLock lock(&capture->problem_mutex);
    capture->problem = absl::OkStatus();
  }
  LogInfo("a job's output is spooled again", {{"execution", capture->id}});
  if (capture->callbacks.on_problem) capture->callbacks.on_problem(absl::OkStatus());
}

void LogCapture::Impl::RetryFailed() {
  if (failed_.empty()) return;
  const int64_t now = clock_->BoottimeNs();
  const std::vector<Capture*> failed(failed_.begin(), failed_.end());
  for (Capture* capture : failed) {
    if (*capture->retry_at_ns > now) continue;
    capture->retry_at_ns.reset();
    failed_.erase(capture);
    // What was taken before the error, then a turn of each FIFO: it has recovered if all of that
    // works.
    if (!Index(capture, 0, /*more=*/false) || !Index(capture, 1, /*more=*/false)) continue;
    for (Fifo& fifo : capture->fifos) Turn(&fifo);
    if (!capture->retry_at_ns.has_value()) Recover(capture);
    FinishIfDrained(capture);
  }
}

void LogCapture::Impl::FinishIfDrained(Capture* capture) {
  if (!capture->draining || capture->on_drained.empty() || capture->retry_at_ns.has_value()) return;
  // All were made ready when draining began: one that is not any more was seen empty since.
  for (const int kind : {0, 1}) {
    if (capture->fifos[kind].ready || capture->spool->HasUnindexed(kind)) return;
  }
  TurnStatus(&capture->fifos[kStatus]);
  if (capture->retry_at_ns.has_value()) return;
  CloseFifos(capture);
  AnnounceNews();
  const auto callbacks = std::exchange(capture->on_drained, {});
  for (const auto& done : callbacks) {
    if (done) done(capture->spool->last_seq());
  }
}

void LogCapture::Impl::CloseFifos(Capture* capture) {
  for (Fifo& fifo : capture->fifos) {
    if (fifo.ready) ready_.erase(std::find(ready_.begin(), ready_.end(), &fifo));
    fifo.ready = false;
    fifo.fd.Reset();  // Takes it out of the epoll set too.
  }
}

void LogCapture::Impl::Detach(Capture* capture) {
  CloseFifos(capture);
  AnnounceNews();
  if (blocked_.erase(capture) > 0) --blocked_now_;
  failed_.erase(capture);
  if (capture->failing.exchange(false)) --failing_now_;
  known_.erase(capture);
}

}  // namespace cronium::agent
