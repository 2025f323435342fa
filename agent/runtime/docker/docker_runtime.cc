// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/docker/docker_runtime.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/docker/engine_messages.h"
#include "common/error.h"
#include "common/file.h"
#include "common/log.h"

namespace cronium::agent {
namespace {

// A thousand containers with their labels are about 2 MiB.
constexpr size_t kMaxListBytes = 64 << 20;
constexpr absl::Duration kProgressPeriod = absl::Milliseconds(250);

std::string PercentEncode(absl::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-_.~", c)) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return encoded;
}

std::string ContainerPath(absl::string_view name, absl::string_view rest) {
  return absl::StrCat("/containers/", PercentEncode(name), rest);
}

// What is done with which container, for people: its name, or its id as the engine's own tools show
// it.
std::string OnContainer(absl::string_view what, absl::string_view container) {
  constexpr size_t kIdDigits = 64;
  constexpr size_t kShownDigits = 12;
  const bool is_id = container.size() == kIdDigits &&
                     std::all_of(container.begin(), container.end(), absl::ascii_isxdigit);
  return absl::StrCat(what, " container ", is_id ? container.substr(0, kShownDigits) : container);
}

// A status for an answer that is no success. `what` says what was tried with which thing.
absl::Status EngineRefusal(const EngineResponse& response, absl::string_view what) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  absl::string_view reason = kEngineError;
  switch (response.code) {
    case 400:
      code = absl::StatusCode::kInvalidArgument;
      break;
    case 401:
    case 403:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case 404:
      code = absl::StatusCode::kNotFound;
      reason = kContainerNotFound;
      break;
    case 409:
      code = absl::StatusCode::kFailedPrecondition;
      break;
    case 503:
      code = absl::StatusCode::kUnavailable;
      break;
    default:
      break;
  }
  return MakeError(code, reason, absl::StrCat(what, ": ", ErrorMessage(response.body)));
}

bool IsSuccess(const EngineResponse& response) {
  return response.code >= 200 && response.code < 300;
}

absl::Status ImageNotFound(const std::string& image, absl::string_view why) {
  return MakeError(absl::StatusCode::kNotFound, kImageNotFound,
                   absl::StrCat("image ", image, ": ", why), {{"image", image}});
}

// The engine has no code for "there is no such image": it passes on what the registry said.
bool SaysThatImageIsMissing(absl::string_view error) {
  return absl::StrContains(error, "not found") || absl::StrContains(error, "manifest unknown") ||
         absl::StrContains(error, "does not exist") ||
         absl::StrContains(error, "pull access denied") ||
         absl::StrContains(error, "no such image") || absl::StrContains(error, "No such image");
}

}  // namespace

struct DockerRuntime::PullCall {
  CallId id = 0;
  CallPtr call;
  std::string image;
  ImageReference reference;
  PullProgress progress;
  absl::Time last_report = absl::InfinitePast();
  ProgressFn report;
  Done done;
};

struct DockerRuntime::WaitCall {
  CallId id = 0;
  CallPtr call;
  std::string name;
  absl::Duration delay;
  bool engine_lost = false;
  WaitDone done;
};

absl::StatusOr<std::unique_ptr<DockerRuntime>> DockerRuntime::Create(
    const DockerRuntimeOptions& options) {
  if (options.socket_path.empty() || options.socket_path.size() > 107) {
    return absl::InvalidArgumentError(
        "the container engine's socket path must have 1 to 107 bytes");
  }
  if (!absl::StartsWith(options.state_dir, "/")) {
    return absl::InvalidArgumentError("the container runtime's state_dir must be absolute");
  }
  if (absl::Status made = MakeDirectories(options.state_dir, 0755); !made.ok()) return made;
  return std::unique_ptr<DockerRuntime>(new DockerRuntime(options));
}

DockerRuntime::DockerRuntime(const DockerRuntimeOptions& options)
    : options_(options), client_(options.socket_path) {}

// --- Versions, cancellation
// ------------------------------------------------------------------------------------------------

void DockerRuntime::Request(const CallPtr& call, EngineRequest request, ResponseDone done) {
  {
    MutexLock lock(&mutex_);
    if (version_.empty()) {
      queued_.push_back({call, std::move(request), std::move(done)});
      if (!std::exchange(agreeing_, true)) AgreeOnVersion([](const auto&) {});
      return;
    }
    request.path.insert(0, version_);
  }
  SendNow(call, std::move(request), std::move(done));
}

