// SPDX-License-Identifier: Apache-2.0
#include "controller/core/node_table.h"

#include <algorithm>

namespace cronium::controller {

NodeEntry* NodeTable::Find(absl::string_view name) {
  const auto it = entries_.find(std::string(name));
  if (it == entries_.end()) return nullptr;
  touched_.insert(it->first);
  return &it->second;
}

NodeEntry* NodeTable::Insert(absl::string_view name) {
  NodeEntry* entry = &entries_[std::string(name)];
  touched_.insert(std::string(name));
  entry->node.set_name(std::string(name));
  return entry;
}

void NodeTable::Reserve(const v1::JobSpec& spec, const std::string& execution_id,
                        NodeEntry* entry) {
  if (!entry->executions.insert(execution_id).second) return;
  v1::NodeCapacity* used = entry->node.mutable_used();
  const v1::Resources& resources = spec.container().resources();
  used->set_cpu_millis(used->cpu_millis() + resources.cpu_millis());
  used->set_memory_bytes(used->memory_bytes() + resources.memory_bytes());
  used->set_slots(used->slots() + 1);
  entry->node.set_executions(used->slots());
}

void NodeTable::Release(const v1::JobSpec& spec, const std::string& execution_id,
                        NodeEntry* entry) {
  if (entry->executions.erase(execution_id) == 0) return;
  v1::NodeCapacity* used = entry->node.mutable_used();
  const v1::Resources& resources = spec.container().resources();
  used->set_cpu_millis(used->cpu_millis() - resources.cpu_millis());
  used->set_memory_bytes(used->memory_bytes() - resources.memory_bytes());
  used->set_slots(used->slots() - 1);
  entry->node.set_executions(used->slots());
}

bool NodeTable::UpdateState(NodeEntry* entry) {
  const auto& conditions = entry->node.conditions();
  const bool ready = std::all_of(conditions.begin(), conditions.end(),
                                 [](const v1::NodeCondition& c) { return c.ok(); });
  const v1::NodeState state = entry->connection == 0 ? v1::NODE_STATE_UNREACHABLE
                              : ready                ? v1::NODE_STATE_READY
                                                     : v1::NODE_STATE_NOT_READY;
  if (entry->node.state() == state) return false;
  entry->node.set_state(state);
  return true;
}

}  // namespace cronium::controller
