// SPDX-License-Identifier: Apache-2.0
#include "common/fault.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace cronium {
namespace fault_internal {

std::atomic<bool> g_any{false};

namespace {

constexpr int kCrashed = 137;

struct Action {
  bool on = false;
  bool crash = false;
  // With crash: only once this file is there.
  std::string file;
  // How often the point was passed since.
  std::atomic<int> passes{0};
  int delay_ms = 0;
};

// Filled before any thread starts.
std::map<std::string, Action, std::less<>>& Actions() {
  static auto* actions = new std::map<std::string, Action, std::less<>>();
  return *actions;
}

// On which pass to crash, from 1; 0 while the file is not there.
int WantedPass(const std::string& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[16];
  const ssize_t size = read(fd, text, sizeof text);
  close(fd);
  int pass = 1;
  if (size > 0 && !absl::SimpleAtoi(absl::string_view(text, size), &pass)) pass = 1;
  return std::max(pass, 1);
}

void CrashIfWanted(Action* action) {
  if (!action->file.empty()) {
    const int wanted = WantedPass(action->file);
    if (wanted == 0) {
      action->passes = 0;
      return;
    }
    // Whoever takes the file away is the one that crashes.
    if (++action->passes < wanted || unlink(action->file.c_str()) != 0) return;
  }
  _exit(kCrashed);
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
  if (it->second.crash) CrashIfWanted(&it->second);
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
    fault_internal::Action& action = fault_internal::Actions()[std::string(parts.first)];
    absl::string_view value = parts.second;
    if (value == "on") {
      action.on = true;
    } else if (value == "crash") {
      action.crash = true;
    } else if (absl::StartsWith(value, "crash:/")) {
      action.crash = true;
      action.file = std::string(absl::StripPrefix(value, "crash:"));
    } else if (!absl::ConsumePrefix(&value, "delay:") ||
               !absl::SimpleAtoi(value, &action.delay_ms) || action.delay_ms < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "CRONIUM_FAULTS: \"", item,
          "\" is not name=on, name=crash, name=crash:/FILE or name=delay:MILLISECONDS"));
    }
  }
  fault_internal::g_any = true;
  return absl::OkStatus();
}

}  // namespace cronium
