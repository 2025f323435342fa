// SPDX-License-Identifier: Apache-2.0
#include "common/curl/curl_loop.h"

#include <curl/curl.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "common/thread_name.h"

namespace cronium {
namespace {

// The longest sleep of the thread: curl's own timers and ours cut it short.
constexpr int kMaxPollMs = 60'000;

int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void InitCurlOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// OpenSSL writes to sockets without MSG_NOSIGNAL, and with CURLOPT_NOSIGNAL curl leaves SIGPIPE to
// us: a peer that hangs up must not end the process.
void BlockSigpipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

absl::Status Stopped() { return absl::CancelledError("cancelled: the process stops"); }

}  // namespace

int64_t CurlDueNs(absl::Duration delay) {
  return MonotonicNs() + std::max<int64_t>(0, absl::ToInt64Nanoseconds(delay));
}

CurlLoop::CurlLoop(CurlLoopOptions options, std::function<void()> on_stop)
    : options_(options), on_stop_(std::move(on_stop)) {
  InitCurlOnce();
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, options_.idle_connections);
  thread_ = std::thread([this] { Run(); });
}

CurlLoop::~CurlLoop() {
  Stop();
  for (void* handle : idle_handles_) curl_easy_cleanup(handle);
  curl_multi_cleanup(multi_);
}

// ---- Callers' side

CurlLoop::Id CurlLoop::NewId() {
  MutexLock lock(&mutex_);
  return next_id_++;
}

bool CurlLoop::Post(Task&& task) {
  {
    MutexLock lock(&mutex_);
    if (closed_) return false;
    inbox_.push_back(std::move(task));
    // The thread takes its inbox again before it sleeps, so its own posts need no wakeup.
    if (inbox_.size() > 1 || std::this_thread::get_id() == thread_.get_id()) return true;
  }
  curl_multi_wakeup(multi_);
  return true;
}

CurlLoop::Id CurlLoop::After(absl::Duration delay, TimerDone done) {
  const Id id = NewId();
  const bool posted =
      Post([this, id, due_ns = CurlDueNs(delay), done] { StartTimer(id, due_ns, done); });
  if (!posted) done(Stopped());
  return id;
}

void CurlLoop::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_);
  if (thread_.joinable()) thread_.join();
}

// ---- The thread

void CurlLoop::Run() {
  SetThreadName(options_.thread_name);
  BlockSigpipe();
  for (;;) {
    RunPosted();
    Perform();
    const int timeout_ms = FireTimers();
    bool stopping;
    {
      MutexLock lock(&mutex_);
      if (!inbox_.empty()) continue;
      stopping = stopping_;
    }
    if (!stopping) {
      curl_multi_poll(multi_, nullptr, 0, timeout_ms, nullptr);
    } else if (Close()) {
      return;
    }
  }
}

void CurlLoop::RunPosted() {
  std::vector<Task> tasks;
  {
    MutexLock lock(&mutex_);
    tasks.swap(inbox_);
  }
  for (Task& task : tasks) task();
}

bool CurlLoop::Close() {
  on_stop_();
  while (!timers_.empty()) EndTimer(timers_.begin()->first, Stopped());
  MutexLock lock(&mutex_);
  closed_ = inbox_.empty();
  return closed_;
}

void CurlLoop::Perform() {
  int running = 0;
  curl_multi_perform(multi_, &running);
  int queued = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* handle = message->easy_handle;
    const CURLcode code = message->data.result;  // The message is gone with the handle.
    const auto found = transfers_.find(handle);
    const TransferDone done = std::move(found->second);
    RemoveTransfer(handle);
    done(code);
  }
}

int CurlLoop::FireTimers() {
  while (!due_.empty()) {
    const auto [due_ns, id] = *due_.begin();
    const int64_t left_ns = due_ns - MonotonicNs();
    if (left_ns > 0) {
      return static_cast<int>(std::min<int64_t>(left_ns / 1'000'000 + 1, kMaxPollMs));
    }
    EndTimer(id, absl::OkStatus());
  }
  return kMaxPollMs;
}

void* CurlLoop::TakeHandle() {
  if (idle_handles_.empty()) return curl_easy_init();
  void* handle = idle_handles_.back();
  idle_handles_.pop_back();
  curl_easy_reset(handle);
  return handle;
}

void CurlLoop::GiveBack(void* handle) {
  if (idle_handles_.size() < options_.idle_handles) {
    idle_handles_.push_back(handle);
  } else {
    curl_easy_cleanup(handle);
  }
}

void CurlLoop::AddTransfer(void* handle, TransferDone done) {
  transfers_.emplace(handle, std::move(done));
  curl_multi_add_handle(multi_, handle);
}

void CurlLoop::RemoveTransfer(void* handle) {
  if (transfers_.erase(handle) > 0) curl_multi_remove_handle(multi_, handle);
}

void CurlLoop::StartTimer(Id id, int64_t due_ns, TimerDone done) {
  timers_.emplace(id, Timer{due_ns, std::move(done)});
  due_.emplace(due_ns, id);
}

void CurlLoop::DropTimer(Id id) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) return;
  due_.erase({found->second.due_ns, id});
  timers_.erase(found);
}

void CurlLoop::EndTimer(Id id, const absl::Status& status) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) return;
  const TimerDone done = std::move(found->second.done);
  DropTimer(id);
  done(status);
}

}  // namespace cronium
