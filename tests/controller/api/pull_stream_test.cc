// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/pull_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "common/rpc/credentials.h"
#include "cronium/v1/job_service.grpc.pb.h"

namespace cronium {
namespace {

using Reactor = grpc::ServerWriteReactor<v1::WatchJobsResponse>;

// What a test hands to the stream, and what the stream tells.
struct Source {
  std::atomic<int> available{0};
  std::atomic<bool> end{false};
  std::atomic<int> pulled{0};
  // Calls of Pull.
  std::atomic<int> asked{0};
  // Says of a message that it is the last for now, where it is.
  std::atomic<bool> tells_last{false};
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  std::atomic<bool> stopped{false};
  Mutex mutex;
  CondVar changed;
  PullStream<Reactor, v1::WatchJobsResponse>* stream ABSL_GUARDED_BY(mutex) = nullptr;

  void Wake() {
    MutexLock lock(&mutex);
    if (stream != nullptr) stream->Wake();
  }
};

class CountingStream : public PullStream<Reactor, v1::WatchJobsResponse> {
 public:
  CountingStream(Executor* executor, Source* source) : PullStream(executor), source_(source) {
    MutexLock lock(&source_->mutex);
    source_->stream = this;
    source_->changed.NotifyAll();
  }

 private:
  PullResult Pull(v1::WatchJobsResponse* message) override {
    if (source_->inside.fetch_add(1) != 0) source_->overlapped = true;
    ++source_->asked;
    PullResult result = PullResult::Wait();
    if (source_->pulled < source_->available) {
      message->mutable_job()->set_id(std::to_string(++source_->pulled));
      result = source_->tells_last && source_->pulled == source_->available && !source_->end
                   ? PullResult::LastMessage()
                   : PullResult::Message();
    } else if (source_->end) {
      result = PullResult::Finish(grpc::Status::OK);
    }
    source_->inside.fetch_sub(1);
    return result;
  }
  void OnStopped() override {
    MutexLock lock(&source_->mutex);
    source_->stream = nullptr;
    source_->stopped = true;
    source_->changed.NotifyAll();
  }

  Source* const source_;
};

class Service : public v1::JobService::CallbackService {
 public:
  Service(Executor* executor, Source* source) : executor_(executor), source_(source) {}
  Reactor* WatchJobs(grpc::CallbackServerContext*, const v1::WatchJobsRequest*) override {
    return new CountingStream(executor_, source_);
  }

 private:
  Executor* const executor_;
  Source* const source_;
};

class PullStreamTest : public testing::Test {
 protected:
  PullStreamTest() : executor_(2), service_(&executor_, &source_) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", DevServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::JobService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port), DevChannelCredentials()));
  }
  ~PullStreamTest() override {
    server_->Shutdown();
    server_->Wait();
  }
  void WaitForStream() {
    MutexLock lock(&source_.mutex);
    while (source_.stream == nullptr) source_.changed.Wait(&source_.mutex);
  }
  void WaitForStop() {
    MutexLock lock(&source_.mutex);
    while (!source_.stopped) source_.changed.Wait(&source_.mutex);
  }

  Source source_;
  Executor executor_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::JobService::Stub> stub_;
  grpc::ClientContext context_;
};

class PullStreamHintTest : public PullStreamTest, public testing::WithParamInterface<bool> {};

TEST_P(PullStreamHintTest, BringsEveryMessageOnceAndInOrderHoweverItIsWoken) {
  constexpr int kMessages = 20'000;
  source_.tells_last = GetParam();
  auto reader = stub_->WatchJobs(&context_, {});
  WaitForStream();
  std::thread waker([&] {
    for (int i = 0; i < kMessages; ++i) {
      ++source_.available;
      source_.Wake();
    }
    source_.end = true;
    source_.Wake();
  });
  v1::WatchJobsResponse message;
  int next = 1;
  while (reader->Read(&message)) EXPECT_EQ(message.job().id(), std::to_string(next++));
  waker.join();
  EXPECT_EQ(next, kMessages + 1);
  EXPECT_TRUE(reader->Finish().ok());
  WaitForStop();
  EXPECT_FALSE(source_.overlapped);
}

INSTANTIATE_TEST_SUITE_P(LastMessageIsTold, PullStreamHintTest, testing::Bool());

TEST_F(PullStreamTest, AfterALastMessageItAsksOnlyWhenWoken) {
  constexpr int kMessages = 200;
  source_.tells_last = true;
  auto reader = stub_->WatchJobs(&context_, {});
  WaitForStream();
  v1::WatchJobsResponse message;
  for (int i = 1; i <= kMessages; ++i) {
    ++source_.available;
    source_.Wake();
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_EQ(message.job().id(), std::to_string(i));
  }
  EXPECT_EQ(source_.asked, kMessages);
  context_.TryCancel();
  EXPECT_FALSE(reader->Read(&message));
  WaitForStop();
}

TEST_F(PullStreamTest, PullsNoFurtherThanAPeerThatDoesNotReadTakes) {
  source_.available = 1'000'000'000;
  auto reader = stub_->WatchJobs(&context_, {});
  WaitForStream();
  source_.Wake();
  v1::WatchJobsResponse message;
  ASSERT_TRUE(reader->Read(&message));
  context_.TryCancel();
  while (reader->Read(&message)) {
  }
  WaitForStop();
  // Flow control lets some messages through ahead of the reader, not a thousand million.
  EXPECT_LT(source_.pulled, 100'000'000);
}

TEST_F(PullStreamTest, StopsWhenThePeerGoesAwayThoughThereIsNothingToWrite) {
  auto reader = stub_->WatchJobs(&context_, {});
  WaitForStream();
  context_.TryCancel();
  v1::WatchJobsResponse message;
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WaitForStop();
}

}  // namespace
}  // namespace cronium
