// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_RUNTIME_CONTAINER_RUNTIME_H_
#define CRONIUM_AGENT_RUNTIME_CONTAINER_RUNTIME_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cronium::agent {

// ErrorInfo reasons (common/error.h) of the statuses below. Read them with ErrorReason(status).
//
// NOT_FOUND: the image is not on this host (Create), or neither here nor at its registry
// (PrepareImage).
inline constexpr absl::string_view kImageNotFound = "IMAGE_NOT_FOUND";
// NOT_FOUND: no container of that name.
inline constexpr absl::string_view kContainerNotFound = "CONTAINER_NOT_FOUND";
// UNAVAILABLE: the engine does not answer. The call may or may not have taken effect; all calls may
// be repeated.
inline constexpr absl::string_view kEngineUnreachable = "ENGINE_UNREACHABLE";
// DEADLINE_EXCEEDED: the engine took the call and did not answer in time. It may take effect later.
inline constexpr absl::string_view kEngineTimeout = "ENGINE_TIMEOUT";
// Any code: the engine refused the call. The message has its words.
inline constexpr absl::string_view kEngineError = "ENGINE_ERROR";

enum class ContainerNetwork {
  // Loopback only.
  kNone,
  // The engine's default bridge.
  kBridge,
};

struct BindMount {
  std::string source;
  std::string target;
  bool read_only = true;
};

struct TmpfsMount {
  std::string target;
  // As mount(8) takes them, for example "exec,mode=1777,size=67108864". nosuid and nodev are always
  // added.
  std::string options;
};

// One container, complete: no default of the engine or the image decides anything that is here. The
// image's ENTRYPOINT and CMD are never used; its ENV is, beneath `env`.
struct ContainerConfig {
  // The execution's id: create is idempotent by it. [a-zA-Z0-9][a-zA-Z0-9_.-]*.
  std::string name;
  // As the engine knows it: a name with or without tag or digest, or an id.
  std::string image;
  // Program and arguments of pid 1. Never empty.
  std::vector<std::string> entrypoint;
  // NAME=value each.
  std::vector<std::string> env;
  std::vector<BindMount> binds;
  std::vector<TmpfsMount> tmpfs;
  // `UID:GID`, numeric.
  std::string user = "1000:1000";
  // Must exist in the image or a bind. Not a tmpfs: Docker makes one that is the working folder
  // root's with mode 0755, whatever its options say; enter that from inside.
  std::string working_dir = "/";
  // Host name inside; empty: the engine's choice.
  std::string hostname;
  ContainerNetwork network = ContainerNetwork::kNone;
  // Name and address, each a line of /etc/hosts.
  std::vector<std::pair<std::string, std::string>> extra_hosts;
  std::map<std::string, std::string> labels;

  // Limits. Zero: none.
  int32_t cpu_millis = 500;
  int64_t memory_bytes = 512 << 20;  // Without swap beyond it.
  int32_t pids = 100;

  bool readonly_root = true;
  // Signal number that a stop of the engine itself sends first.
  int stop_signal = 15;
  // Always: all capabilities dropped, no-new-privileges, not privileged, never restarted by the
  // engine, log driver none, no terminal, stdin closed.
};

enum class ContainerState {
  // Never started.
  kCreated,
  // Running, paused or being restarted.
  kRunning,
  // Was started and has ended.
  kEnded,
};

struct ContainerInfo {
  // The engine's id.
  std::string id;
  // ContainerConfig.name.
  std::string name;
  std::map<std::string, std::string> labels;
  ContainerState state = ContainerState::kCreated;
};

// How a container ended.
struct ExitInfo {
  // As the container gave it: 128 + signal where a signal ended pid 1.
  int exit_code = 0;
  // The kernel killed a process of it for memory. It need not be what ended it: the script may have
  // gone on.
  bool oom_killed = false;
  // What the engine has to say; mostly empty.
  std::string error;
  // The engine's clock.
  absl::Time started_at = absl::InfinitePast();
  absl::Time finished_at = absl::InfinitePast();
  // The engine went away while we waited. An engine that stops or restarts may have ended the
  // container, so that the exit code is of its making rather than the script's.
  bool engine_lost = false;
};

