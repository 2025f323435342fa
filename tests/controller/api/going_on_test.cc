// SPDX-License-Identifier: Apache-2.0
// Readers that were cut off and go on: lists, logs and watches, from a position that they kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "tests/controller/api/controller_fixture.h"
#include "tests/controller/api/sim_agent.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

class GoingOnTest : public ControllerTest {
 protected:
  // "execution number text" of each chunk, then the last message's job state.
  std::vector<std::string> Follow(const v1::FollowLogsRequest& request, absl::Status* status) {
    grpc::ClientContext context;
    auto reader = jobs_->FollowLogs(&context, request);
    v1::FollowLogsResponse message;
    std::vector<std::string> seen;
    while (reader->Read(&message)) {
      for (const v1::LogChunk& chunk : message.chunks()) {
        seen.push_back(
            absl::StrCat(message.execution_id(), " ", chunk.first_seq(), " ", chunk.data()));
      }
      if (message.has_job()) seen.push_back(v1::JobState_Name(message.job().state()));
    }
    *status = FromGrpcStatus(reader->Finish());
    return seen;
  }
  std::vector<std::string> Follow(const v1::FollowLogsRequest& request) {
    absl::Status status;
    std::vector<std::string> seen = Follow(request, &status);
    EXPECT_TRUE(status.ok()) << status;
    return seen;
  }

  // A job of which two attempts were lost, each after two lines; so did the third, and ended.
  // Returns the executions.
  std::vector<std::string> RunThreeAttempts(std::string* job) {
    SimAgent agent(Channel(), "n1");
    std::vector<std::string> executions = BeginThreeAttempts(&agent, job);
    agent.Report(executions.back(), v1::EXECUTION_STATE_SUCCEEDED, 2);
    EXPECT_EQ(Wait(*job).attempt(), 3);
    return executions;
  }
  // The same, but the third has not ended.
  std::vector<std::string> BeginThreeAttempts(SimAgent* sim_agent, std::string* job) {
    SimAgent& agent = *sim_agent;
    *job = Create();
    std::vector<std::string> executions;
    for (int attempt = 1; attempt <= 3; ++attempt) {
      executions.push_back(agent.NextAssignment().execution_id());
      agent.SendLog(executions.back(), 1, absl::StrCat("one of ", attempt, "\n"));
      agent.NextAck();
      agent.SendLog(executions.back(), 2, absl::StrCat("two of ", attempt, "\n"));
      agent.NextAck();
      if (attempt < 3) {
        agent.Report(executions.back(), v1::EXECUTION_STATE_LOST, 2, v1::END_REASON_NODE_LOST);
      }
    }
    return executions;
  }
};

// ---- Logs

TEST_F(GoingOnTest, ALogGoesOnInItsOwnAttemptAndThenWithAllThatCameAfterIt) {
  std::string job;
  const std::vector<std::string> e = RunThreeAttempts(&job);
  Restart();
  for (const bool follow : {false, true}) {
    v1::FollowLogsRequest request;
    request.set_job_id(job);
    request.set_follow(follow);
    request.set_after_execution_id(e[0]);
    request.set_after_seq(1);
    EXPECT_THAT(Follow(request),
                ElementsAre(e[0] + " 2 two of 1\n", e[1] + " 1 one of 2\n", e[1] + " 2 two of 2\n",
                            e[2] + " 1 one of 3\n", e[2] + " 2 two of 3\n", "JOB_STATE_SUCCEEDED"));
    request.set_after_seq(2);
    request.set_after_execution_id(e[2]);
    EXPECT_THAT(Follow(request), ElementsAre("JOB_STATE_SUCCEEDED"));
  }
}

TEST_F(GoingOnTest, WhoFollowsAJobThatRunsHasAllAttemptsAtOnce) {
  SimAgent agent(Channel(), "n1");
  std::string job;
  const std::vector<std::string> e = BeginThreeAttempts(&agent, &job);
  v1::FollowLogsRequest request;
  request.set_job_id(job);
  request.set_follow(true);
  request.set_after_execution_id(e[0]);
  grpc::ClientContext context;
  // Nothing of the job changes while this reads: where it waits for that, it waits in vain.
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  auto reader = jobs_->FollowLogs(&context, request);
  v1::FollowLogsResponse message;
  int lines = 0;
  while (lines < 6 && reader->Read(&message)) lines += message.chunks_size();
  EXPECT_EQ(lines, 6);
  EXPECT_EQ(message.execution_id(), e[2]);
  context.TryCancel();
  while (reader->Read(&message)) {
  }
  reader->Finish();
}

TEST_F(GoingOnTest, ANamedExecutionIsShownAlone) {
  std::string job;
  const std::vector<std::string> e = RunThreeAttempts(&job);
  v1::FollowLogsRequest request;
  request.set_job_id(job);
  request.set_execution_id(e[1]);
  request.set_after_seq(1);
  EXPECT_THAT(Follow(request), ElementsAre(e[1] + " 2 two of 2\n", "JOB_STATE_SUCCEEDED"));
}

