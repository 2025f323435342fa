// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_JOB_QUEUE_H_
#define CRONIUM_CONTROLLER_CORE_JOB_QUEUE_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// Everything of a spec that decides where it can run: specs with equal keys can be placed on the
// same nodes at the same times.
std::string PlacementClass(const v1::JobSpec& spec);

// The jobs that wait: highest priority first, oldest first within one. Kept by placement class, so
// that where one job of a class finds no node, the rest of the class need not be tried: a round of
// placement costs classes x nodes, not jobs x nodes.
class JobQueue {
 public:
  // order: smaller was accepted earlier.
  void Push(const std::string& placement_class, int32_t priority, uint64_t order,
            const std::string& job_id);
  void Remove(const std::string& placement_class, int32_t priority, uint64_t order);

  // Calls visit(class, job_id) for the first job of each class, best first. visit returns true
  // where it took the job out (with Remove), in which case the class's next job takes its turn, and
  // false to leave the whole class for this round.
  template <typename Visit>
  void Round(Visit visit) {
    absl::btree_map<Key, std::string> heads;
    for (const auto& [name, jobs] : classes_) heads.emplace(jobs.begin()->first, name);
    while (!heads.empty()) {
      const std::string name = std::move(heads.begin()->second);
      heads.erase(heads.begin());
      const std::string job_id = classes_.find(name)->second.begin()->second;
      if (!visit(name, job_id)) continue;
      const auto rest = classes_.find(name);
      if (rest != classes_.end()) heads.emplace(rest->second.begin()->first, name);
    }
  }

  size_t size() const { return size_; }

 private:
  // Negated priority first, so that the smallest key goes first.
  using Key = std::tuple<int32_t, uint64_t>;

  // Never holds an empty class.
  absl::flat_hash_map<std::string, absl::btree_map<Key, std::string>> classes_;
  size_t size_ = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_JOB_QUEUE_H_
