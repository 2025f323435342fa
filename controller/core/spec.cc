// SPDX-License-Identifier: Apache-2.0
#include "controller/core/spec.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/error.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/proto_time.h"
#include "controller/core/http_spec.h"
#include "controller/core/spec_check.h"

namespace cronium::controller {
namespace {

constexpr int64_t kMiB = 1 << 20;

bool IsEnvironmentName(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

void CheckEnvironment(const v1::ContainerSpec& container, SpecCheck* check) {
  if (container.env_size() > 256) {
    check->Bad("container.env",
               absl::StrCat("has ", container.env_size(), " names; at most 256 are allowed"));
  }
  for (const auto& [name, value] : container.env()) {
    const std::string field = absl::StrCat("container.env[", name, "]");
    if (!IsEnvironmentName(name)) {
      check->Bad(field, "is no name of an environment variable ([A-Za-z_][A-Za-z0-9_]*)");
    } else if (absl::StartsWith(name, "CRONIUM_") && name != "CRONIUM_RETRY_FOR") {
      check->Bad(field,
                 "names beginning with CRONIUM_ are set by Cronium, except CRONIUM_RETRY_FOR");
    }
    if (absl::StrContains(value, '\0')) check->Bad(field, "must not hold a NUL byte");
    check->Bytes(field, value.size(), 128 << 10);
  }
}

void CheckScript(const v1::ContainerSpec& container, SpecCheck* check) {
  const v1::Script& script = container.script();
  if (script.content().empty()) {
    check->Bad("container.script.content", "is required: the text of the script");
  }
  check->Bytes("container.script.content", script.content().size(), kMaxScriptBytes);
  size_t words = 0;
  size_t bytes = 0;
  for (const auto* list : {&script.interpreter(), &script.args()}) {
    for (const std::string& word : *list) {
      ++words;
      bytes += word.size() + 1;
      if (absl::StrContains(word, '\0')) {
        check->Bad("container.script.args", "must not hold a NUL byte");
      }
    }
  }
  if (words > 256 || bytes > (32 << 10)) {
    check->Bad("container.script.args",
               absl::StrCat("interpreter and args have ", words, " words and ", bytes,
                            " bytes; at most 256 words and 32768 bytes are allowed"));
  }
  if (script.interpreter_size() > 0 && script.interpreter(0).empty()) {
    check->Bad("container.script.interpreter", "its first word must name a program");
  }
}

void CheckResources(const v1::Resources& resources, SpecCheck* check) {
  check->RangeOrDefault<int64_t>("container.resources.cpu_millis", resources.cpu_millis(), 10,
                                 1'000'000);
  check->RangeOrDefault<int64_t>("container.resources.memory_bytes", resources.memory_bytes(),
                                 8 * kMiB, int64_t{1} << 50);
  check->RangeOrDefault<int64_t>("container.resources.pids", resources.pids(), 2, 1'000'000);
  check->RangeOrDefault<int64_t>("container.resources.tmp_bytes", resources.tmp_bytes(), kMiB,
                                 int64_t{1} << 40);
  check->RangeOrDefault<int64_t>("container.resources.workspace_bytes", resources.workspace_bytes(),
                                 kMiB, int64_t{1} << 40);
  check->RangeOrDefault<int64_t>("container.resources.log_bytes", resources.log_bytes(), kMiB,
                                 1024 * kMiB);
}

bool IsUser(absl::string_view user) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(user, absl::MaxSplits(':', 1));
  uint32_t id;
  return absl::SimpleAtoi(parts.first, &id) &&
         (!absl::StrContains(user, ':') || absl::SimpleAtoi(parts.second, &id));
}

void CheckContainer(const v1::ContainerSpec& container, SpecCheck* check) {
  if (container.image().empty()) {
    check->Bad("container.image",
               "is required: the name of an image on the node, for example "
               "cronium/bash");
  }
  check->Bytes("container.image", container.image().size(), 512);
  if (std::any_of(container.image().begin(), container.image().end(),
                  [](char c) { return c <= ' ' || c == 0x7f; })) {
    check->Bad("container.image", "must not hold spaces or control characters");
  }
  CheckScript(container, check);
  CheckEnvironment(container, check);
  CheckResources(container.resources(), check);
  if (!v1::NetworkMode_IsValid(container.network())) {
    check->Bad("container.network",
               absl::StrCat(static_cast<int>(container.network()), " is not a NetworkMode"));
  }
  if (!container.user().empty() && !IsUser(container.user())) {
    check->Bad("container.user", "must be numeric, UID or UID:GID");
  }
  if (!container.working_dir().empty() && container.working_dir()[0] != '/') {
    check->Bad("container.working_dir", "must be an absolute path");
  }
}

void CheckLabels(absl::string_view field,
                 const google::protobuf::Map<std::string, std::string>& labels, SpecCheck* check) {
  if (labels.size() > 32) {
    check->Bad(field, absl::StrCat("has ", labels.size(), " labels; at most 32 are allowed"));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > 128 || value.size() > 128) {
      check->Bad(absl::StrCat(field, "[", key, "]"),
                 "keys must have 1 to 128 bytes, values at most 128");
    }
  }
}

void FillContainerDefaults(v1::ContainerSpec* container) {
  v1::Resources* resources = container->mutable_resources();
  if (resources->cpu_millis() == 0) resources->set_cpu_millis(500);
  if (resources->memory_bytes() == 0) resources->set_memory_bytes(512 * kMiB);
  if (resources->pids() == 0) resources->set_pids(100);
  if (resources->tmp_bytes() == 0) resources->set_tmp_bytes(64 * kMiB);
  if (resources->workspace_bytes() == 0) resources->set_workspace_bytes(256 * kMiB);
  if (resources->log_bytes() == 0) resources->set_log_bytes(64 * kMiB);
  if (container->network() == v1::NETWORK_MODE_UNSPECIFIED) {
    container->set_network(v1::NETWORK_MODE_NONE);
  }
  if (container->user().empty()) container->set_user("1000:1000");
  if (container->working_dir().empty()) container->set_working_dir("/workspace");
}

}  // namespace