TEST_F(GoingOnTest, ANumberThatCouldBeOfAnyAttemptIsRefused) {
  std::string job;
  const std::vector<std::string> e = RunThreeAttempts(&job);
  v1::FollowLogsRequest request;
  request.set_job_id(job);
  request.set_after_seq(1);
  absl::Status status;
  Follow(request, &status);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("after_execution_id"));

  request.set_after_execution_id(e[0]);
  request.set_execution_id(e[1]);
  Follow(request, &status);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;

  request.clear_execution_id();
  request.set_tail(1);
  Follow(request, &status);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(GoingOnTest, APositionInAnotherJobsLogIsRefused) {
  SimAgent agent(Channel(), "n1");
  const std::string job = Create();
  agent.NextAssignment();
  Create();
  v1::FollowLogsRequest request;
  request.set_job_id(job);
  request.set_after_execution_id(agent.NextAssignment().execution_id());
  absl::Status status;
  Follow(request, &status);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

// ---- Watches

// One stream of the whole namespace; what ends it is the controller's end.
class NamespaceWatch {
 public:
  NamespaceWatch(v1::JobService::Stub* jobs, const v1::WatchJobsRequest& request)
      : reader_(jobs->WatchJobs(&context_, request)) {}
  ~NamespaceWatch() { context_.TryCancel(); }

  // The first message: from then on the stream is live.
  void AwaitBegin() {
    v1::WatchJobsResponse response;
    EXPECT_TRUE(reader_->Read(&response));
    resume_time = response.resume_time();
  }
  // Reads until these have been shown as ended; what else was is in `ended` too.
  void ReadEnds(const std::set<std::string>& wanted) {
    v1::WatchJobsResponse response;
    while (!std::includes(ended.begin(), ended.end(), wanted.begin(), wanted.end())) {
      if (!reader_->Read(&response)) {
        ADD_FAILURE() << "the stream ended";
        return;
      }
      EXPECT_TRUE(response.has_resume_time());
      resume_time = response.resume_time();
      if (response.job().state() >= v1::JOB_STATE_SUCCEEDED) ended.insert(response.job().id());
    }
  }

  std::set<std::string> ended;
  google::protobuf::Timestamp resume_time;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchJobsResponse>> reader_;
};

TEST_F(GoingOnTest, AWatchThatGoesOnAfterARestartMissesNoEnd) {
  const auto run = [this](SimAgent* agent) {
    std::string job = Create();
    agent->Report(agent->NextAssignment().execution_id(), v1::EXECUTION_STATE_SUCCEEDED);
    Wait(job);
    return job;
  };
  google::protobuf::Timestamp resume_time;
  std::string first;
  {
    SimAgent agent(Channel(), "n1");
    first = Create();
    const std::string execution = agent.NextAssignment().execution_id();
    NamespaceWatch watch(jobs_.get(), {});
    watch.AwaitBegin();
    agent.Report(execution, v1::EXECUTION_STATE_SUCCEEDED);
    watch.ReadEnds({first});
    resume_time = watch.resume_time;
  }
  Restart();
  // They begin and end while nobody watches.
  std::set<std::string> missed;
  SimAgent agent(Channel(), "n1");
  for (int i = 0; i < 20; ++i) missed.insert(run(&agent));
  Restart();

  v1::WatchJobsRequest request;
  *request.mutable_ended_since() = resume_time;
  NamespaceWatch watch(jobs_.get(), request);
  watch.ReadEnds(missed);
  EXPECT_THAT(watch.ended, IsSupersetOf(missed));
  // And it is live.
  SimAgent again(Channel(), "n1");
  watch.ReadEnds({run(&again)});
}

TEST_F(GoingOnTest, AWatchBeginsWithWhatHasNotEndedUnlessItSaysSince) {
  SimAgent agent(Channel(), "n1");
  const std::string before = Create();
  agent.Report(agent.NextAssignment().execution_id(), v1::EXECUTION_STATE_SUCCEEDED);
  Wait(before);
  const std::string job = Create();
  const std::string execution = agent.NextAssignment().execution_id();
  NamespaceWatch watch(jobs_.get(), {});
  watch.AwaitBegin();
  agent.Report(execution, v1::EXECUTION_STATE_SUCCEEDED);
  watch.ReadEnds({job});
  EXPECT_THAT(watch.ended, ElementsAre(job));
}

TEST_F(GoingOnTest, SinceIsNotForNamedJobs) {
  v1::WatchJobsRequest request;
  request.add_job_ids(Create());
  request.mutable_ended_since()->set_seconds(1);
  grpc::ClientContext context;
  auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(absl::IsInvalidArgument(FromGrpcStatus(reader->Finish())));
}

// ---- Lists

TEST_F(GoingOnTest, AListGoesOnAfterRetentionRemovedItsLastJob) {
  SimAgent agent(Channel(), "n1");
  const std::string oldest = Create();
  agent.NextAssignment();
  const std::string middle = Create();
  const std::string execution = agent.NextAssignment().execution_id();
  const std::string newest = Create();
  const auto list = [this](int page_size, const std::string& token) {
    grpc::ClientContext context;
    v1::ListJobsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListJobsResponse response;
    const grpc::Status status = jobs_->ListJobs(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  };
  const v1::ListJobsResponse page = list(2, "");
  ASSERT_EQ(page.jobs_size(), 2);
  EXPECT_EQ(page.jobs(0).id(), newest);
  EXPECT_EQ(page.jobs(1).id(), middle);
  agent.Report(execution, v1::EXECUTION_STATE_SUCCEEDED);
  Wait(middle);

  ControllerOptions options;
  options.retention = *RetentionPolicy::Parse({"*:jobs=0"});
  options.retention_period = absl::Milliseconds(20);
  Restart(options);
  while (list(10, "").jobs_size() > 2) {
  }
  const v1::ListJobsResponse rest = list(2, page.next_page_token());
  ASSERT_EQ(rest.jobs_size(), 1);
  EXPECT_EQ(rest.jobs(0).id(), oldest);
}

}  // namespace
}  // namespace cronium::controller
