// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_JOB_WATCH_H_
#define CRONIUM_CONTROLLER_API_JOB_WATCH_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "controller/api/job_feed.h"
#include "controller/core/store.h"
#include "cronium/v1/job_service.pb.h"

namespace cronium::controller {

// What a watch reads from; borrowed.
struct JobWatchSources {
  Store* store;
  JobFeed* feed;
  // Adds what is not stored with a job; it has its spec then.
  std::function<void(v1::Job*)> present;
};

// One WatchJobs, without its transport. Subscribes first and reads the present state then, so that
// no change falls between. Of several states of one job that wait for a slow reader, only the
// newest is kept.
//
// One caller at a time; changes may come from any thread.
class JobWatch {
 public:
  // The request is valid and its jobs, if any, exist and are of name_space. `wake` is called, on
  // any thread, when something has changed.
  JobWatch(JobWatchSources sources, std::string name_space, const v1::WatchJobsRequest& request,
           std::function<void()> wake);

  // Fills in the next message; false where there is none now, or (ended) at all. RESOURCE_EXHAUSTED
  // where the reader is too slow for what changes.
  absl::StatusOr<bool> Advance(v1::WatchJobsResponse* message);
  // All jobs that were asked for by their ids have ended, and their ends were given.
  bool ended() const { return !job_ids_.empty() && open_.empty(); }

  // Calls `wake` no more once it returned.
  void Stop() { subscription_.reset(); }

 private:
  void OnChange(const v1::Job& job);
  void Add(const v1::Job& job);
  void AddStored(v1::Job job);
  absl::Status LoadPresentState();
  absl::Status LoadEnded(absl::Time since);
  bool TooManyPending();
  std::optional<v1::Job> Next();

  const JobWatchSources sources_;
  const std::string name_space_;
  const std::vector<std::string> job_ids_;
  const std::function<void()> wake_;
  // Of job_ids_: whose end was not given yet.
  absl::flat_hash_set<std::string> open_;
  bool loaded_ = false;
  absl::flat_hash_map<std::string, uint64_t> sent_;
  std::optional<absl::Time> ended_since_;
  // All ends before it were sent.
  absl::Time resume_time_;

  Mutex pending_mutex_;
  absl::flat_hash_map<std::string, v1::Job> pending_ ABSL_GUARDED_BY(pending_mutex_);
  std::deque<std::string> order_ ABSL_GUARDED_BY(pending_mutex_);
  // Of those that wait: when each one ended.
  absl::btree_set<std::pair<absl::Time, std::string>> pending_ends_ ABSL_GUARDED_BY(pending_mutex_);

  // Last, so that nothing above goes while it calls.
  std::unique_ptr<JobFeed::Subscription> subscription_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_JOB_WATCH_H_
