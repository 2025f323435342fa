// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/docker/engine_messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/json.h"

namespace cronium::agent {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxErrorMessage = 2048;
constexpr size_t kMaxLayers = 4096;
// The kernel's default period, and the least quota it takes.
constexpr int64_t kCpuPeriodUs = 100'000;
constexpr int64_t kMinCpuQuotaUs = 1000;

// Readers that answer a default where the field is missing or of another type.
const Json& Member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string String(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

int64_t Integer(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_number() ? value.get<int64_t>() : 0;
}

bool Boolean(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_boolean() && value.get<bool>();
}

std::map<std::string, std::string> StringMap(const Json& object, const char* key) {
  std::map<std::string, std::string> result;
  const Json& map = Member(object, key);
  if (!map.is_object()) return result;
  for (const auto& [name, value] : map.items()) {
    if (value.is_string()) result[name] = value.get<std::string>();
  }
  return result;
}

absl::StatusOr<Json> Parse(absl::string_view body, Json::value_t type) {
  Json json = Json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || json.type() != type) {
    return absl::InternalError(
        absl::StrCat("the container engine's answer is not what its API promises: ",
                     ToUtf8Lossy(body.substr(0, 200))));
  }
  return json;
}

std::string Dump(const Json& json) {
  // Environment values may hold any bytes; the engine's JSON cannot carry what is not UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ApiVersion ParseApiVersion(const std::string& text, ApiVersion otherwise) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  ApiVersion version;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &version.major) ||
      !absl::SimpleAtoi(parts[1], &version.minor)) {
    return otherwise;
  }
  return version;
}

std::string ToText(ApiVersion version) { return absl::StrCat(version.major, ".", version.minor); }

absl::Time ParseTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return absl::InfinitePast();
  // The engine writes year 1 for "never".
  return time < absl::UnixEpoch() ? absl::InfinitePast() : time;
}

ContainerState ParseState(absl::string_view status) {
  if (status == "created") return ContainerState::kCreated;
  // Podman: configured and initialized are not started yet either.
  if (status == "configured" || status == "initialized") return ContainerState::kCreated;
  if (status == "exited" || status == "dead" || status == "removing" || status == "stopped") {
    return ContainerState::kEnded;
  }
  return ContainerState::kRunning;
}

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("container ", field, " ", what));
}

absl::Status Check(const ContainerConfig& config) {
  if (config.name.empty()) return Invalid("name", "is required");
  for (const char c : config.name) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '.' && c != '-') {
      return Invalid("name", "may hold only letters, digits, and any of _.-");
    }
  }
  if (config.image.empty()) return Invalid("image", "is required");
  if (config.entrypoint.empty()) return Invalid("entrypoint", "is required");
  for (const BindMount& bind : config.binds) {
    if (!absl::StartsWith(bind.source, "/")) return Invalid("binds.source", "must be absolute");
    if (!absl::StartsWith(bind.target, "/")) return Invalid("binds.target", "must be absolute");
  }
  for (const TmpfsMount& tmpfs : config.tmpfs) {
    if (!absl::StartsWith(tmpfs.target, "/")) return Invalid("tmpfs.target", "must be absolute");
  }
  for (const auto& [name, address] : config.extra_hosts) {
    if (name.empty() || address.empty())
      return Invalid("extra_hosts", "need a name and an address");
  }
  if (config.cpu_millis < 0) return Invalid("cpu_millis", "must not be negative");
  if (config.memory_bytes < 0) return Invalid("memory_bytes", "must not be negative");
  if (config.pids < 0) return Invalid("pids", "must not be negative");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VersionInfo> ParseVersion(absl::string_view body) {
  const absl::StatusOr<Json> json = Parse(body, Json::value_t::object);
  if (!json.ok()) return json.status();
  VersionInfo info;
  info.engine.name = "docker";
  info.engine.version = String(*json, "Version");
  const Json& components = Member(*json, "Components");
  if (components.is_array()) {
    for (const Json& component : components) {
      if (String(component, "Name") != "Podman Engine") continue;
      info.engine.name = "podman";
      info.engine.version = String(component, "Version");
    }
  }
  const ApiVersion newest = ParseApiVersion(String(*json, "ApiVersion"), kOldestApi);
  const ApiVersion oldest = ParseApiVersion(String(*json, "MinAPIVersion"), kOldestApi);
  if (newest < kOldestApi || kNewestApi < oldest) {
    return absl::FailedPreconditionError(
        absl::StrCat("the container engine speaks API ", ToText(oldest), " to ", ToText(newest),
                     ", the agent ", ToText(kOldestApi), " to ", ToText(kNewestApi)));
  }
  info.api = std::min(newest, kNewestApi);
  return info;
}

void OwnTmpfs(ContainerConfig* config) {
  const std::pair<absl::string_view, absl::string_view> user =
      absl::StrSplit(config->user, absl::MaxSplits(':', 1));
  for (TmpfsMount& mount : config->tmpfs) {
    absl::StrAppend(&mount.options, mount.options.empty() ? "" : ",", "uid=", user.first);
    if (!user.second.empty()) absl::StrAppend(&mount.options, ",gid=", user.second);
  }
}

