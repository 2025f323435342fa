// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_HTTP_JOBS_HTTP_JOB_RUNNER_H_
#define CRONIUM_CONTROLLER_HTTP_JOBS_HTTP_JOB_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "controller/core/messages.h"
#include "controller/logs/log_store.h"
#include "controller/outbound/http_client.h"

namespace cronium::controller {

// Carries out the core's HttpCommands: makes the tries, writes the log, reports the outcome.
//
// Stopping the TransferLoop first ends everything here: what is under way then is not reported, and
// the next start of the controller finds its outcome unknown. The runner must outlive both the
// loop's stop and the log store's shutdown. Thread-safe: commands are handed to the loop's thread,
// which owns all else.
class HttpJobRunner {
 public:
  // Hands an outcome to the core; never waits. Called on the log store's thread.
  using Report = std::function<void(HttpOutcome)>;

  // loop, logs and clock are borrowed.
  HttpJobRunner(TransferLoop* loop, LogStore* logs, const Clock* clock, Report report);
  ~HttpJobRunner();

  void Execute(const HttpCommand& command);

 private:
  struct Call;

  // All on the loop's thread. Calls are named by their execution; a name that is gone is of a call
  // that was given up.
  void Start(const HttpCommand& command);
  void GiveUp(const HttpCommand& command);
  void Try(const std::string& id);
  void OnAnswer(const std::string& id, absl::StatusOr<HttpResponse> answer);
  void TryAgain(Call* call, const std::string& line, absl::Duration wait);
  void End(const std::string& id, v1::EndReason reason, std::string message,
           const HttpResponse* answer);
  Call* Find(const std::string& id);

  TransferLoop* const loop_;
  LogStore* const logs_;
  const Clock* const clock_;
  const Report report_;
  HttpClient client_;
  absl::flat_hash_map<std::string, std::unique_ptr<Call>> calls_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_HTTP_JOBS_HTTP_JOB_RUNNER_H_
