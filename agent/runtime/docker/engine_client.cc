// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/docker/engine_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "agent/runtime/container_runtime.h"
#include "common/error.h"

namespace cronium::agent {
namespace {

// Connections kept open while nothing uses them; each Wait holds one of its own beyond these.
constexpr long kIdleConnections = 8;
constexpr size_t kIdleHandles = 32;
constexpr long kConnectTimeoutMs = 10'000;
// The longest sleep of the thread: curl's own timers and ours cut it short.
constexpr int kMaxPollMs = 60'000;

int64_t SteadyNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void InitCurlOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct EngineClient::Transfer {
  OpId op = 0;
  EngineRequest request;
  ResponseDone done;
  std::string url;
  CURL* handle = nullptr;
  curl_slist* headers = nullptr;
  EngineResponse response;
  bool too_large = false;
  char error[CURL_ERROR_SIZE] = "";

  ~Transfer() { curl_slist_free_all(headers); }
};

EngineClient::EngineClient(std::string socket_path) : socket_path_(std::move(socket_path)) {
  InitCurlOnce();
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnections);
  thread_ = std::thread([this] { Run(); });
}

EngineClient::~EngineClient() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  for (void* handle : idle_handles_) curl_easy_cleanup(handle);
  curl_multi_cleanup(multi_);
}

EngineClient::OpId EngineClient::Send(EngineRequest request, ResponseDone done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  return Post({.transfer = std::move(transfer)});
}

EngineClient::OpId EngineClient::After(absl::Duration delay, TimerDone done) {
  return Post({.timer = std::move(done),
               .due_ns = SteadyNowNs() + std::max<int64_t>(0, absl::ToInt64Nanoseconds(delay))});
}

void EngineClient::Cancel(OpId op) { Post({.op = op}); }

EngineClient::OpId EngineClient::Post(Command command) {
  OpId op;
  {
    MutexLock lock(&mutex_);
    const bool is_cancel = command.transfer == nullptr && command.timer == nullptr;
    if (!is_cancel) command.op = next_op_++;
    op = command.op;
    inbox_.push_back(std::move(command));
    // The thread takes its inbox again before it sleeps, so its own posts need no wakeup.
    if (inbox_.size() > 1 || std::this_thread::get_id() == thread_.get_id()) return op;
  }
  curl_multi_wakeup(multi_);
  return op;
}

void EngineClient::Run() {
  for (;;) {
    std::vector<Command> commands;
    bool stopping;
    {
      MutexLock lock(&mutex_);
      commands.swap(inbox_);
      stopping = stopping_;
    }
    for (Command& command : commands) {
      if (command.transfer != nullptr) {
        command.transfer->op = command.op;
        StartTransfer(std::move(command.transfer));
      } else if (command.timer != nullptr) {
        timers_.emplace(command.due_ns, Timer{command.op, std::move(command.timer)});
      } else {
        CancelOnThread(command.op);
      }
    }
    if (stopping) {
      CancelAll();
      MutexLock lock(&mutex_);
      if (inbox_.empty()) return;
      continue;  // A callback asked for more: that is answered CANCELLED as well.
    }

    int running = 0;
    curl_multi_perform(multi_, &running);
    int queued = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      const CURLcode code = message->data.result;
      absl::Status status;
      if (transfer->too_large) {
        status = absl::ResourceExhaustedError(absl::StrCat(
            transfer->request.method, " ", transfer->request.path, ": the engine's answer is over ",
            transfer->request.max_response_bytes, " bytes"));
      } else if (code == CURLE_OPERATION_TIMEDOUT) {
        status = MakeError(
            absl::StatusCode::kDeadlineExceeded, kEngineTimeout,
            absl::StrCat("the container engine at ", socket_path_, " took too long to answer ",
                         transfer->request.method, " ", transfer->request.path));
      } else if (code != CURLE_OK) {
        long os_error = 0;  // Why connect failed: curl's own words name a port that is none.
        curl_easy_getinfo(message->easy_handle, CURLINFO_OS_ERRNO, &os_error);
        absl::string_view why = curl_easy_strerror(code);
        if (transfer->error[0] != '\0') why = transfer->error;
        if (code == CURLE_COULDNT_CONNECT && os_error != 0)
          why = strerror(static_cast<int>(os_error));
        status = MakeError(
            absl::StatusCode::kUnavailable, kEngineUnreachable,
            absl::StrCat("the container engine at ", socket_path_, " does not answer: ", why));
      }
      FinishTransfer(transfer->op, std::move(status));
    }

    const int timeout_ms = FireTimers();
    {
      MutexLock lock(&mutex_);
      if (!inbox_.empty() || stopping_) continue;
    }
    curl_multi_poll(multi_, nullptr, 0, timeout_ms, nullptr);
  }
}

