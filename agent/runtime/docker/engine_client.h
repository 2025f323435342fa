// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_RUNTIME_DOCKER_ENGINE_CLIENT_H_
#define CRONIUM_AGENT_RUNTIME_DOCKER_ENGINE_CLIENT_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/curl/curl_loop.h"

namespace cronium::agent {

struct EngineRequest {
  // GET, POST or DELETE.
  const char* method = "GET";
  // From the slash on, with its query.
  std::string path;
  // JSON; may be empty.
  std::string body;
  // From sending to the last byte of the answer. Zero: none.
  absl::Duration timeout = absl::Seconds(30);
  // Ends the request where nothing arrives for so long. Zero: never.
  absl::Duration stall_timeout = absl::ZeroDuration();
  // Never on a connection that was used before: curl silently sends again what fails on such a one,
  // and the caller wants to know.
  bool fresh_connection = false;
  // A longer answer ends the request with RESOURCE_EXHAUSTED.
  size_t max_response_bytes = 1 << 20;
  // Where set, the body of a 2xx answer goes here piece by piece instead of into
  // EngineResponse.body, and has no limit.
  std::function<void(absl::string_view)> on_data;
};

struct EngineResponse {
  int code = 0;
  std::string body;
};

// HTTP/1.1 over a unix socket, on one thread (common/curl); connections are kept and used again.
//
// Every operation is answered by exactly one call of its `done` on that thread. A transport failure
// is UNAVAILABLE (ENGINE_UNREACHABLE), a timeout DEADLINE_EXCEEDED (ENGINE_TIMEOUT); any HTTP code
// is an answer. Destroying the client answers what is outstanding with CANCELLED before the
// destructor returns; what those callbacks ask for is answered CANCELLED too. Thread-safe.
class EngineClient {
 public:
  using OpId = CurlLoop::Id;
  using ResponseDone = std::function<void(absl::StatusOr<EngineResponse>)>;
  using TimerDone = CurlLoop::TimerDone;

  explicit EngineClient(std::string socket_path);
  EngineClient(const EngineClient&) = delete;
  EngineClient& operator=(const EngineClient&) = delete;

  OpId Send(EngineRequest request, ResponseDone done);
  // Calls done(OK) on the client's thread after `delay`.
  OpId After(absl::Duration delay, TimerDone done);
  // Answers the operation with CANCELLED, on the client's thread. Nothing where it was answered.
  void Cancel(OpId op);

 private:
  struct Transfer;

  // On the loop's thread.
  static size_t OnBody(char* data, size_t size, size_t count, void* transfer);
  void Begin(std::shared_ptr<Transfer> transfer);
  void OnCurl(Transfer* transfer, int curl_code);
  void Finish(OpId op, absl::Status transport);
  void CancelAll();

  const std::string socket_path_;
  // The thread's own.
  std::map<OpId, std::shared_ptr<Transfer>> transfers_;
  // The last: its thread ends before the rest goes.
  CurlLoop loop_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_RUNTIME_DOCKER_ENGINE_CLIENT_H_
