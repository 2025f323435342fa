// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_RUNTIME_DOCKER_DOCKER_RUNTIME_H_
#define CRONIUM_AGENT_RUNTIME_DOCKER_DOCKER_RUNTIME_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/runtime/container_runtime.h"
#include "agent/runtime/docker/engine_client.h"
#include "common/mutex.h"

namespace cronium::agent {

struct DockerRuntimeOptions {
  std::string socket_path = "/var/run/docker.sock";
  // Made where it is missing; holds small files that are mounted into containers, so the engine
  // must see it under the same path. It may be emptied only while none of our containers is left.
  std::string state_dir;
  // For each kind of call; Wait has none.
  absl::Duration ping_timeout = absl::Seconds(10);
  absl::Duration call_timeout = absl::Seconds(30);
  // Create, start and remove: a busy engine needs its time.
  absl::Duration slow_call_timeout = absl::Minutes(2);
  // A pull ends where the engine says nothing for so long.
  absl::Duration pull_stall_timeout = absl::Minutes(2);
  // Between tries of a Wait whose engine went away: doubled from the first to the last.
  absl::Duration min_retry_delay = absl::Milliseconds(100);
  absl::Duration max_retry_delay = absl::Seconds(5);
};

// The Docker Engine API over the engine's unix socket; Podman's service speaks it too.
//
// The API's version is agreed on with the first call, and anew after the engine was out of reach. A
// container without a network is made with the engine's own network set-up left out (it has
// loopback all the same) and with a hosts file of ours: that is 70 ms of 170 from create to exit.
//
// One thread, the client's, runs all callbacks. Thread-safe.
class DockerRuntime : public ContainerRuntime {
 public:
  // INVALID_ARGUMENT names the option, or an error of state_dir. The engine need not answer.
  static absl::StatusOr<std::unique_ptr<DockerRuntime>> Create(const DockerRuntimeOptions& options);

  CallId PrepareImage(const std::string& image, ProgressFn progress, Done done) override;
  void Create(const ContainerConfig& config, CreateDone done) override;
  void Start(const std::string& name, Done done) override;
  CallId Wait(const std::string& name, WaitDone done) override;
  void Kill(const std::string& name, int signal, Done done) override;
  void Remove(const std::string& name, bool force, Done done) override;
  void ListOurs(const std::map<std::string, std::string>& labels, ListDone done) override;
  void Ping(PingDone done) override;
  void Cancel(CallId call) override;

 private:
  using ResponseDone = EngineClient::ResponseDone;
  // A call that can be cancelled, whichever operation it is at. Guarded by mutex_.
  struct Call {
    EngineClient::OpId op = 0;
    bool cancelled = false;
  };
  using CallPtr = std::shared_ptr<Call>;
  struct WaitCall;
  struct PullCall;

  explicit DockerRuntime(const DockerRuntimeOptions& options);

  // Sends with the agreed version before the path; agrees first where there is none. `call` may be
  // null.
  void Request(const CallPtr& call, EngineRequest request, ResponseDone done);
  void SendNow(const CallPtr& call, EngineRequest request, ResponseDone done);
  void AgreeOnVersion(PingDone done);

  CallPtr NewCall(CallId* id);
  void EndCall(CallId id);

  void Pull(std::shared_ptr<PullCall> pull);
  void FinishPull(const std::shared_ptr<PullCall>& pull, absl::StatusOr<EngineResponse> response);
  void AdoptExisting(const ContainerConfig& config, CreateDone done);
  void WaitForExit(std::shared_ptr<WaitCall> wait);
  void InspectExit(std::shared_ptr<WaitCall> wait);
  void RetryWait(std::shared_ptr<WaitCall> wait, const absl::Status& why);
  void AwaitRemoval(const std::string& name, Done done);

  // The file with these lines, made on first use.
  absl::StatusOr<std::string> HostsFile(
      const std::vector<std::pair<std::string, std::string>>& extra_hosts);
  // Calls back with a status found without asking the engine, on the client's thread as ever.
  void Answer(absl::Status status, std::function<void(absl::Status)> done);

  const DockerRuntimeOptions options_;

  Mutex mutex_;
  // "/v1.41"; empty while not agreed.
  std::string version_ ABSL_GUARDED_BY(mutex_);
  bool agreeing_ ABSL_GUARDED_BY(mutex_) = false;
  // EngineInfo.name of the last agreement.
  std::string engine_name_ ABSL_GUARDED_BY(mutex_);
  struct Queued {
    CallPtr call;
    EngineRequest request;
    ResponseDone done;
  };
  std::vector<Queued> queued_ ABSL_GUARDED_BY(mutex_);
  CallId next_call_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<CallId, CallPtr> calls_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> hosts_files_ ABSL_GUARDED_BY(mutex_);

  // Last: its destructor runs the callbacks that are outstanding, which use all of the above.
  EngineClient client_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_RUNTIME_DOCKER_DOCKER_RUNTIME_H_
