// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_JOB_FEED_H_
#define CRONIUM_CONTROLLER_API_JOB_FEED_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// Tells watchers of jobs' changes, after their commit and in its order. Thread-safe.
class JobFeed {
 public:
  // `start`: when this controller began; what ended before was committed then.
  explicit JobFeed(absl::Time start = absl::UnixEpoch()) : ends_told_until_(start) {}

  // Runs on the committing thread; must be quick. The job is without spec.
  using Callback = std::function<void(const v1::Job& job)>;

  // Ends the subscription when destroyed, waiting for a call that is running.
  class Subscription {
   public:
    Subscription(JobFeed* feed, uint64_t id) : feed_(feed), id_(id) {}
    ~Subscription() { feed_->Unsubscribe(id_); }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    JobFeed* const feed_;
    const uint64_t id_;
  };

  // job_ids empty: all jobs of the namespace.
  std::unique_ptr<Subscription> Subscribe(std::string name_space,
                                          const std::vector<std::string>& job_ids,
                                          Callback callback);

  void Publish(const v1::Job& job);

  // All ends before this were told, or committed before there was a feed. Later ones may be known
  // to the core, and wait for their commit.
  absl::Time EndsToldUntil();

 private:
  struct Watcher {
    std::string name_space;
    std::vector<std::string> job_ids;
    Callback callback;
  };

  void Unsubscribe(uint64_t id);

  // Held during callbacks, so that a subscription's end waits for them.
  Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::Time ends_told_until_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mutex_);
  // Watchers of single jobs, by job; those of a whole namespace.
  absl::flat_hash_map<std::string, std::vector<uint64_t>> by_job_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::vector<uint64_t>> by_namespace_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_JOB_FEED_H_
