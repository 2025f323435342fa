// SPDX-License-Identifier: Apache-2.0
// What ThreadSanitizer sees of gRPC (tools/sanitizers/tsan_sync_*.cc), and that it is not told to
// look away.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "common/mutex.h"
#include "cronium/v1/job_service.grpc.pb.h"

namespace cronium {
namespace {

constexpr int kReported = 66;

// Begins a call that fails, runs `beside` while it may be under way, and `in_callback` when it has
// ended.
void Call(const std::function<void()>& beside, const std::function<void()>& in_callback) {
  const auto channel =
      grpc::CreateChannel("unix:/nonexistent/socket", grpc::InsecureChannelCredentials());
  const auto stub = v1::JobService::NewStub(channel);
  grpc::ClientContext context;
  v1::GetJobRequest request;
  v1::GetJobResponse response;
  Mutex mutex;
  CondVar ended;
  bool has_ended = false;
  stub->async()->GetJob(&context, &request, &response, [&](const grpc::Status& status) {
    in_callback();
    MutexLock lock(&mutex);
    has_ended = true;
    ended.NotifyAll();
  });
  beside();
  MutexLock lock(&mutex);
  while (!has_ended) ended.Wait(&mutex);
}

void ExitWhenDone(const std::function<void()>& run) {
  run();
  std::exit(0);
}

class TsanSyncTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(TsanSyncTest, WhatWasWrittenBeforeACallIsSeenByItsCallback) {
  EXPECT_EXIT(ExitWhenDone([] {
                int value = 0;
                for (int i = 0; i < 20; ++i) {
                  ++value;
                  Call([] {}, [&value] { ++value; });
                }
              }),
              testing::ExitedWithCode(0), "");
}

TEST_F(TsanSyncTest, ARaceOfOursBeneathACallbackIsReported) {
  EXPECT_EXIT(ExitWhenDone([] {
                int value = 0;
                Call([&value] { ++value; }, [&value] { ++value; });
              }),
              testing::ExitedWithCode(kReported), "data race");
}

}  // namespace
}  // namespace cronium
