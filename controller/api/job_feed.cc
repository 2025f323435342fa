// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_feed.h"

#include <algorithm>
#include <utility>

#include "common/proto_time.h"
#include "controller/core/lifecycle.h"

namespace cronium::controller {
namespace {

using Index = absl::flat_hash_map<std::string, std::vector<uint64_t>>;

void Remove(const std::string& key, uint64_t id, Index* index) {
  const auto it = index->find(key);
  if (it == index->end()) return;
  it->second.erase(std::remove(it->second.begin(), it->second.end(), id), it->second.end());
  if (it->second.empty()) index->erase(it);
}

}  // namespace

std::unique_ptr<JobFeed::Subscription> JobFeed::Subscribe(std::string name_space,
                                                          const std::vector<std::string>& job_ids,
                                                          Callback callback) {
  MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  if (job_ids.empty()) {
    by_namespace_[name_space].push_back(id);
  } else {
    for (const std::string& job_id : job_ids) by_job_[job_id].push_back(id);
  }
  watchers_.emplace(id, Watcher{std::move(name_space), job_ids, std::move(callback)});
  return std::make_unique<Subscription>(this, id);
}

void JobFeed::Unsubscribe(uint64_t id) {
  MutexLock lock(&mutex_);
  const auto it = watchers_.find(id);
  if (it == watchers_.end()) return;
  if (it->second.job_ids.empty()) {
    Remove(it->second.name_space, id, &by_namespace_);
  } else {
    for (const std::string& job_id : it->second.job_ids) Remove(job_id, id, &by_job_);
  }
  watchers_.erase(it);
}

absl::Time JobFeed::EndsToldUntil() {
  MutexLock lock(&mutex_);
  return ends_told_until_;
}

void JobFeed::Publish(const v1::Job& job) {
  MutexLock lock(&mutex_);
  if (IsEnded(job.state())) {
    ends_told_until_ = std::max(ends_told_until_, ToTime(job.end_time()));
  }
  const auto call = [&](const Index& index, const std::string& key) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto it = index.find(key);
    if (it == index.end()) return;
    for (const uint64_t id : it->second) watchers_.find(id)->second.callback(job);
  };
  call(by_job_, job.id());
  call(by_namespace_, job.namespace_());
}

}  // namespace cronium::controller