void* EngineClient::TakeHandle() {
  if (idle_handles_.empty()) return curl_easy_init();
  void* handle = idle_handles_.back();
  idle_handles_.pop_back();
  curl_easy_reset(handle);
  return handle;
}

void EngineClient::StartTransfer(std::unique_ptr<Transfer> transfer) {
  Transfer* t = transfer.get();
  const EngineRequest& request = t->request;
  CURL* handle = TakeHandle();
  t->handle = handle;
  t->url = absl::StrCat("http://engine", request.path);
  curl_easy_setopt(handle, CURLOPT_PRIVATE, t);
  curl_easy_setopt(handle, CURLOPT_URL, t->url.c_str());
  curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, t->error);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(request.timeout)));
  if (request.stall_timeout > absl::ZeroDuration()) {
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(absl::ToInt64Seconds(request.stall_timeout)));
  }
  curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, request.fresh_connection ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &EngineClient::OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, t);
  if (absl::string_view(request.method) == "POST") {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    // Without it curl waits for a "100 Continue" before a large body.
    t->headers = curl_slist_append(t->headers, "Expect:");
    t->headers = curl_slist_append(t->headers, "Content-Type: application/json");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, t->headers);
  } else if (absl::string_view(request.method) != "GET") {
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method);
  }
  transfers_.emplace(t->op, std::move(transfer));
  curl_multi_add_handle(multi_, handle);
}

size_t EngineClient::OnBody(char* data, size_t size, size_t count, void* transfer) {
  auto* t = static_cast<Transfer*>(transfer);
  const size_t length = size * count;
  if (t->request.on_data) {
    long code = 0;
    curl_easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && code < 300) {
      t->request.on_data(absl::string_view(data, length));
      return length;
    }
  }
  if (t->response.body.size() + length > t->request.max_response_bytes) {
    t->too_large = true;
    return 0;  // Makes curl end the transfer.
  }
  t->response.body.append(data, length);
  return length;
}

void EngineClient::FinishTransfer(OpId op, absl::Status transport) {
  const auto found = transfers_.find(op);
  if (found == transfers_.end()) return;
  const std::unique_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  long code = 0;
  curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &code);
  curl_multi_remove_handle(multi_, transfer->handle);
  if (idle_handles_.size() < kIdleHandles) {
    idle_handles_.push_back(transfer->handle);
  } else {
    curl_easy_cleanup(transfer->handle);
  }
  if (!transport.ok()) {
    transfer->done(std::move(transport));
    return;
  }
  transfer->response.code = static_cast<int>(code);
  transfer->done(std::move(transfer->response));
}

void EngineClient::CancelOnThread(OpId op) {
  FinishTransfer(op, absl::CancelledError("the call was cancelled"));
  for (auto timer = timers_.begin(); timer != timers_.end(); ++timer) {
    if (timer->second.op != op) continue;
    const TimerDone done = std::move(timer->second.done);
    timers_.erase(timer);
    done(absl::CancelledError("the call was cancelled"));
    return;
  }
}

void EngineClient::CancelAll() {
  while (!transfers_.empty()) CancelOnThread(transfers_.begin()->first);
  while (!timers_.empty()) CancelOnThread(timers_.begin()->second.op);
}

int EngineClient::FireTimers() {
  for (;;) {
    if (timers_.empty()) return kMaxPollMs;
    const int64_t left_ns = timers_.begin()->first - SteadyNowNs();
    if (left_ns > 0)
      return static_cast<int>(std::min<int64_t>(left_ns / 1'000'000 + 1, kMaxPollMs));
    const TimerDone done = std::move(timers_.begin()->second.done);
    timers_.erase(timers_.begin());
    done(absl::OkStatus());
  }
}

}  // namespace cronium::agent
