// SPDX-License-Identifier: Apache-2.0
#include "controller/core/job_queue.h"

#include <map>

#include "absl/strings/str_cat.h"

namespace cronium::controller {

std::string PlacementClass(const v1::JobSpec& spec) {
  if (spec.has_http()) return "http";
  const v1::Resources& resources = spec.container().resources();
  std::string key = absl::StrCat(resources.cpu_millis(), "/", resources.memory_bytes(), "/",
                                 spec.placement().node());
  const std::map<std::string, std::string> sorted(spec.placement().node_labels().begin(),
                                                  spec.placement().node_labels().end());
  // Lengths keep two different sets of labels apart whatever characters they hold.
  for (const auto& [name, value] : sorted) {
    absl::StrAppend(&key, "/", name.size(), ":", name, "=", value.size(), ":", value);
  }
  return key;
}

void JobQueue::Push(const std::string& placement_class, int32_t priority, uint64_t order,
                    const std::string& job_id) {
  if (classes_[placement_class].emplace(Key{-priority, order}, job_id).second) ++size_;
}

void JobQueue::Remove(const std::string& placement_class, int32_t priority, uint64_t order) {
  const auto it = classes_.find(placement_class);
  if (it == classes_.end()) return;
  size_ -= it->second.erase(Key{-priority, order});
  if (it->second.empty()) classes_.erase(it);
}

}  // namespace cronium::controller