void DockerRuntime::SendNow(const CallPtr& call, EngineRequest request, ResponseDone done) {
  auto watch = [this, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
    if (absl::IsUnavailable(response.status())) {
      // It may be another engine that answers next.
      MutexLock lock(&mutex_);
      version_.clear();
    }
    done(std::move(response));
  };
  if (call == nullptr) {
    client_.Send(std::move(request), std::move(watch));
    return;
  }
  MutexLock lock(&mutex_);
  if (call->cancelled) {
    client_.After(absl::ZeroDuration(), [watch = std::move(watch)](const absl::Status&) mutable {
      watch(absl::CancelledError("the call was cancelled"));
    });
  } else {
    call->op = client_.Send(std::move(request), std::move(watch));
  }
}

void DockerRuntime::AgreeOnVersion(PingDone done) {
  EngineRequest request{.path = "/version", .timeout = options_.ping_timeout};
  client_.Send(
      std::move(request), [this, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
        absl::StatusOr<VersionInfo> info = absl::UnknownError("");
        if (!response.ok()) {
          info = response.status();
        } else if (!IsSuccess(*response)) {
          info = EngineRefusal(*response, "version of the container engine");
        } else {
          info = ParseVersion(response->body);
        }
        std::vector<Queued> queued;
        {
          MutexLock lock(&mutex_);
          version_ = info.ok() ? absl::StrCat("/v", info->api.major, ".", info->api.minor) : "";
          if (info.ok()) engine_name_ = info->engine.name;
          agreeing_ = false;
          queued.swap(queued_);
          for (Queued& q : queued) q.request.path.insert(0, version_);
        }
        for (Queued& q : queued) {
          if (info.ok()) {
            SendNow(q.call, std::move(q.request), std::move(q.done));
          } else {
            q.done(info.status());
          }
        }
        if (info.ok()) {
          done(std::move(info->engine));
        } else {
          done(info.status());
        }
      });
}

void DockerRuntime::Ping(PingDone done) { AgreeOnVersion(std::move(done)); }

DockerRuntime::CallPtr DockerRuntime::NewCall(CallId* id) {
  auto call = std::make_shared<Call>();
  MutexLock lock(&mutex_);
  *id = next_call_++;
  calls_[*id] = call;
  return call;
}

void DockerRuntime::EndCall(CallId id) {
  MutexLock lock(&mutex_);
  calls_.erase(id);
}

void DockerRuntime::Cancel(CallId id) {
  MutexLock lock(&mutex_);
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  found->second->cancelled = true;
  if (found->second->op != 0) client_.Cancel(found->second->op);
}

void DockerRuntime::Answer(absl::Status status, std::function<void(absl::Status)> done) {
  client_.After(absl::ZeroDuration(),
                [status = std::move(status), done = std::move(done)](const absl::Status& timer) {
                  done(timer.ok() ? status : timer);
                });
}

// --- Images
// ----------------------------------------------------------------------------------------------------------------

CallId DockerRuntime::PrepareImage(const std::string& image, ProgressFn progress, Done done) {
  auto pull = std::make_shared<PullCall>();
  pull->call = NewCall(&pull->id);
  pull->image = image;
  pull->report = std::move(progress);
  pull->done = [this, id = pull->id, done = std::move(done)](absl::Status status) {
    EndCall(id);
    done(std::move(status));
  };
  const CallId id = pull->id;
  absl::StatusOr<ImageReference> reference = ParseImageReference(image);
  if (!reference.ok()) {
    Answer(reference.status(), pull->done);
    return id;
  }
  pull->reference = *std::move(reference);
  EngineRequest request{.path = absl::StrCat("/images/", PercentEncode(image), "/json"),
                        .timeout = options_.call_timeout};
  Request(pull->call, std::move(request), [this, pull](absl::StatusOr<EngineResponse> response) {
    if (!response.ok()) {
      pull->done(response.status());
    } else if (IsSuccess(*response)) {
      pull->done(absl::OkStatus());
    } else if (response->code == 404) {
      Pull(pull);
    } else {
      pull->done(EngineRefusal(*response, absl::StrCat("image ", pull->image)));
    }
  });
  return id;
}

