// SPDX-License-Identifier: Apache-2.0
#include "agent/session/log_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "agent/session/grpc_connector.h"
#include "common/mutex.h"
#include "tests/agent/session/fake_controller.h"

namespace cronium::agent {
namespace {

// Logs in memory, an entry per line of text. Thread-safe.
class MemoryLogs : public LogSource {
 public:
  void Append(const std::string& id, const std::string& line) {
    MutexLock lock(&mutex_);
    logs_[id].lines.push_back(line + "\n");
  }
  uint64_t acknowledged(const std::string& id) {
    MutexLock lock(&mutex_);
    return logs_[id].acknowledged;
  }
  void AwaitAcknowledged(const std::string& id, uint64_t seq) {
    MutexLock lock(&mutex_);
    while (logs_[id].acknowledged < seq) changed_.Wait(&mutex_);
  }

  absl::StatusOr<LogState> State(const std::string& id) const override {
    MutexLock lock(&mutex_);
    const auto it = logs_.find(id);
    if (it == logs_.end()) return absl::NotFoundError(id);
    LogState state;
    state.last_seq = it->second.lines.size();
    state.acknowledged_seq = it->second.acknowledged;
    return state;
  }
  absl::StatusOr<std::vector<v1::LogChunk>> Read(const std::string& id, uint64_t after_seq,
                                                 size_t max_bytes) const override {
    MutexLock lock(&mutex_);
    const auto it = logs_.find(id);
    if (it == logs_.end()) return absl::NotFoundError(id);
    std::vector<v1::LogChunk> chunks;
    for (uint64_t seq = after_seq + 1; seq <= it->second.lines.size(); ++seq) {
      v1::LogChunk& chunk = chunks.emplace_back();
      chunk.set_stream(v1::LOG_STREAM_STDOUT);
      chunk.set_first_seq(seq);
      chunk.set_entry_count(1);
      chunk.set_data(it->second.lines[seq - 1]);
    }
    return chunks;
  }
  void Acknowledge(const std::string& id, uint64_t seq) override {
    MutexLock lock(&mutex_);
    logs_[id].acknowledged = std::max(logs_[id].acknowledged, seq);
    changed_.NotifyAll();
  }
  void Discard(const std::string& id) override {}

 private:
  struct Log {
    std::vector<std::string> lines;
    uint64_t acknowledged = 0;
  };
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Log> logs_ ABSL_GUARDED_BY(mutex_);
};

class LogClientTest : public ::testing::Test {
 protected:
  LogClientTest() {
    std::string name = (std::filesystem::temp_directory_path() / "logs-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    controller_ = std::make_unique<FakeController>("unix:" + folder_ + "/controller.sock");
    controller_->Start();
    sender_ = std::make_unique<LogSender>(LogSenderOptions(), &logs_, [this] { client_->Wake(); });
    client_ = std::make_unique<LogClient>(
        LogClientOptions{.controller = "fake",
                         .min_backoff = absl::Milliseconds(1),
                         .max_backoff = absl::Milliseconds(20)},
        &clock_, GrpcLogConnector(controller_->channels(), "node-1"), sender_.get());
    client_->Start();
  }
  ~LogClientTest() override {
    client_->Shutdown();
    controller_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Print(const std::string& line) {
    logs_.Append("exec_1", line);
    sender_->OnData("exec_1");
  }
  // Takes the hello and opens the window.
  uint64_t Open() {
    const v1::UploadLogsRequest request = controller_->logs().Next();
    EXPECT_TRUE(request.has_hello());
    v1::UploadLogsResponse response;
    response.set_window_bytes(1 << 20);
    controller_->logs().Send(response);
    return request.hello().session_epoch();
  }
  void Ack(uint64_t seq) {
    v1::UploadLogsResponse response;
    v1::LogAck* ack = response.add_acks();
    ack->set_execution_id("exec_1");
    ack->set_durable_seq(seq);
    controller_->logs().Send(response);
  }
  // The text of the next batch.
  std::string NextText() {
    std::string text;
    const v1::UploadLogsRequest request = controller_->logs().Next();
    for (const auto& log : request.batch().logs()) {
      for (const auto& chunk : log.chunks()) text += chunk.data();
    }
    return text;
  }

  std::string folder_;
  RealClock clock_;
  MemoryLogs logs_;
  std::unique_ptr<FakeController> controller_;
  std::unique_ptr<LogSender> sender_;
  std::unique_ptr<LogClient> client_;
};

TEST_F(LogClientTest, WhatAJobWritesGoesUpAndItsAcknowledgementComesBack) {
  client_->SetEpoch(3);
  EXPECT_EQ(Open(), 3u);
  EXPECT_EQ(controller_->logs().metadata("cronium-dev-node"), "node-1");
  Print("one");
  EXPECT_EQ(NextText(), "one\n");
  Ack(1);
  logs_.AwaitAcknowledged("exec_1", 1);
  Print("two");
  EXPECT_EQ(NextText(), "two\n");
}

TEST_F(LogClientTest, WhatWasNotAcknowledgedIsSentAgainOnTheNextStream) {
  client_->SetEpoch(1);
  Open();
  Print("one");
  EXPECT_EQ(NextText(), "one\n");
  Ack(1);
  logs_.AwaitAcknowledged("exec_1", 1);
  Print("two");
  EXPECT_EQ(NextText(), "two\n");
  controller_->logs().End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting"));
  Open();
  EXPECT_EQ(NextText(), "two\n");
}

TEST_F(LogClientTest, ANewEpochOpensTheStreamAnew) {
  client_->SetEpoch(1);
  EXPECT_EQ(Open(), 1u);
  client_->SetEpoch(2);
  EXPECT_EQ(Open(), 2u);
}

TEST_F(LogClientTest, ASupersededStreamWaitsForTheNextEpoch) {
  client_->SetEpoch(1);
  Open();
  controller_->logs().End(grpc::Status(grpc::StatusCode::ABORTED, "superseded"));
  controller_->logs().AwaitEnded(1);
  client_->SetEpoch(2);
  // Had it tried the old one again, that would have come first.
  EXPECT_EQ(Open(), 2u);
}

}  // namespace
}  // namespace cronium::agent
