// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_NODE_TABLE_H_
#define CRONIUM_CONTROLLER_CORE_NODE_TABLE_H_

#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/node.pb.h"

namespace cronium::controller {

// A node as the core sees it.
struct NodeEntry {
  // As stored, kept up to date: state, facts, capacity, used, conditions.
  v1::Node node;
  // Its open session; 0 for none.
  uint64_t connection = 0;
  // When anything of its session last arrived, or the controller started.
  absl::Time last_contact;
  // Executions that hold some of its capacity, and those whose script ended and whose log is still
  // to come.
  absl::flat_hash_set<std::string> executions;
  absl::flat_hash_set<std::string> finalizing;
};

// All nodes, by name. Not thread-safe; owned by the core.
class NodeTable {
 public:
  NodeEntry* Find(absl::string_view name);
  // The entry, made where there was none.
  NodeEntry* Insert(absl::string_view name);

  // Takes what the spec asks for from the node, and gives it back.
  static void Reserve(const v1::JobSpec& spec, const std::string& execution_id, NodeEntry* entry);
  static void Release(const v1::JobSpec& spec, const std::string& execution_id, NodeEntry* entry);

  // Sets node.state from the session and the conditions; true where it changed.
  static bool UpdateState(NodeEntry* entry);

  const absl::btree_map<std::string, NodeEntry>& entries() const { return entries_; }

  // Entries handed out for change since the last call: who shows nodes to readers takes them over.
  absl::flat_hash_set<std::string> TakeTouched() { return std::exchange(touched_, {}); }

 private:
  absl::btree_map<std::string, NodeEntry> entries_;
  absl::flat_hash_set<std::string> touched_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_NODE_TABLE_H_