void DockerRuntime::Pull(std::shared_ptr<PullCall> pull) {
  EngineRequest request{
      .method = "POST",
      .path = absl::StrCat("/images/create?fromImage=", PercentEncode(pull->reference.name),
                           "&tag=", PercentEncode(pull->reference.tag)),
      .timeout = absl::ZeroDuration(),
      .stall_timeout = options_.pull_stall_timeout,
      .on_data =
          [pull](absl::string_view data) {
            pull->progress.Append(data);
            const absl::Time now = absl::Now();
            if (!pull->report || now - pull->last_report < kProgressPeriod) return;
            pull->last_report = now;
            pull->report(pull->progress.progress());
          },
  };
  Request(pull->call, std::move(request), [this, pull](absl::StatusOr<EngineResponse> response) {
    FinishPull(pull, std::move(response));
  });
}

void DockerRuntime::FinishPull(const std::shared_ptr<PullCall>& pull,
                               absl::StatusOr<EngineResponse> response) {
  if (!response.ok()) {
    pull->done(response.status());
    return;
  }
  pull->progress.Append("\n");
  std::string error = pull->progress.error();
  if (!IsSuccess(*response)) error = ErrorMessage(response->body);
  if (error.empty()) {
    pull->done(absl::OkStatus());
  } else if (response->code == 404 || SaysThatImageIsMissing(error)) {
    pull->done(ImageNotFound(pull->image,
                             absl::StrCat("is not on this host and could not be pulled: ", error)));
  } else {
    pull->done(MakeError(absl::StatusCode::kUnavailable, kEngineError,
                         absl::StrCat("image ", pull->image,
                                      ": is not on this host and could not be pulled: ", error),
                         {{"image", pull->image}}));
  }
}

// --- Containers
// ------------------------------------------------------------------------------------------------------------

absl::StatusOr<std::string> DockerRuntime::HostsFile(
    const std::vector<std::pair<std::string, std::string>>& extra_hosts) {
  std::string content = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  for (const auto& [name, address] : extra_hosts) {
    for (const char c : absl::StrCat(name, address)) {
      if (absl::ascii_isspace(c) || absl::ascii_iscntrl(c) || c == '#') {
        return absl::InvalidArgumentError(
            "container extra_hosts may not hold spaces, control characters or #");
      }
    }
    absl::StrAppend(&content, address, "\t", name, "\n");
  }
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string path = absl::StrCat(options_.state_dir, "/hosts-", absl::Hex(hash, absl::kZeroPad16));
  MutexLock lock(&mutex_);
  if (hosts_files_.contains(path)) return path;
  if (absl::Status written = WriteFileAtomic(path, content, 0644); !written.ok()) return written;
  hosts_files_.insert(path);
  return path;
}

void DockerRuntime::Create(const ContainerConfig& asked, CreateDone done) {
  ContainerConfig config = asked;
  {
    // Podman (4.3) knows no uid= there, and keeps to mode=. An engine that has not said yet what it
    // is counts as Docker.
    MutexLock lock(&mutex_);
    if (engine_name_ != "podman") OwnTmpfs(&config);
  }
  std::string hosts_file;
  absl::Status bad;
  if (config.network == ContainerNetwork::kNone) {
    const absl::StatusOr<std::string> file = HostsFile(config.extra_hosts);
    bad = file.status();
    if (file.ok()) hosts_file = *file;
  }
  absl::StatusOr<std::string> body = CreateBody(config, hosts_file);
  if (!body.ok()) bad = body.status();
  if (!bad.ok()) {
    Answer(bad, [done = std::move(done)](absl::Status status) { done(std::move(status)); });
    return;
  }
  EngineRequest request{
      .method = "POST",
      .path = absl::StrCat("/containers/create?name=", PercentEncode(config.name)),
      .body = *std::move(body),
      .timeout = options_.slow_call_timeout};
  Request(nullptr, std::move(request),
          [this, config, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
            if (!response.ok()) {
              done(response.status());
            } else if (IsSuccess(*response)) {
              done(ParseCreated(response->body));
            } else if (response->code == 404 && absl::StrContains(response->body, "image")) {
              done(ImageNotFound(config.image, ErrorMessage(response->body)));
            } else if (response->code == 409) {
              AdoptExisting(config, done);
            } else {
              done(EngineRefusal(*response, OnContainer("create", config.name)));
            }
          });
}

