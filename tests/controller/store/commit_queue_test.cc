// SPDX-License-Identifier: Apache-2.0
#include "controller/store/commit_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"

namespace cronium::controller {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

// Remembers the keys that were set, group by group; answers each change with its key. Can be held,
// and can be made to fail.
class FakeStore : public Store {
 public:
  absl::StatusOr<std::vector<ChangeResult>> Commit(absl::Span<const Change> changes) override {
    MutexLock lock(&mutex_);
    ++calls_;
    changed_.NotifyAll();
    while (held_) changed_.Wait(&mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<ChangeResult> results;
    std::vector<std::string>& group = groups_.emplace_back();
    for (const Change& change : changes) {
      group.push_back(std::get<SetVariable>(change).variable.key());
      results.push_back(group.back());
    }
    return results;
  }

  void Hold() {
    MutexLock lock(&mutex_);
    held_ = true;
  }
  void LetGo() {
    MutexLock lock(&mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  void FailWith(absl::Status failure) {
    MutexLock lock(&mutex_);
    failure_ = std::move(failure);
  }
  // Returns once Commit was called this often.
  void AwaitCalls(int calls) {
    MutexLock lock(&mutex_);
    while (calls_ < calls) changed_.Wait(&mutex_);
  }
  std::vector<std::vector<std::string>> groups() {
    MutexLock lock(&mutex_);
    return groups_;
  }

  absl::StatusOr<LiveState> LoadLiveState() override { return Unused(); }
  absl::StatusOr<v1::Job> GetJob(absl::string_view) override { return Unused(); }
  absl::StatusOr<Page<v1::Job>> ListJobs(const JobQuery&) override { return Unused(); }
  absl::StatusOr<std::vector<v1::Job>> ListJobsEndedSince(absl::string_view, absl::Time,
                                                          int) override {
    return Unused();
  }
  absl::StatusOr<std::optional<v1::Job>> FindJobByRequestId(absl::string_view,
                                                            absl::string_view) override {
    return Unused();
  }
  absl::StatusOr<v1::Execution> GetExecution(absl::string_view) override { return Unused(); }
  absl::StatusOr<std::vector<v1::Execution>> ListExecutions(absl::string_view) override {
    return Unused();
  }
  absl::StatusOr<std::vector<std::string>> ListNamespaces() override { return Unused(); }
  absl::StatusOr<EndedJobsUsage> GetEndedJobsUsage(absl::string_view) override { return Unused(); }
  absl::StatusOr<std::vector<EndedJob>> ListEndedJobs(absl::string_view, int) override {
    return Unused();
  }
  absl::StatusOr<LogHolders> GetLogHolders(absl::string_view) override { return Unused(); }
  absl::StatusOr<int64_t> GetUnusedBytes() override { return Unused(); }
  absl::StatusOr<v1::Node> GetNode(absl::string_view) override { return Unused(); }
  absl::StatusOr<Page<v1::Node>> ListNodes(absl::string_view, int) override { return Unused(); }
  absl::StatusOr<v1::Variable> GetVariable(absl::string_view, absl::string_view) override {
    return Unused();
  }
  absl::StatusOr<Page<v1::Variable>> ListVariables(const VariableQuery&) override {
    return Unused();
  }
  absl::StatusOr<std::optional<IdempotencyRecord>> FindIdempotencyRecord(
      absl::string_view, absl::string_view) override {
    return std::optional<IdempotencyRecord>();
  }
  absl::StatusOr<StoredCredential> GetCredential(absl::string_view) override { return Unused(); }
  absl::StatusOr<Page<StoredCredential>> ListCredentials(const CredentialQuery&) override {
    return Unused();
  }
  absl::StatusOr<Page<v1::AuditRecord>> ListAudit(const AuditQuery&) override { return Unused(); }
  absl::StatusOr<std::optional<ApiToken>> FindApiToken(absl::string_view) override {
    return Unused();
  }

 private:
  static absl::Status Unused() { return absl::UnimplementedError("the queue only commits"); }

  Mutex mutex_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<std::string>> groups_ ABSL_GUARDED_BY(mutex_);
};

constexpr CommitQueueOptions kFast = {.min_backoff = absl::Milliseconds(1),
                                      .max_backoff = absl::Milliseconds(2)};

std::vector<Change> Sets(std::vector<std::string> keys, size_t value_size = 0) {
  std::vector<Change> changes;
  for (std::string& key : keys) {
    SetVariable set;
    set.variable.set_key(std::move(key));
    set.variable.set_value_json(std::string(value_size, '1'));
    changes.push_back(std::move(set));
  }
  return changes;
}

using Results = absl::StatusOr<std::vector<ChangeResult>>;

std::future<Results> SubmitAsync(CommitQueue& queue, std::vector<Change> changes) {
  auto promise = std::make_shared<std::promise<Results>>();
  queue.Submit(std::move(changes), [promise](Results r) { promise->set_value(std::move(r)); });
  return promise->get_future();
}

TEST(CommitQueueTest, EachSubmissionGetsTheResultsOfItsOwnChanges) {
  FakeStore store;
  CommitQueue queue(&store, kFast);
  auto first = SubmitAsync(queue, Sets({"a", "b"}));
  auto barrier = SubmitAsync(queue, {});
  auto second = SubmitAsync(queue, Sets({"c"}));
  const Results one = first.get();
  ASSERT_TRUE(one.ok());
  ASSERT_THAT(*one, SizeIs(2));
  EXPECT_EQ(*(*one)[0], "a");
  EXPECT_EQ(*(*one)[1], "b");
  EXPECT_THAT(*barrier.get(), SizeIs(0));
  EXPECT_EQ(*(*second.get())[0], "c");
  EXPECT_TRUE(queue.Health().ok());
}

TEST(CommitQueueTest, WhatWaitsWhileACommitRunsGoesIntoTheNextInOrder) {
  FakeStore store;
  store.Hold();
  CommitQueue queue(&store, kFast);
  auto first = SubmitAsync(queue, Sets({"a"}));
  store.AwaitCalls(1);
  std::vector<std::string> order;
  for (const char* key : {"b", "c", "d"}) {
    queue.Submit(Sets({key}), [&order, key](const Results&) { order.push_back(key); });
  }
  auto last = SubmitAsync(queue, {});
  store.LetGo();
  EXPECT_TRUE(last.get().ok());
  EXPECT_THAT(store.groups(), ElementsAre(ElementsAre("a"), ElementsAre("b", "c", "d")));
  EXPECT_THAT(order, ElementsAre("b", "c", "d"));
  const CommitCounters counters = queue.counters();
  EXPECT_EQ(counters.groups, 2u);
  EXPECT_EQ(counters.changes, 4u);
  EXPECT_EQ(counters.largest_group, 3u);
  EXPECT_EQ(counters.failures, 0u);
}

TEST(CommitQueueTest, GroupsAreBoundedInChangesAndBytesAndNeverSplitASubmission) {
  FakeStore store;
  store.Hold();
  CommitQueueOptions options = kFast;
  options.max_group_changes = 3;
  options.max_group_bytes = 10'500;
  CommitQueue queue(&store, options);
  auto first = SubmitAsync(queue, Sets({"a"}));
  store.AwaitCalls(1);
  SubmitAsync(queue, Sets({"b", "c"}));
  SubmitAsync(queue, Sets({"d", "e"}));
  SubmitAsync(queue, Sets({"f", "g", "h", "i"}));
  SubmitAsync(queue, Sets({"j"}, 9'000));
  SubmitAsync(queue, Sets({"k"}, 9'000));
  auto last = SubmitAsync(queue, Sets({"l"}));
  store.LetGo();
  EXPECT_TRUE(last.get().ok());
  EXPECT_THAT(store.groups(), ElementsAre(ElementsAre("a"), ElementsAre("b", "c"),
                                          ElementsAre("d", "e"), ElementsAre("f", "g", "h", "i"),
                                          ElementsAre("j"), ElementsAre("k", "l")));
}

TEST(CommitQueueTest, SubmitWaitsWhileTheQueueIsFull) {
  FakeStore store;
  store.Hold();
  CommitQueueOptions options = kFast;
  options.max_queued_changes = 2;
  CommitQueue queue(&store, options);
  auto first = SubmitAsync(queue, Sets({"a"}));
  store.AwaitCalls(1);
  SubmitAsync(queue, Sets({"b"}));
  SubmitAsync(queue, Sets({"c"}));
  std::atomic<bool> taken{false};
  std::thread submitter([&] {
    queue.Submit(Sets({"d"}), [](const Results&) {});
    taken = true;
  });
  EXPECT_FALSE(taken) << "the store is held, so nothing can make room";
  store.LetGo();
  submitter.join();
  EXPECT_TRUE(taken);
  queue.Shutdown(absl::Seconds(60));
  EXPECT_THAT(store.groups().back().back(), "d");
}

TEST(CommitQueueTest, AFailedGroupIsKeptAndTriedAgainAndNothingIsAcknowledgedMeanwhile) {
  FakeStore store;
  store.FailWith(absl::ResourceExhaustedError("disk full"));
  CommitQueue queue(&store, kFast);
  std::vector<std::string> order;
  queue.Submit(Sets({"a"}), [&](const Results& r) { order.push_back(r.ok() ? "a" : "failed"); });
  store.AwaitCalls(3);
  queue.Submit(Sets({"b"}), [&](const Results& r) { order.push_back(r.ok() ? "b" : "failed"); });
  store.AwaitCalls(5);
  EXPECT_EQ(queue.Health().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(queue.Health().message(), "disk full");
  EXPECT_THAT(store.groups(), SizeIs(0));
  store.FailWith(absl::OkStatus());
  EXPECT_TRUE(SubmitAsync(queue, {}).get().ok());
  EXPECT_THAT(order, ElementsAre("a", "b"));
  EXPECT_TRUE(queue.Health().ok());
  EXPECT_GE(queue.counters().failures, 4u);
}

TEST(CommitQueueTest, ShutdownCommitsWhatWaits) {
  FakeStore store;
  store.Hold();
  CommitQueue queue(&store, kFast);
  auto first = SubmitAsync(queue, Sets({"a"}));
  store.AwaitCalls(1);
  auto second = SubmitAsync(queue, Sets({"b"}));
  std::thread stopper([&] { queue.Shutdown(absl::Seconds(60)); });
  store.LetGo();
  stopper.join();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_EQ(SubmitAsync(queue, Sets({"c"})).get().status().code(), absl::StatusCode::kUnavailable);
}

TEST(CommitQueueTest, ShutdownGivesUpAfterItsTimeAndSaysWhy) {
  FakeStore store;
  store.FailWith(absl::ResourceExhaustedError("disk full"));
  CommitQueueOptions options = kFast;
  options.min_backoff = options.max_backoff = absl::Hours(1);
  CommitQueue queue(&store, options);
  auto first = SubmitAsync(queue, Sets({"a"}));
  auto second = SubmitAsync(queue, Sets({"b"}));
  store.AwaitCalls(1);
  queue.Shutdown(absl::Milliseconds(1));
  for (auto* pending : {&first, &second}) {
    const absl::Status status = pending->get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("disk full"));
  }
  EXPECT_THAT(store.groups(), SizeIs(0));
}

TEST(CommitQueueTest, ManySubmittersSeeTheirOwnOrderKept) {
  FakeStore store;
  CommitQueueOptions options = kFast;
  options.max_queued_changes = 8;
  CommitQueue queue(&store, options);
  std::vector<std::thread> submitters;
  submitters.reserve(4);
  for (int t = 0; t < 4; ++t) {
    submitters.emplace_back([&queue, t] {
      for (int i = 0; i < 500; ++i) {
        queue.Submit(Sets({absl::StrCat(t, ":", i)}), [](const Results&) {});
      }
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  queue.Shutdown(absl::Seconds(60));
  int next[4] = {};
  for (const auto& group : store.groups()) {
    for (const std::string& key : group) {
      int number = -1;
      ASSERT_TRUE(absl::SimpleAtoi(key.substr(2), &number));
      EXPECT_EQ(number, next[key[0] - '0']++);
    }
  }
  EXPECT_THAT(next, Each(500));
}

}  // namespace
}  // namespace cronium::controller
