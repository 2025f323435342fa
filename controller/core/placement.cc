// SPDX-License-Identifier: Apache-2.0
#include "controller/core/placement.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace cronium::controller {
namespace {

// In the order of how little can be done about it from here: the last one that occurred names the
// wait.
enum Obstacle {
  kFits,
  kOtherNode,
  kLabels,
  kUnreachable,
  kNotReady,
  kTooLarge,
  kMemory,
  kCpu,
  kSlots,
  kObstacles
};

struct Words {
  const char* reason;
  const char* text;
};
constexpr std::array<Words, kObstacles> kWords = {{
    {"", ""},
    {"NODE_NOT_ALLOWED", "not the node asked for"},
    {"NO_MATCHING_NODE", "without the labels asked for"},
    {"NODE_UNREACHABLE", "out of contact"},
    {"NODE_NOT_READY", "not ready"},
    {"NODE_TOO_SMALL", "too small for it even when idle"},
    {"INSUFFICIENT_MEMORY", "with too little free memory"},
    {"INSUFFICIENT_CPU", "with too little free CPU"},
    {"NO_FREE_SLOT", "with no free slot"},
}};

Obstacle Examine(const v1::JobSpec& spec, const NodeEntry& entry) {
  const v1::Node& node = entry.node;
  if (!spec.placement().node().empty() && spec.placement().node() != node.name()) return kOtherNode;
  for (const auto& [key, value] : spec.placement().node_labels()) {
    const auto it = node.labels().find(key);
    if (it == node.labels().end() || it->second != value) return kLabels;
  }
  if (node.state() == v1::NODE_STATE_UNREACHABLE) return kUnreachable;
  if (node.state() != v1::NODE_STATE_READY) return kNotReady;
  const v1::Resources& asked = spec.container().resources();
  const v1::NodeCapacity& capacity = node.capacity();
  const v1::NodeCapacity& used = node.used();
  if (asked.cpu_millis() > capacity.cpu_millis() ||
      asked.memory_bytes() > capacity.memory_bytes()) {
    return kTooLarge;
  }
  if (used.slots() >= capacity.slots()) return kSlots;
  if (used.cpu_millis() + asked.cpu_millis() > capacity.cpu_millis()) return kCpu;
  if (used.memory_bytes() + asked.memory_bytes() > capacity.memory_bytes()) return kMemory;
  return kFits;
}

double FullnessAfter(const v1::JobSpec& spec, const NodeEntry& entry) {
  const v1::NodeCapacity& capacity = entry.node.capacity();
  const v1::NodeCapacity& used = entry.node.used();
  const v1::Resources& asked = spec.container().resources();
  return std::max({(used.slots() + 1.0) / capacity.slots(),
                   (used.cpu_millis() + asked.cpu_millis()) / double(capacity.cpu_millis()),
                   (used.memory_bytes() + asked.memory_bytes()) / double(capacity.memory_bytes())});
}

std::string NotReadyReason(const v1::Node& node) {
  for (const v1::NodeCondition& condition : node.conditions()) {
    if (!condition.ok()) {
      return absl::StrCat(node.name(), ": ", condition.reason(), " (", condition.message(), ")");
    }
  }
  return node.name();
}

WaitReason Explain(const std::array<int, kObstacles>& counts, int nodes,
                   const std::string& not_ready) {
  if (nodes == 0) {
    return {"NO_NODES", "no node has joined the cluster yet"};
  }
  WaitReason wait;
  std::vector<std::string> parts;
  for (int i = kFits + 1; i < kObstacles; ++i) {
    if (counts[i] == 0) continue;
    wait.reason = kWords[i].reason;
    parts.push_back(absl::StrCat(counts[i], " ", kWords[i].text));
  }
  wait.message = absl::StrCat("0 of ", nodes, nodes == 1 ? " node" : " nodes",
                              " can take it: ", absl::StrJoin(parts, ", "));
  if (!not_ready.empty()) absl::StrAppend(&wait.message, "; ", not_ready);
  return wait;
}

}  // namespace

PlacementResult Place(const v1::JobSpec& spec, const NodeTable& nodes) {
  PlacementResult result;
  std::array<int, kObstacles> counts{};
  std::string not_ready;
  double best = -1;
  for (const auto& [name, entry] : nodes.entries()) {
    const Obstacle obstacle = Examine(spec, entry);
    ++counts[obstacle];
    if (obstacle == kNotReady && not_ready.empty()) not_ready = NotReadyReason(entry.node);
    if (obstacle != kFits) continue;
    const double fullness = FullnessAfter(spec, entry);
    if (fullness > best) {
      best = fullness;
      result.node = &entry;
    }
  }
  if (result.node == nullptr) {
    result.wait = Explain(counts, static_cast<int>(nodes.entries().size()), not_ready);
  }
  return result;
}

}  // namespace cronium::controller