void DockerRuntime::AdoptExisting(const ContainerConfig& config, CreateDone done) {
  EngineRequest request{.path = ContainerPath(config.name, "/json"),
                        .timeout = options_.call_timeout};
  Request(nullptr, std::move(request),
          [config, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
            if (!response.ok()) return done(response.status());
            const std::string what = OnContainer("create", config.name);
            if (!IsSuccess(*response)) return done(EngineRefusal(*response, what));
            absl::StatusOr<Inspected> inspected = ParseInspect(response->body);
            if (!inspected.ok()) return done(inspected.status());
            for (const auto& [name, value] : config.labels) {
              const auto found = inspected->labels.find(name);
              if (found != inspected->labels.end() && found->second == value) continue;
              return done(MakeError(absl::StatusCode::kAlreadyExists, kEngineError,
                                    absl::StrCat(what, ": another container has this name (label ",
                                                 name, " is not ", value, ")")));
            }
            done(std::move(inspected->id));
          });
}

void DockerRuntime::Start(const std::string& name, Done done) {
  EngineRequest request{.method = "POST",
                        .path = ContainerPath(name, "/start"),
                        .timeout = options_.slow_call_timeout};
  Request(
      nullptr, std::move(request),
      [name, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
        if (!response.ok()) {
          done(response.status());
        } else if (IsSuccess(*response) || response->code == 304) {
          done(absl::OkStatus());
        } else {
          absl::Status status = EngineRefusal(*response, OnContainer("start", name));
          // The engine answers 404 also where it is a program or a file that is missing.
          if (response->code == 404 && !absl::StrContains(status.message(), "No such container") &&
              !absl::StrContains(status.message(), "no such container")) {
            status =
                MakeError(absl::StatusCode::kFailedPrecondition, kEngineError, status.message());
          }
          done(std::move(status));
        }
      });
}

CallId DockerRuntime::Wait(const std::string& name, WaitDone done) {
  auto wait = std::make_shared<WaitCall>();
  wait->call = NewCall(&wait->id);
  wait->name = name;
  wait->delay = options_.min_retry_delay;
  wait->done = [this, id = wait->id, done = std::move(done)](absl::StatusOr<ExitInfo> exit) {
    EndCall(id);
    done(std::move(exit));
  };
  const CallId id = wait->id;
  WaitForExit(std::move(wait));
  return id;
}

// Waiting is two calls: the first answers when it has ended, the second says how. The answer of the
// first has no word on memory, and is exit code 0 for a container that never ran.
void DockerRuntime::WaitForExit(std::shared_ptr<WaitCall> wait) {
  EngineRequest request{.method = "POST",
                        .path = ContainerPath(wait->name, "/wait?condition=not-running"),
                        .timeout = absl::ZeroDuration(),
                        .fresh_connection = true};
  Request(wait->call, std::move(request), [this, wait](absl::StatusOr<EngineResponse> response) {
    if (absl::IsCancelled(response.status())) {
      wait->done(response.status());
    } else if (!response.ok()) {
      wait->engine_lost = true;
      RetryWait(wait, response.status());
    } else if (response->code == 404) {
      wait->done(EngineRefusal(*response, OnContainer("wait for", wait->name)));
    } else if (!IsSuccess(*response)) {
      RetryWait(wait, EngineRefusal(*response, "wait"));
    } else if (const absl::StatusOr<int> code = ParseWait(response->body); !code.ok()) {
      // An engine that stops ends its answers in the middle.
      wait->engine_lost = true;
      RetryWait(wait, code.status());
    } else {
      InspectExit(wait);
    }
  });
}

void DockerRuntime::InspectExit(std::shared_ptr<WaitCall> wait) {
  EngineRequest request{.path = ContainerPath(wait->name, "/json"),
                        .timeout = options_.call_timeout};
  Request(wait->call, std::move(request), [this, wait](absl::StatusOr<EngineResponse> response) {
    if (absl::IsCancelled(response.status())) {
      wait->done(response.status());
      return;
    }
    if (!response.ok()) {
      RetryWait(wait, response.status());
      return;
    }
    const std::string what = OnContainer("wait for", wait->name);
    if (response->code == 404) {
      wait->done(EngineRefusal(*response, what));
      return;
    }
    absl::StatusOr<Inspected> inspected =
        IsSuccess(*response) ? ParseInspect(response->body) : EngineRefusal(*response, what);
    if (!inspected.ok()) {
      RetryWait(wait, inspected.status());
    } else if (inspected->state == ContainerState::kRunning) {
      RetryWait(wait, absl::InternalError("the container runs on after it ended"));
    } else if (inspected->state == ContainerState::kCreated) {
      wait->done(MakeError(
          absl::StatusCode::kFailedPrecondition, kEngineError,
          absl::StrCat(what, ": it was never started", inspected->exit.error.empty() ? "" : ": ",
                       inspected->exit.error)));
    } else {
      inspected->exit.engine_lost = wait->engine_lost;
      wait->done(std::move(inspected->exit));
    }
  });
}

