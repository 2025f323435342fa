// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/transfer_loop.h"

#include <curl/curl.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/thread_name.h"
#include "controller/outbound/transfer_error.h"

namespace cronium::controller {
namespace {

// Connections and handles kept while nothing uses them.
constexpr long kIdleConnections = 64;
constexpr size_t kIdleHandles = 64;
// The longest sleep of the thread: curl's own timers and ours cut it short.
constexpr int kMaxPollMs = 60'000;
// Where Debian's packages keep the host's CAs, by hash: counts beside a CA file of our own.
constexpr char kHostCaFolder[] = "/etc/ssl/certs";

int64_t SteadyNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t DueNs(absl::Duration delay) {
  return SteadyNowNs() + std::max<int64_t>(0, absl::ToInt64Nanoseconds(delay));
}

void InitCurlOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

absl::Status Cancelled() { return absl::CancelledError("the transfer was cancelled"); }

}  // namespace

struct TransferLoop::Running {
  Id id = 0;
  std::unique_ptr<Transfer> transfer;
  TransferOptions options;
  int64_t deadline_ns = 0;
  const AddressRule* rule = nullptr;
  CURL* handle = nullptr;
  bool added = false;
  // What the address rule said of the last address that it refused in this round.
  absl::Status refused;
  char error[CURL_ERROR_SIZE] = "";

  // For each socket, before it connects.
  static curl_socket_t OpenSocket(void* data, curlsocktype, curl_sockaddr* address) {
    auto* running = static_cast<Running*>(data);
    if (absl::Status status = running->rule->Check(&address->addr); !status.ok()) {
      running->refused = std::move(status);
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  // Once more before anything is sent, over whatever connection curl took.
  static int BeforeRequest(void* data, char* peer, char*, int, int) {
    auto* running = static_cast<Running*>(data);
    if (absl::Status status = running->rule->CheckText(peer); !status.ok()) {
      running->refused = std::move(status);
      return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
  }
};

TransferLoop::TransferLoop(TransferLoopOptions options) : options_(std::move(options)) {
  InitCurlOnce();
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnections);
  thread_ = std::thread([this] { Run(); });
}

TransferLoop::~TransferLoop() {
  Stop();
  for (void* handle : idle_handles_) curl_easy_cleanup(handle);
  curl_multi_cleanup(multi_);
}

void TransferLoop::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_);
  if (thread_.joinable()) thread_.join();
}

// ---- Callers' side

TransferLoop::Id TransferLoop::Start(std::unique_ptr<Transfer> transfer,
                                     const TransferOptions& options) {
  auto running = std::make_unique<Running>();
  running->transfer = std::move(transfer);
  running->options = options;
  running->deadline_ns = DueNs(options.timeout);
  running->rule = &options_.rule;
  Command command;
  command.transfer = std::move(running);
  return Post(std::move(command));
}

TransferLoop::Id TransferLoop::After(absl::Duration delay, TimerDone done) {
  Command command;
  command.timer = std::move(done);
  command.due_ns = DueNs(delay);
  return Post(std::move(command));
}

void TransferLoop::Cancel(Id id) {
  Command command;
  command.id = id;
  Post(std::move(command));
}

TransferLoop::Id TransferLoop::Post(Command command) {
  Id id;
  bool stopped;
  {
    MutexLock lock(&mutex_);
    const bool is_cancel = command.transfer == nullptr && command.timer == nullptr;
    if (!is_cancel) command.id = next_id_++;
    id = command.id;
    stopped = stopping_;
    if (!stopped) {
      inbox_.push_back(std::move(command));
      // The thread takes its inbox again before it sleeps, so its own posts need no wakeup.
      if (inbox_.size() > 1 || std::this_thread::get_id() == thread_.get_id()) return id;
    }
  }
  if (!stopped) {
    curl_multi_wakeup(multi_);
  } else if (command.transfer != nullptr) {
    command.transfer->transfer->Finish({nullptr, 0, Cancelled()});
  } else if (command.timer != nullptr) {
    command.timer(Cancelled());
  }
  return id;
}

// ---- The thread

void TransferLoop::Run() {
  SetThreadName("outbound");
  // OpenSSL writes to sockets without MSG_NOSIGNAL, and with CURLOPT_NOSIGNAL curl leaves SIGPIPE
  // to us: a peer that hangs up must not end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  for (;;) {
    std::vector<Command> commands;
    bool stopping;
    {
      MutexLock lock(&mutex_);
      commands.swap(inbox_);
      stopping = stopping_;
    }
    for (Command& command : commands) Take(std::move(command));
    if (stopping) {
      CancelAll();
      return;  // Nothing is posted any more.
    }
    Perform();
    const int timeout_ms = FireTimers();
    BeginWaiting();
    {
      MutexLock lock(&mutex_);
      if (!inbox_.empty() || stopping_) continue;
    }
    curl_multi_poll(multi_, nullptr, 0, timeout_ms, nullptr);
  }
}

