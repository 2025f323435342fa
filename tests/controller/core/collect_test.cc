// SPDX-License-Identifier: Apache-2.0
// What retention and a full disk ask of the core.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/core/cluster.h"

namespace cronium::controller {
namespace {

std::vector<std::string> Deleted(const Output& out) {
  std::vector<std::string> ids;
  for (const Change& change : out.changes) {
    if (const auto* deleted = std::get_if<DeleteEndedJob>(&change)) ids.push_back(deleted->job_id);
  }
  return ids;
}

TEST(CollectJobs, DeletesWhatHasEndedAndLeavesWhatLives) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string ended = cluster.Submit();
  cluster.Finish("n1", cluster.ExecutionOf(ended));
  const std::string live = cluster.Submit();
  CollectJobs collect;
  collect.jobs = {{ended, "default", ""}, {live, "default", ""}};
  ASSERT_TRUE(cluster.Ask(std::move(collect)).ok());
  EXPECT_THAT(Deleted(cluster.last()), testing::ElementsAre(ended));
}

TEST(CollectJobs, FreesTheRequestIdForAnotherJob) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string first = cluster.TrySubmit(Cluster::Spec(), "nightly-1")->id();
  cluster.Finish("n1", cluster.ExecutionOf(first));
  EXPECT_EQ(cluster.TrySubmit(Cluster::Spec(), "nightly-1")->id(), first) << "kept with its job";
  CollectJobs collect;
  collect.jobs = {{first, "default", "nightly-1"}};
  ASSERT_TRUE(cluster.Ask(std::move(collect)).ok());
  const std::string second = cluster.TrySubmit(Cluster::Spec(), "nightly-1")->id();
  EXPECT_NE(second, first);

  // The memory of the first does not take that of the second with it.
  CollectJobs again;
  again.jobs = {{first, "default", "nightly-1"}};
  ASSERT_TRUE(cluster.Ask(std::move(again)).ok());
  EXPECT_EQ(cluster.TrySubmit(Cluster::Spec(), "nightly-1")->id(), second);
}

TEST(HoldPlacement, KeepsJobsInTheQueueWithItsReasonUntilItIsOver) {
  Cluster cluster;
  cluster.Connect("n1");
  const std::string running = cluster.Submit();
  cluster.Tell(HoldPlacement{"DISK_FULL", "the disk is full"});
  const std::string waiting = cluster.Submit();
  EXPECT_EQ(cluster.job(waiting).state(), v1::JOB_STATE_QUEUED);
  const auto reason = cluster.core().wait_reasons().find(PlacementClass(Cluster::Spec()));
  ASSERT_NE(reason, cluster.core().wait_reasons().end());
  EXPECT_EQ(reason->second.reason, "DISK_FULL");
  EXPECT_EQ(reason->second.message, "the disk is full");

  cluster.Finish("n1", cluster.ExecutionOf(running));
  EXPECT_EQ(cluster.job(running).state(), v1::JOB_STATE_SUCCEEDED) << "what runs goes on";
  EXPECT_EQ(cluster.job(waiting).state(), v1::JOB_STATE_QUEUED);
  cluster.Tell(HoldPlacement{"", ""});
  EXPECT_EQ(cluster.job(waiting).state(), v1::JOB_STATE_RUNNING);
}

}  // namespace
}  // namespace cronium::controller