void DockerRuntime::RetryWait(std::shared_ptr<WaitCall> wait, const absl::Status& why) {
  if (wait->delay == options_.min_retry_delay) {
    LogWarning("waiting for a container failed; trying until it works",
               {{"container", wait->name}, {"error", why}});
  }
  const absl::Duration delay = wait->delay;
  wait->delay = std::min(delay * 2, options_.max_retry_delay);
  MutexLock lock(&mutex_);
  wait->call->op = client_.After(wait->call->cancelled ? absl::ZeroDuration() : delay,
                                 [this, wait](const absl::Status& status) {
                                   if (status.ok()) {
                                     WaitForExit(wait);
                                   } else {
                                     wait->done(status);
                                   }
                                 });
}

void DockerRuntime::Kill(const std::string& name, int signal, Done done) {
  EngineRequest request{.method = "POST",
                        .path = ContainerPath(name, absl::StrCat("/kill?signal=", signal)),
                        .timeout = options_.call_timeout};
  Request(nullptr, std::move(request),
          [name, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
            if (!response.ok()) return done(response.status());
            if (IsSuccess(*response)) return done(absl::OkStatus());
            const absl::Status status = EngineRefusal(*response, OnContainer("kill", name));
            // It ended by itself meanwhile; which of these it says depends on how far the engine
            // has noticed.
            const bool ended = absl::StrContains(status.message(), "is not running") ||
                               absl::StrContains(status.message(), "already finished") ||
                               absl::StrContains(status.message(), "no such process") ||
                               absl::StrContains(status.message(), "can only kill running");
            done(ended ? absl::OkStatus() : status);
          });
}

void DockerRuntime::Remove(const std::string& name, bool force, Done done) {
  EngineRequest request{.method = "DELETE",
                        // v: with the volumes that the image's VOLUME lines made.
                        .path = ContainerPath(name, absl::StrCat("?v=1&force=", force ? 1 : 0)),
                        .timeout = options_.slow_call_timeout};
  Request(nullptr, std::move(request),
          [this, name, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
            if (!response.ok()) {
              done(response.status());
            } else if (IsSuccess(*response) || response->code == 404) {
              done(absl::OkStatus());
            } else if (response->code == 409 &&
                       absl::StrContains(response->body, "already in progress")) {
              AwaitRemoval(name, done);
            } else {
              done(EngineRefusal(*response, OnContainer("remove", name)));
            }
          });
}

void DockerRuntime::AwaitRemoval(const std::string& name, Done done) {
  EngineRequest request{.method = "POST",
                        .path = ContainerPath(name, "/wait?condition=removed"),
                        .timeout = options_.slow_call_timeout};
  Request(nullptr, std::move(request),
          [name, done = std::move(done)](absl::StatusOr<EngineResponse> response) {
            if (!response.ok()) {
              done(response.status());
            } else if (IsSuccess(*response) || response->code == 404) {
              done(absl::OkStatus());
            } else {
              done(EngineRefusal(*response, OnContainer("remove", name)));
            }
          });
}

void DockerRuntime::ListOurs(const std::map<std::string, std::string>& labels, ListDone done) {
  EngineRequest request{
      .path = absl::StrCat("/containers/json?all=1&filters=", PercentEncode(LabelFilter(labels))),
      .timeout = options_.call_timeout,
      .max_response_bytes = kMaxListBytes};
  Request(nullptr, std::move(request),
          [done = std::move(done)](absl::StatusOr<EngineResponse> response) {
            if (!response.ok()) {
              done(response.status());
            } else if (!IsSuccess(*response)) {
              done(EngineRefusal(*response, "list containers"));
            } else {
              done(ParseList(response->body));
            }
          });
}

}  // namespace cronium::agent
