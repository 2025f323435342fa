// SPDX-License-Identifier: Apache-2.0
#include "controller/core/job_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cronium::controller {
namespace {

// Takes everything out, and tells in what order.
std::vector<std::string> DrainAll(JobQueue* queue,
                                  const std::vector<std::tuple<std::string, int, int>>& jobs) {
  std::vector<std::string> order;
  queue->Round([&](const std::string& placement_class, const std::string& job) {
    order.push_back(job);
    const auto& [name, priority, number] = jobs[std::stoi(job)];
    queue->Remove(name, priority, number);
    return true;
  });
  return order;
}

TEST(JobQueue, GoesByPriorityThenAgeOverAllClasses) {
  const std::vector<std::tuple<std::string, int, int>> jobs = {
      {"a", 0, 1}, {"b", 5, 2}, {"a", 5, 3}, {"b", -1, 4}, {"a", 0, 5}};
  JobQueue queue;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const auto& [name, priority, number] = jobs[i];
    queue.Push(name, priority, number, std::to_string(i));
  }
  EXPECT_EQ(DrainAll(&queue, jobs), (std::vector<std::string>{"1", "2", "0", "4", "3"}));
  EXPECT_EQ(queue.size(), 0u);
}

TEST(JobQueue, TriesAClassThatFoundNoNodeOnlyOnceARound) {
  JobQueue queue;
  for (int i = 0; i < 1000; ++i) queue.Push("blocked", 0, i, std::to_string(i));
  queue.Push("free", 0, 5000, "x");
  int visits = 0;
  queue.Round([&](const std::string& placement_class, const std::string&) {
    ++visits;
    return false;
  });
  EXPECT_EQ(visits, 2);
}

TEST(JobQueue, PutsSpecsInOneClassOnlyIfTheyCanRunInTheSamePlaces) {
  v1::JobSpec a;
  v1::JobSpec b;
  a.mutable_container()->mutable_script()->set_content("echo a");
  b.mutable_container()->mutable_script()->set_content("echo b");
  EXPECT_EQ(PlacementClass(a), PlacementClass(b));
  (*b.mutable_placement()->mutable_node_labels())["disk"] = "ssd";
  EXPECT_NE(PlacementClass(a), PlacementClass(b));
}

}  // namespace
}  // namespace cronium::controller
