// SPDX-License-Identifier: Apache-2.0
#include "controller/core/placement.h"

#include <gtest/gtest.h>

#include "controller/core/spec.h"

namespace cronium::controller {
namespace {

v1::JobSpec Spec() {
  v1::JobSpec spec;
  FillSpecDefaults(&spec);
  return spec;
}

NodeEntry* AddNode(NodeTable* nodes, const std::string& name, int slots = 10) {
  NodeEntry* entry = nodes->Insert(name);
  entry->connection = 1;
  entry->node.mutable_capacity()->set_slots(slots);
  entry->node.mutable_capacity()->set_cpu_millis(4000);
  entry->node.mutable_capacity()->set_memory_bytes(int64_t{8} << 30);
  NodeTable::UpdateState(entry);
  return entry;
}

TEST(Placement, FillsTheFullestNodeThatStillHasRoom) {
  NodeTable nodes;
  AddNode(&nodes, "a");
  NodeEntry* b = AddNode(&nodes, "b");
  NodeTable::Reserve(Spec(), "exec_1", b);
  EXPECT_EQ(Place(Spec(), nodes).node, b);
}

TEST(Placement, KeepsToThePinnedNode) {
  NodeTable nodes;
  AddNode(&nodes, "a");
  NodeEntry* b = AddNode(&nodes, "b");
  v1::JobSpec spec = Spec();
  spec.mutable_placement()->set_node("b");
  EXPECT_EQ(Place(spec, nodes).node, b);
  b->connection = 0;
  NodeTable::UpdateState(b);
  const PlacementResult result = Place(spec, nodes);
  EXPECT_EQ(result.node, nullptr);
  EXPECT_EQ(result.wait.reason, "NODE_UNREACHABLE");
}

TEST(Placement, KeepsToNodesWithTheLabels) {
  NodeTable nodes;
  AddNode(&nodes, "a");
  v1::JobSpec spec = Spec();
  (*spec.mutable_placement()->mutable_node_labels())["disk"] = "ssd";
  EXPECT_EQ(Place(spec, nodes).wait.reason, "NO_MATCHING_NODE");
  (*nodes.Find("a")->node.mutable_labels())["disk"] = "ssd";
  EXPECT_EQ(Place(spec, nodes).node, nodes.Find("a"));
}

TEST(Placement, CountsEachNodeTowardsTheReason) {
  NodeTable nodes;
  NodeEntry* full = AddNode(&nodes, "a", /*slots=*/1);
  NodeTable::Reserve(Spec(), "exec_1", full);
  NodeEntry* away = AddNode(&nodes, "b");
  away->connection = 0;
  NodeTable::UpdateState(away);
  const PlacementResult result = Place(Spec(), nodes);
  EXPECT_EQ(result.wait.reason, "NO_FREE_SLOT");
  EXPECT_EQ(result.wait.message, "0 of 2 nodes can take it: 1 out of contact, 1 with no free slot");
}

TEST(Placement, SaysWhenNoNodeIsLargeEnoughEvenWhenIdle) {
  NodeTable nodes;
  AddNode(&nodes, "a");
  v1::JobSpec spec = Spec();
  spec.mutable_container()->mutable_resources()->set_cpu_millis(64'000);
  EXPECT_EQ(Place(spec, nodes).wait.reason, "NODE_TOO_SMALL");
}

TEST(Placement, GivesBackExactlyWhatWasTaken) {
  NodeTable nodes;
  NodeEntry* a = AddNode(&nodes, "a");
  NodeTable::Reserve(Spec(), "exec_1", a);
  NodeTable::Reserve(Spec(), "exec_1", a);
  EXPECT_EQ(a->node.used().slots(), 1);
  EXPECT_EQ(a->node.used().cpu_millis(), 500);
  NodeTable::Release(Spec(), "exec_1", a);
  NodeTable::Release(Spec(), "exec_1", a);
  EXPECT_EQ(a->node.used().slots(), 0);
  EXPECT_EQ(a->node.used().memory_bytes(), 0);
}

}  // namespace
}  // namespace cronium::controller
