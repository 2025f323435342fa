// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_API_SIM_AGENT_H_
#define CRONIUM_TESTS_CONTROLLER_API_SIM_AGENT_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/log_entries.h"
#include "cronium/v1/agent_service.grpc.pb.h"

namespace cronium::controller {

// An agent without containers, driven step by step by a test. Reads block: a message that does not
// come is a failed test by timeout.
class SimAgent {
 public:
  // held: what still runs there, or has ended unacknowledged.
  SimAgent(std::shared_ptr<grpc::Channel> channel, const std::string& node,
           const std::map<std::string, v1::ExecutionState>& held = {})
      : stub_(v1::AgentService::NewStub(std::move(channel))), node_(node) {
    session_context_.AddMetadata("cronium-dev-node", node);
    session_ = stub_->Session(&session_context_);
    v1::SessionRequest request;
    v1::Hello* hello = request.mutable_hello();
    hello->set_protocol_version(1);
    hello->mutable_facts()->set_boot_id("boot");
    hello->mutable_capacity()->set_slots(100);
    hello->mutable_capacity()->set_cpu_millis(1'000'000);
    hello->mutable_capacity()->set_memory_bytes(int64_t{1} << 40);
    for (const auto& [id, state] : held) {
      v1::HeldExecution* execution = hello->add_held();
      execution->set_execution_id(id);
      execution->set_state(state);
      if (state < v1::EXECUTION_STATE_SUCCEEDED) continue;
      // All of its log is still there.
      v1::HeldLog* log = hello->add_logs();
      log->set_execution_id(id);
      log->set_last_seq(1'000'000);
    }
    EXPECT_TRUE(session_->Write(request));
    v1::SessionResponse welcome;
    EXPECT_TRUE(session_->Read(&welcome));
    epoch_ = welcome.welcome().session_epoch();
  }

  ~SimAgent() {
    session_context_.TryCancel();
    logs_context_.TryCancel();
  }

  v1::Assignment NextAssignment() {
    v1::SessionResponse response;
    while (session_->Read(&response)) {
      if (response.has_assignments()) return response.assignments().assignments(0);
    }
    ADD_FAILURE() << "the session ended";
    return {};
  }
  v1::Stop NextStop() {
    v1::SessionResponse response;
    while (session_->Read(&response)) {
      if (response.has_stops()) return response.stops().stops(0);
    }
    ADD_FAILURE() << "the session ended";
    return {};
  }
  // How the session ended.
  grpc::Status ReadToEnd() {
    v1::SessionResponse response;
    while (session_->Read(&response)) {
    }
    return session_->Finish();
  }

  void Report(const std::string& execution_id, v1::ExecutionState state, uint64_t last_seq = 0,
              v1::EndReason reason = v1::END_REASON_EXITED, int exit_code = 0) {
    v1::SessionRequest request;
    v1::ExecutionReport* report = request.mutable_reports()->add_reports();
    report->set_report_seq(++report_seq_);
    report->set_execution_id(execution_id);
    report->set_state(state);
    report->mutable_time()->set_seconds(1'800'000'000);
    if (state >= v1::EXECUTION_STATE_SUCCEEDED) {
      report->mutable_end()->set_reason(reason);
      report->mutable_end()->set_exit_code(exit_code);
      report->mutable_end()->set_last_seq(last_seq);
    }
    EXPECT_TRUE(session_->Write(request));
  }

  // Sends the text as one chunk that begins at first_seq.
  void SendLog(const std::string& execution_id, uint64_t first_seq, const std::string& text,
               v1::LogStream stream = v1::LOG_STREAM_STDOUT) {
    if (logs_ == nullptr) {
      logs_context_.AddMetadata("cronium-dev-node", node_);
      logs_ = stub_->UploadLogs(&logs_context_);
      v1::UploadLogsRequest hello;
      hello.mutable_hello()->set_session_epoch(epoch_);
      EXPECT_TRUE(logs_->Write(hello));
    }
    v1::UploadLogsRequest request;
    v1::ExecutionLogChunks* log = request.mutable_batch()->add_logs();
    log->set_execution_id(execution_id);
    v1::LogChunk* chunk = log->add_chunks();
    chunk->set_stream(stream);
    chunk->set_first_seq(first_seq);
    chunk->set_entry_count(CountLogEntries(text));
    chunk->mutable_time()->set_seconds(1'800'000'000);
    chunk->set_data(text);
    EXPECT_TRUE(logs_->Write(request));
  }
  v1::LogAck NextAck() {
    v1::UploadLogsResponse response;
    while (logs_->Read(&response)) {
      if (response.acks_size() > 0) return response.acks(0);
    }
    ADD_FAILURE() << "the log stream ended";
    return {};
  }
  // Says that no more logs come; how the stream ended then, and with how many acknowledgements.
  grpc::Status EndLogs(int* acks) {
    logs_->WritesDone();
    v1::UploadLogsResponse response;
    while (logs_->Read(&response)) *acks += response.acks_size();
    return logs_->Finish();
  }

 private:
  const std::unique_ptr<v1::AgentService::Stub> stub_;
  const std::string node_;
  grpc::ClientContext session_context_;
  grpc::ClientContext logs_context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>> session_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UploadLogsRequest, v1::UploadLogsResponse>> logs_;
  uint64_t epoch_ = 0;
  uint64_t report_seq_ = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_API_SIM_AGENT_H_
