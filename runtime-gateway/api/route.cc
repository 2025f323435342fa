// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/route.h"

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace cronium::gateway {
namespace {

struct Entry {
  Endpoint endpoint;
  absl::string_view name;
  // The path, or what follows the execution's id.
  absl::string_view path;
  absl::string_view methods;
};

constexpr Entry kGlobal[] = {
    {Endpoint::kHealth, "health", "/health", "GET, HEAD"},
    {Endpoint::kReady, "ready", "/ready", "GET, HEAD"},
    {Endpoint::kMetrics, "metrics", "/metrics", "GET, HEAD"},
    {Endpoint::kToolAction, "tool_action", "/tool-actions/execute", "POST"},
};

constexpr Entry kOfExecution[] = {
    {Endpoint::kInput, "input", "input", "GET, HEAD"},
    {Endpoint::kOutput, "output", "output", "POST"},
    {Endpoint::kContext, "context", "context", "GET, HEAD"},
    {Endpoint::kCondition, "condition", "condition", "GET, HEAD, POST"},
    {Endpoint::kVariables, "variables", "variables", "GET, HEAD"},
};

constexpr absl::string_view kVariablePrefix = "variables/";
constexpr Entry kVariableEntry = {Endpoint::kVariable, "variable", "", "GET, HEAD, PUT, DELETE"};
// The path is what follows the key and a slash.
constexpr Entry kVerbs[] = {
    {Endpoint::kIncrement, "increment", "increment", "POST"},
    {Endpoint::kAppend, "append", "append", "POST"},
};

const Entry* FindEntry(Endpoint endpoint) {
  if (endpoint == Endpoint::kVariable) return &kVariableEntry;
  for (const Entry& entry : kVerbs) {
    if (entry.endpoint == endpoint) return &entry;
  }
  for (const Entry& entry : kGlobal) {
    if (entry.endpoint == endpoint) return &entry;
  }
  for (const Entry& entry : kOfExecution) {
    if (entry.endpoint == endpoint) return &entry;
  }
  return nullptr;
}

// Takes the verb, and the slash before it, from the end of the key.
bool ConsumeVerb(absl::string_view verb, absl::string_view* key) {
  absl::string_view rest = *key;
  if (!absl::ConsumeSuffix(&rest, verb) ||
      !(absl::ConsumeSuffix(&rest, "/") || absl::ConsumeSuffix(&rest, "%2F") ||
        absl::ConsumeSuffix(&rest, "%2f"))) {
    return false;
  }
  *key = rest;
  return true;
}

}  // namespace

Route FindRoute(absl::string_view method, absl::string_view path) {
  for (const Entry& entry : kGlobal) {
    if (path == entry.path) return {entry.endpoint};
  }
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, "/executions/")) return {};
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos || slash == 0) return {};
  const absl::string_view id = rest.substr(0, slash);
  rest.remove_prefix(slash + 1);
  for (const Entry& entry : kOfExecution) {
    if (rest == entry.path) return {entry.endpoint, id};
  }
  if (!absl::ConsumePrefix(&rest, kVariablePrefix)) return {};
  for (const Entry& entry : kVerbs) {
    if (method == "POST" && ConsumeVerb(entry.path, &rest)) return {entry.endpoint, id, rest};
  }
  return {Endpoint::kVariable, id, rest};
}

absl::string_view EndpointName(Endpoint endpoint) {
  const Entry* entry = FindEntry(endpoint);
  return entry == nullptr ? "none" : entry->name;
}

absl::string_view AllowedMethods(Endpoint endpoint) {
  const Entry* entry = FindEntry(endpoint);
  return entry == nullptr ? "" : entry->methods;
}

bool NeedsToken(Endpoint endpoint) {
  return endpoint != Endpoint::kHealth && endpoint != Endpoint::kReady &&
         endpoint != Endpoint::kMetrics;
}

bool IsAllowed(Endpoint endpoint, absl::string_view method) {
  for (absl::string_view allowed : absl::StrSplit(AllowedMethods(endpoint), ", ")) {
    if (allowed == method) return true;
  }
  return false;
}

}  // namespace cronium::gateway