struct EngineInfo {
  // "docker", "podman", "fake".
  std::string name;
  std::string version;
};

struct ImageProgress {
  // A few words: "Downloading", "Extracting".
  std::string phase;
  // Over all layers known so far. 0 of 0 while unknown.
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;
};

// Names a call that can be cancelled. Never 0.
using CallId = uint64_t;

// Runs containers: the one seam between the agent and what does it (Docker Engine or Podman in
// docker/, a fake for tests).
//
// Every call returns at once and is answered by exactly one call of its `done`, on the runtime's
// own thread: what `done` does must be quick (hand over to a mailbox), and may call the runtime
// again. Calls on one container are carried out in the order in which their predecessors' `done`
// were called; calls made at once may overtake one another. Destroying the runtime answers what is
// outstanding with CANCELLED, from the destructor's thread or its own, before the destructor
// returns; containers are left alone.
//
// Every call may be repeated after a failure: create, start, kill and remove find their work done.
// An engine may carry a call out long after it was answered as failed. So `container` is a name, or
// better the engine's id: then no later one of that name can be meant.
// Thread-safe.
class ContainerRuntime {
 public:
  using Done = std::function<void(absl::Status)>;
  using CreateDone = std::function<void(absl::StatusOr<std::string>)>;
  using WaitDone = std::function<void(absl::StatusOr<ExitInfo>)>;
  using ListDone = std::function<void(absl::StatusOr<std::vector<ContainerInfo>>)>;
  using PingDone = std::function<void(absl::StatusOr<EngineInfo>)>;
  // Called at most a few times a second, before `done`.
  using ProgressFn = std::function<void(const ImageProgress&)>;

  virtual ~ContainerRuntime() = default;

  // Makes sure that the image is on this host: OK at once where it is, else pulls it. May take
  // minutes; ended by Cancel, or by DEADLINE_EXCEEDED when the engine reports no progress for long.
  // NOT_FOUND (kImageNotFound) and other errors name the image and have the engine's words.
  // `progress` may be null.
  //
  // The cheapest way to a container is Create first, and PrepareImage only where that answers
  // kImageNotFound: an image that is there costs no round trip then.
  virtual CallId PrepareImage(const std::string& image, ProgressFn progress, Done done) = 0;

  // Makes the container, not started; answers with the engine's id. Where one of that name exists
  // it is taken as it is, if it carries all of config.labels (a repeated create), else
  // ALREADY_EXISTS. INVALID_ARGUMENT names the bad field. NOT_FOUND (kImageNotFound) where the
  // image is not on this host: nothing is pulled here.
  virtual void Create(const ContainerConfig& config, CreateDone done) = 0;

  // Starts a container that was created. OK where it runs already. A container that has ended must
  // not be started: it would run again. FAILED_PRECONDITION and others carry why the engine could
  // not start it, NOT_FOUND (kContainerNotFound) that it is gone.
  virtual void Start(const std::string& container, Done done) = 0;

  // Answers once the container has ended, or at once where it has: call it after Start answered, or
  // for one that ListOurs shows. FAILED_PRECONDITION where it was never started, NOT_FOUND
  // (kContainerNotFound) where it is gone. No timeout: an engine that goes away is waited for.
  virtual CallId Wait(const std::string& container, WaitDone done) = 0;

  // Sends a signal to pid 1. OK where it does not run (any more).
  virtual void Kill(const std::string& container, int signal, Done done) = 0;

  // OK once there is no such container. With force a running one is killed first, else
  // FAILED_PRECONDITION.
  virtual void Remove(const std::string& container, bool force, Done done) = 0;

  // All containers that carry all of `labels`, in every state. A listing that failed is an error,
  // never a short list.
  virtual void ListOurs(const std::map<std::string, std::string>& labels, ListDone done) = 0;

  // Whether the engine answers.
  virtual void Ping(PingDone done) = 0;

  // Ends a PrepareImage or Wait with CANCELLED. Nothing where it was answered already: the answer
  // may be on its way.
  virtual void Cancel(CallId call) = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_RUNTIME_CONTAINER_RUNTIME_H_
