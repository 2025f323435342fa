// SPDX-License-Identifier: Apache-2.0
#include "common/fault.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace cronium {
namespace fault_internal {

std::atomic<bool> g_any{false};

namespace {

struct Action {
  bool on = false;
  bool crash = false;
  int delay_ms = 0;
};

// Written before any thread starts, read-only after.
absl::flat_hash_map<std::string, Action>& Actions() {
  static auto* actions = new absl::flat_hash_map<std::string, Action>();
  return *actions;
}

std::function<bool(absl::string_view)>& Hook() {
  static auto* hook = new std::function<bool(absl::string_view)>();
  return *hook;
}

}  // namespace

bool Hit(absl::string_view name) {
  if (Hook() != nullptr) return Hook()(name);
  const auto it = Actions().find(name);
  if (it == Actions().end()) return false;
  if (it->second.crash) _exit(137);
  if (it->second.delay_ms > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(it->second.delay_ms));
  }
  return it->second.on;
}

}  // namespace fault_internal

void SetFaultHook(std::function<bool(absl::string_view)> hook) {
  fault_internal::Hook() = std::move(hook);
  fault_internal::g_any = fault_internal::Hook() != nullptr || !fault_internal::Actions().empty();
}

absl::Status ArmFaultsFromEnvironment() {
  const char* text = std::getenv("CRONIUM_FAULTS");
  if (text == nullptr || *text == '\0') return absl::OkStatus();
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(item, absl::MaxSplits('=', 1));
    fault_internal::Action action;
    absl::string_view delay = parts.second;
    if (parts.second == "on") {
      action.on = true;
    } else if (parts.second == "crash") {
      action.crash = true;
    } else if (!absl::ConsumePrefix(&delay, "delay:") ||
               !absl::SimpleAtoi(delay, &action.delay_ms) || action.delay_ms < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "CRONIUM_FAULTS: \"", item, "\" is not name=on, name=crash or name=delay:MILLISECONDS"));
    }
    fault_internal::Actions()[std::string(parts.first)] = action;
  }
  fault_internal::g_any = true;
  return absl::OkStatus();
}

}  // namespace cronium
