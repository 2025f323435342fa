// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/transfer_loop.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/outbound/transfer_error.h"

namespace cronium::controller {
namespace {

// Connections and handles kept while nothing uses them.
constexpr long kIdleConnections = 64;
constexpr size_t kIdleHandles = 64;
// Where Debian's packages keep the host's CAs, by hash: counts beside a CA file of our own.
constexpr char kHostCaFolder[] = "/etc/ssl/certs";

absl::Status Cancelled() { return absl::CancelledError("the transfer was cancelled"); }

}  // namespace

struct TransferLoop::Running {
  Id id = 0;
  std::unique_ptr<Transfer> transfer;
  TransferOptions options;
  int64_t deadline_ns = 0;
  const AddressRule* rule = nullptr;
  CURL* handle = nullptr;
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

TransferLoop::TransferLoop(TransferLoopOptions options)
    : options_(std::move(options)),
      loop_({.thread_name = "outbound",
             .idle_connections = kIdleConnections,
             .idle_handles = kIdleHandles},
            [this] { CancelAll(); }) {}

// ---- Callers' side

TransferLoop::Id TransferLoop::Start(std::unique_ptr<Transfer> transfer,
                                     const TransferOptions& options) {
  auto running = std::make_shared<Running>();
  running->id = loop_.NewId();
  running->transfer = std::move(transfer);
  running->options = options;
  running->deadline_ns = CurlDueNs(options.timeout);
  running->rule = &options_.rule;
  if (!loop_.Post([this, running] { Take(running); })) {
    running->transfer->Finish({nullptr, 0, Cancelled()});
  }
  return running->id;
}

TransferLoop::Id TransferLoop::After(absl::Duration delay, TimerDone done) {
  return loop_.After(delay, std::move(done));
}

void TransferLoop::Cancel(Id id) {
  // Where the loop has stopped, everything has ended.
  static_cast<void>(loop_.Post([this, id] {
    if (transfers_.contains(id)) {
      End(id, 0, Cancelled());
      BeginWaiting();
    } else {
      loop_.EndTimer(id, Cancelled());
    }
  }));
}

void TransferLoop::Stop() { loop_.Stop(); }

// ---- The thread

void TransferLoop::Take(std::shared_ptr<Running> running) {
  if (static_cast<int>(waiting_.size()) >= options_.max_waiting) {
    running->transfer->Finish(
        {nullptr, 0,
         MakeRetryableError(absl::StatusCode::kResourceExhausted, kOutboundQueueFull,
                            absl::StrCat(options_.max_waiting,
                                         " outbound calls wait for their turn already; try again"),
                            absl::Seconds(1))});
    return;
  }
  const Running& r = *running;
  loop_.StartTimer(r.id, r.deadline_ns, [this, &r](const absl::Status& status) {
    if (!status.ok()) return;
    End(r.id, CURLE_OPERATION_TIMEDOUT, TransferTimeout(r.transfer->Target(), r.options.timeout));
    BeginWaiting();
  });
  waiting_.push_back(r.id);
  transfers_.emplace(r.id, std::move(running));
  BeginWaiting();
}

void TransferLoop::BeginWaiting() {
  while (under_way_ < options_.max_transfers && !waiting_.empty()) {
    const auto found = transfers_.find(waiting_.front());
    waiting_.pop_front();
    // It may have ended while it waited.
    if (found == transfers_.end()) continue;
    ++under_way_;
    found->second->handle = loop_.TakeHandle();
    Begin(found->second.get());
  }
}

void TransferLoop::Begin(Running* running) {
  Configure(running);
  if (absl::Status status = running->transfer->SetUp(running->handle); !status.ok()) {
    End(running->id, 0, std::move(status));
    return;
  }
  loop_.AddTransfer(running->handle, [this, running](int code) { OnCurl(running, code); });
}

void TransferLoop::Configure(Running* running) const {
  CURL* handle = running->handle;
  curl_easy_reset(handle);
  running->refused = absl::OkStatus();
  running->error[0] = '\0';
  const char* protocols =
      running->options.protocols == TransferProtocols::kHttp ? "http,https" : "smtp,smtps";
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

void TransferLoop::OnCurl(Running* running, int curl_code) {
  const auto code = static_cast<CURLcode>(curl_code);
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
  BeginWaiting();
}

void TransferLoop::End(Id id, int curl_code, absl::Status status) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  const std::shared_ptr<Running> running = found->second;
  if (running->handle != nullptr) loop_.RemoveTransfer(running->handle);
  const bool may_go_on =
      running->handle != nullptr && !absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status);
  if (running->transfer->Finish({running->handle, curl_code, std::move(status)}) && may_go_on) {
    Begin(running.get());
    return;
  }
  loop_.DropTimer(id);
  transfers_.erase(id);
  if (running->handle == nullptr) return;
  loop_.GiveBack(running->handle);
  --under_way_;
}

void TransferLoop::CancelAll() {
  while (!transfers_.empty()) End(transfers_.begin()->first, 0, Cancelled());
}

}  // namespace cronium::controller