absl::StatusOr<std::string> CreateBody(const ContainerConfig& config,
                                       const std::string& hosts_file) {
  if (absl::Status status = Check(config); !status.ok()) return status;

  Json mounts = Json::array();
  const auto add_mount = [&mounts](const std::string& source, const std::string& target,
                                   bool read_only) {
    // Type bind through Mounts rather than Binds: a source that is missing is an error, not made as
    // an empty folder of root's.
    mounts.push_back(
        {{"Type", "bind"}, {"Source", source}, {"Target", target}, {"ReadOnly", read_only}});
  };
  for (const BindMount& bind : config.binds) add_mount(bind.source, bind.target, bind.read_only);
  if (!hosts_file.empty()) add_mount(hosts_file, "/etc/hosts", true);

  Json tmpfs = Json::object();
  for (const TmpfsMount& mount : config.tmpfs) {
    tmpfs[mount.target] =
        absl::StrCat("rw,nosuid,nodev", mount.options.empty() ? "" : ",", mount.options);
  }

  Json host = {
      {"Mounts", std::move(mounts)},
      {"Tmpfs", std::move(tmpfs)},
      {"ReadonlyRootfs", config.readonly_root},
      {"CapDrop", {"ALL"}},
      {"SecurityOpt", {"no-new-privileges"}},
      {"LogConfig", {{"Type", "none"}}},
      {"NetworkMode", config.network == ContainerNetwork::kBridge ? "bridge" : "none"},
  };
  if (config.cpu_millis > 0) {
    // Not NanoCpus: the engine refuses more of those than the host has.
    host["CpuPeriod"] = kCpuPeriodUs;
    host["CpuQuota"] = std::max(kMinCpuQuotaUs, config.cpu_millis * (kCpuPeriodUs / 1000));
  }
  if (config.memory_bytes > 0) {
    host["Memory"] = config.memory_bytes;
    host["MemorySwap"] = config.memory_bytes;  // The sum of both: no swap.
  }
  if (config.pids > 0) host["PidsLimit"] = config.pids;

  Json body = {
      {"Image", config.image},
      {"Entrypoint", config.entrypoint},
      {"Cmd", Json::array()},
      {"Env", config.env},
      {"User", config.user},
      {"WorkingDir", config.working_dir},
      {"Labels", config.labels},
      {"StopSignal", absl::StrCat(config.stop_signal)},
      // The image's own would run programs in the job's container.
      {"Healthcheck", {{"Test", {"NONE"}}}},
  };
  if (!config.hostname.empty()) body["Hostname"] = config.hostname;
  if (!hosts_file.empty()) {
    // The container still gets a network namespace with loopback; what is left out is the engine's
    // hook into the start, which runs a second dockerd inside it and costs 70 ms of 170.
    body["NetworkDisabled"] = true;
  } else {
    Json hosts = Json::array();
    for (const auto& [name, address] : config.extra_hosts) {
      hosts.push_back(absl::StrCat(name, ":", address));
    }
    host["ExtraHosts"] = std::move(hosts);
  }
  body["HostConfig"] = std::move(host);
  return Dump(body);
}

absl::StatusOr<std::string> ParseCreated(absl::string_view body) {
  const absl::StatusOr<Json> json = Parse(body, Json::value_t::object);
  if (!json.ok()) return json.status();
  return String(*json, "Id");
}

absl::StatusOr<Inspected> ParseInspect(absl::string_view body) {
  const absl::StatusOr<Json> json = Parse(body, Json::value_t::object);
  if (!json.ok()) return json.status();
  const Json& state = Member(*json, "State");
  const std::string status = String(state, "Status");
  if (status.empty()) {
    return absl::InternalError("the container engine's inspect shows no State.Status");
  }
  Inspected inspected;
  inspected.id = String(*json, "Id");
  inspected.labels = StringMap(Member(*json, "Config"), "Labels");
  inspected.state = ParseState(status);
  inspected.exit.exit_code = static_cast<int>(Integer(state, "ExitCode"));
  inspected.exit.oom_killed = Boolean(state, "OOMKilled");
  inspected.exit.error = String(state, "Error");
  inspected.exit.started_at = ParseTime(String(state, "StartedAt"));
  inspected.exit.finished_at = ParseTime(String(state, "FinishedAt"));
  if (inspected.exit.finished_at != absl::InfinitePast()) {
    // The engine notes the start a little late: the shortest have ended before.
    inspected.exit.started_at = std::min(inspected.exit.started_at, inspected.exit.finished_at);
  }
  return inspected;
}

std::string LabelFilter(const std::map<std::string, std::string>& labels) {
  Json list = Json::array();
  for (const auto& [name, value] : labels) list.push_back(absl::StrCat(name, "=", value));
  return Dump({{"label", std::move(list)}});
}