absl::Status ValidateSpec(const v1::JobSpec& spec, absl::string_view path) {
  SpecCheck check(path);
  if (spec.ByteSizeLong() > kMaxSpecBytes) {
    check.Bytes(spec.has_http() ? "http" : "container", spec.ByteSizeLong(), kMaxSpecBytes);
    return check.Result();
  }
  if (spec.has_container()) {
    CheckContainer(spec.container(), &check);
  } else if (spec.has_http()) {
    CheckHttp(spec, &check);
  } else {
    check.Bad("container", "is required: what to run (or http: what to call)");
  }
  if (!spec.placement().node().empty() && !IsName(spec.placement().node())) {
    check.Bad("placement.node", "is no name of a node: 1 to 63 of [a-z0-9.-]");
  }
  CheckLabels("placement.node_labels", spec.placement().node_labels(), &check);
  CheckLabels("labels", spec.labels(), &check);
  const v1::Timeouts& timeouts = spec.timeouts();
  check.Timeout("timeouts.queue", timeouts.has_queue(), timeouts.queue());
  check.Timeout("timeouts.prepare", timeouts.has_prepare(), timeouts.prepare());
  check.Timeout("timeouts.run", timeouts.has_run(), timeouts.run());
  check.Timeout("timeouts.stop_grace", timeouts.has_stop_grace(), timeouts.stop_grace());
  check.Timeout("lost_after", spec.has_lost_after(), spec.lost_after(), absl::Seconds(10));
  if (!v1::LostAction_IsValid(spec.on_lost())) {
    check.Bad("on_lost", absl::StrCat(static_cast<int>(spec.on_lost()), " is not a LostAction"));
  }
  check.Range("priority", spec.priority(), -1000, 1000);
  check.RangeOrDefault("max_attempts", spec.max_attempts(), 1, 10);
  if (!spec.input_json().empty()) {
    check.Bytes("input_json", spec.input_json().size(), kMaxInputBytes);
    if (const absl::Status json = ValidateJson(spec.input_json()); !json.ok()) {
      check.Bad("input_json", json.message());
    }
  }
  return check.Result();
}

void FillSpecDefaults(v1::JobSpec* spec) {
  v1::Timeouts* timeouts = spec->mutable_timeouts();
  if (!timeouts->has_run()) SetDuration(absl::Hours(1), timeouts->mutable_run());
  if (spec->max_attempts() == 0) spec->set_max_attempts(3);
  if (spec->has_http()) {
    FillHttpDefaults(spec->mutable_http());
    return;
  }
  FillContainerDefaults(spec->mutable_container());
  if (!timeouts->has_prepare()) SetDuration(absl::Minutes(10), timeouts->mutable_prepare());
  if (!timeouts->has_stop_grace()) SetDuration(absl::Seconds(10), timeouts->mutable_stop_grace());
  if (!spec->has_lost_after()) SetDuration(absl::Minutes(10), spec->mutable_lost_after());
  if (spec->on_lost() == v1::LOST_ACTION_UNSPECIFIED) spec->set_on_lost(v1::LOST_ACTION_RETRY);
  if (spec->input_json().empty()) spec->set_input_json("null");
}

}  // namespace cronium::controller
