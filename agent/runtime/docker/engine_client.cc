// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/docker/engine_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/runtime/container_runtime.h"
#include "common/error.h"

namespace cronium::agent {
namespace {

// Connections kept open while nothing uses them; each Wait holds one of its own beyond these.
constexpr long kIdleConnections = 8;
constexpr size_t kIdleHandles = 32;
constexpr long kConnectTimeoutMs = 10'000;

absl::Status Cancelled() { return absl::CancelledError("the call was cancelled"); }

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

EngineClient::EngineClient(std::string socket_path)
    : socket_path_(std::move(socket_path)),
      loop_({.thread_name = "engine",
             .idle_connections = kIdleConnections,
             .idle_handles = kIdleHandles},
            [this] { CancelAll(); }) {}

EngineClient::OpId EngineClient::Send(EngineRequest request, ResponseDone done) {
  auto transfer = std::make_shared<Transfer>();
  transfer->op = loop_.NewId();
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  if (!loop_.Post([this, transfer] { Begin(transfer); })) transfer->done(Cancelled());
  return transfer->op;
}

EngineClient::OpId EngineClient::After(absl::Duration delay, TimerDone done) {
  return loop_.After(delay, std::move(done));
}

void EngineClient::Cancel(OpId op) {
  // Where the loop has stopped, everything has been answered.
  static_cast<void>(loop_.Post([this, op] {
    Finish(op, Cancelled());
    loop_.EndTimer(op, Cancelled());
  }));
}

void EngineClient::Begin(std::shared_ptr<Transfer> transfer) {
  Transfer* t = transfer.get();
  const EngineRequest& request = t->request;
  CURL* handle = loop_.TakeHandle();
  t->handle = handle;
  t->url = absl::StrCat("http://engine", request.path);
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
  loop_.AddTransfer(handle, [this, t](int code) { OnCurl(t, code); });
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

void EngineClient::OnCurl(Transfer* transfer, int curl_code) {
  const auto code = static_cast<CURLcode>(curl_code);
  const EngineRequest& request = transfer->request;
  absl::Status status;
  if (transfer->too_large) {
    status = absl::ResourceExhaustedError(absl::StrCat(request.method, " ", request.path,
                                                       ": the engine's answer is over ",
                                                       request.max_response_bytes, " bytes"));
  } else if (code == CURLE_OPERATION_TIMEDOUT) {
    status =
        MakeError(absl::StatusCode::kDeadlineExceeded, kEngineTimeout,
                  absl::StrCat("the container engine at ", socket_path_,
                               " took too long to answer ", request.method, " ", request.path));
  } else if (code != CURLE_OK) {
    long os_error = 0;  // Why connect failed: curl's own words name a port that is none.
    curl_easy_getinfo(transfer->handle, CURLINFO_OS_ERRNO, &os_error);
    absl::string_view why = curl_easy_strerror(code);
    if (transfer->error[0] != '\0') why = transfer->error;
    if (code == CURLE_COULDNT_CONNECT && os_error != 0) why = strerror(static_cast<int>(os_error));
    status = MakeError(
        absl::StatusCode::kUnavailable, kEngineUnreachable,
        absl::StrCat("the container engine at ", socket_path_, " does not answer: ", why));
  }
  Finish(transfer->op, std::move(status));
}

void EngineClient::Finish(OpId op, absl::Status transport) {
  const auto found = transfers_.find(op);
  if (found == transfers_.end()) return;
  const std::shared_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  loop_.RemoveTransfer(transfer->handle);
  long code = 0;
  curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &code);
  loop_.GiveBack(transfer->handle);
  if (!transport.ok()) {
    transfer->done(std::move(transport));
    return;
  }
  transfer->response.code = static_cast<int>(code);
  transfer->done(std::move(transfer->response));
}

void EngineClient::CancelAll() {
  while (!transfers_.empty()) Finish(transfers_.begin()->first, Cancelled());
}

}  // namespace cronium::agent