absl::StatusOr<std::vector<ContainerInfo>> ParseList(absl::string_view body) {
  const absl::StatusOr<Json> json = Parse(body, Json::value_t::array);
  if (!json.ok()) return json.status();
  std::vector<ContainerInfo> list;
  list.reserve(json->size());
  for (const Json& item : *json) {
    ContainerInfo info;
    info.id = String(item, "Id");
    const std::string state = String(item, "State");
    const Json& names = Member(item, "Names");
    if (info.id.empty() || state.empty() || !names.is_array() || names.empty() ||
        !names[0].is_string()) {
      return absl::InternalError(
          "the container engine's list has an item without Id, State or Names");
    }
    info.name = names[0].get<std::string>();
    if (absl::StartsWith(info.name, "/")) info.name.erase(0, 1);
    info.labels = StringMap(item, "Labels");
    info.state = ParseState(state);
    list.push_back(std::move(info));
  }
  return list;
}

absl::StatusOr<int> ParseWait(absl::string_view body) {
  const absl::StatusOr<Json> json = Parse(body, Json::value_t::object);
  if (!json.ok()) return json.status();
  if (!Member(*json, "StatusCode").is_number()) {
    return absl::InternalError("the container engine's answer to wait has no StatusCode");
  }
  return static_cast<int>(Integer(*json, "StatusCode"));
}

std::string ErrorMessage(absl::string_view body) {
  const Json json = Json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  std::string message = String(json, "message");
  if (message.empty()) message = String(json, "cause");
  if (message.empty()) message = std::string(body);
  message = ToUtf8Lossy(absl::string_view(message).substr(0, kMaxErrorMessage));
  absl::StripAsciiWhitespace(&message);
  return message.empty() ? "no message" : message;
}

absl::StatusOr<ImageReference> ParseImageReference(absl::string_view image) {
  constexpr size_t kMaxImage = 512;
  if (image.empty()) return Invalid("image", "is required");
  if (image.size() > kMaxImage)
    return Invalid("image", absl::StrCat("is over ", kMaxImage, " bytes"));
  for (const char c : image) {
    if (!absl::ascii_isalnum(c) && !absl::StrContains("./:@_-+", c)) {
      return Invalid("image", "holds a character that no image name may have");
    }
  }
  ImageReference reference;
  const size_t at = image.find('@');
  if (at != absl::string_view::npos) {
    reference.name = std::string(image.substr(0, at));
    reference.tag = std::string(image.substr(at + 1));
    // name:tag@digest: the digest decides.
    const size_t colon = reference.name.rfind(':');
    if (colon != std::string::npos && reference.name.find('/', colon) == std::string::npos) {
      reference.name.resize(colon);
    }
  } else {
    const size_t colon = image.rfind(':');
    // A colon before a slash belongs to a registry's port.
    if (colon != absl::string_view::npos && image.find('/', colon) == absl::string_view::npos) {
      reference.name = std::string(image.substr(0, colon));
      reference.tag = std::string(image.substr(colon + 1));
    } else {
      reference.name = std::string(image);
      reference.tag = "latest";
    }
  }
  if (reference.name.empty() || reference.tag.empty()) {
    return Invalid("image", "is not of the form NAME[:TAG][@DIGEST]");
  }
  return reference;
}

void PullProgress::Append(absl::string_view data) {
  while (!data.empty()) {
    const size_t newline = data.find('\n');
    const absl::string_view piece = data.substr(0, newline);
    if (partial_.size() + piece.size() > kMaxLine) {
      skipping_ = true;
      partial_.clear();
    }
    if (!skipping_) partial_.append(piece.data(), piece.size());
    if (newline == absl::string_view::npos) return;
    if (!skipping_) OnLine(partial_);
    skipping_ = false;
    partial_.clear();
    data.remove_prefix(newline + 1);
  }
}

void PullProgress::OnLine(absl::string_view line) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  std::string error = String(Member(json, "errorDetail"), "message");
  if (error.empty()) error = String(json, "error");
  if (!error.empty()) error_ = ToUtf8Lossy(absl::string_view(error).substr(0, kMaxErrorMessage));
  if (std::string phase = String(json, "status"); !phase.empty()) phase_ = std::move(phase);
  const Json& detail = Member(json, "progressDetail");
  const std::string id = String(json, "id");
  if (id.empty() || !detail.is_object()) return;
  if (!layers_.contains(id) && layers_.size() >= kMaxLayers) return;
  Layer& layer = layers_[id];
  // Extraction counts from zero again: only the download's bytes are summed.
  if (phase_ == "Downloading" && detail.contains("total")) {
    layer.done = Integer(detail, "current");
    layer.total = Integer(detail, "total");
  } else if (phase_ == "Download complete" || phase_ == "Pull complete") {
    layer.done = layer.total;
  }
}

ImageProgress PullProgress::progress() const {
  ImageProgress progress;
  progress.phase = phase_;
  for (const auto& [id, layer] : layers_) {
    progress.done_bytes += layer.done;
    progress.total_bytes += layer.total;
  }
  return progress;
}

}  // namespace cronium::agent