void TransferLoop::Take(Command command) {
  if (command.timer != nullptr) {
    timers_.emplace(Due{command.due_ns, command.id}, std::move(command.timer));
    return;
  }
  if (command.transfer == nullptr) {
    CancelOnThread(command.id);
    return;
  }
  if (static_cast<int>(waiting_.size()) >= options_.max_waiting) {
    command.transfer->transfer->Finish(
        {nullptr, 0,
         MakeRetryableError(absl::StatusCode::kResourceExhausted, kOutboundQueueFull,
                            absl::StrCat(options_.max_waiting,
                                         " outbound calls wait for their turn already; try again"),
                            absl::Seconds(1))});
    return;
  }
  Running* running = command.transfer.get();
  running->id = command.id;
  deadlines_.emplace(running->deadline_ns, running->id);
  transfers_.emplace(running->id, std::move(command.transfer));
  waiting_.push_back(running->id);
  BeginWaiting();
}

void TransferLoop::BeginWaiting() {
  while (under_way_ < options_.max_transfers && !waiting_.empty()) {
    const auto found = transfers_.find(waiting_.front());
    waiting_.pop_front();
    // It may have ended while it waited.
    if (found == transfers_.end()) continue;
    ++under_way_;
    found->second->handle = TakeHandle();
    Begin(found->second.get());
  }
}

void TransferLoop::Begin(Running* running) {
  Configure(running);
  if (absl::Status status = running->transfer->SetUp(running->handle); !status.ok()) {
    End(running->id, 0, std::move(status));
    return;
  }
  running->added = true;
  curl_multi_add_handle(multi_, running->handle);
}

void TransferLoop::Configure(Running* running) const {
  CURL* handle = running->handle;
  curl_easy_reset(handle);
  running->refused = absl::OkStatus();
  running->error[0] = '\0';
  const char* protocols =
      running->options.protocols == TransferProtocols::kHttp ? "http,https" : "smtp,smtps";
  curl_easy_setopt(handle, CURLOPT_PRIVATE, running);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, running->error);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // A name server that does not answer must not hold up the loop when the transfer is given up.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, protocols);
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(handle, CURLOPT_PROXY, "");  // Whatever the environment says.
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &Running::OpenSocket);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, running);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, &Running::BeforeRequest);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, running);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::clamp<int64_t>(
                       absl::ToInt64Milliseconds(running->options.connect_timeout), 1, 600'000)));
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
    curl_easy_setopt(handle, CURLOPT_CAPATH, kHostCaFolder);
  }
}

void TransferLoop::Perform() {
  int running_count = 0;
  curl_multi_perform(multi_, &running_count);
  int queued = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    Running* running = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &running);
    const CURLcode code = message->data.result;
    absl::Status status;
    if (code != CURLE_OK) {
      long os_error = 0;
      curl_easy_getinfo(running->handle, CURLINFO_OS_ERRNO, &os_error);
      const bool refused = code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK;
      status = refused && !running->refused.ok()
                   ? absl::Status(running->refused)
                   : TransferError(code, running->transfer->Target(), running->error,
                                   static_cast<int>(os_error));
    }
    End(running->id, code, std::move(status));
  }
}

void TransferLoop::End(Id id, int curl_code, absl::Status status) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  Running* running = found->second.get();
  if (running->added) curl_multi_remove_handle(multi_, running->handle);
  running->added = false;
  const bool may_go_on =
      running->handle != nullptr && !absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status);
  if (running->transfer->Finish({running->handle, curl_code, std::move(status)}) && may_go_on) {
    Begin(running);
    return;
  }
  deadlines_.erase({running->deadline_ns, id});
  GiveBack(running);
  transfers_.erase(id);
}

void TransferLoop::CancelOnThread(Id id) {
  End(id, 0, Cancelled());
  for (auto timer = timers_.begin(); timer != timers_.end(); ++timer) {
    if (timer->first.second != id) continue;
    const TimerDone done = std::move(timer->second);
    timers_.erase(timer);
    done(Cancelled());
    return;
  }
}

void TransferLoop::CancelAll() {
  while (!transfers_.empty()) CancelOnThread(transfers_.begin()->first);
  while (!timers_.empty()) CancelOnThread(timers_.begin()->first.second);
}

int TransferLoop::FireTimers() {
  for (;;) {
    int64_t due = INT64_MAX;
    if (!deadlines_.empty()) due = deadlines_.begin()->first;
    if (!timers_.empty()) due = std::min(due, timers_.begin()->first.first);
    if (due == INT64_MAX) return kMaxPollMs;
    const int64_t left_ns = due - SteadyNowNs();
    if (left_ns > 0) {
      return static_cast<int>(std::min<int64_t>(left_ns / 1'000'000 + 1, kMaxPollMs));
    }
    if (!timers_.empty() && timers_.begin()->first.first == due) {
      const TimerDone done = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      done(absl::OkStatus());
      continue;
    }
    const Running& late = *transfers_.at(deadlines_.begin()->second);
    End(late.id, CURLE_OPERATION_TIMEDOUT,
        TransferTimeout(late.transfer->Target(), late.options.timeout));
  }
}

void* TransferLoop::TakeHandle() {
  if (idle_handles_.empty()) return curl_easy_init();
  void* handle = idle_handles_.back();
  idle_handles_.pop_back();
  return handle;
}

void TransferLoop::GiveBack(Running* running) {
  if (running->handle == nullptr) return;
  --under_way_;
  if (idle_handles_.size() < kIdleHandles) {
    idle_handles_.push_back(running->handle);
  } else {
    curl_easy_cleanup(running->handle);
  }
  running->handle = nullptr;
}

}  // namespace cronium::controller
