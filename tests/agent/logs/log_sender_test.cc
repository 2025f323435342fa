// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/log_entries.h"

namespace cronium::agent {
namespace {

// Logs in memory, one entry per chunk.
class FakeSource : public LogSource {
 public:
  struct Log {
    std::vector<std::string> entries;
    uint64_t acknowledged = 0;
    bool discarded = false;
    absl::Status fail;
  };
  std::map<std::string, Log> logs;

  absl::StatusOr<LogState> State(const std::string& id) const override {
    const auto found = logs.find(id);
    if (found == logs.end()) return absl::NotFoundError(id);
    LogState state;
    state.last_seq = found->second.entries.size();
    state.acknowledged_seq = found->second.acknowledged;
    return state;
  }
  absl::StatusOr<std::vector<v1::LogChunk>> Read(const std::string& id, uint64_t after_seq,
                                                 size_t max_bytes) const override {
    const auto found = logs.find(id);
    if (found == logs.end()) return absl::NotFoundError(id);
    const Log& log = found->second;
    if (!log.fail.ok()) return log.fail;
    if (after_seq < log.acknowledged) return absl::OutOfRangeError(id);
    std::vector<v1::LogChunk> chunks;
    size_t used = 0;
    for (uint64_t i = after_seq; i < log.entries.size(); ++i) {
      used += log.entries[i].size() + kChunkOverheadBytes;
      if (!chunks.empty() && used > max_bytes) break;
      v1::LogChunk chunk;
      chunk.set_first_seq(i + 1);
      chunk.set_entry_count(1);
      chunk.set_data(log.entries[i]);
      chunks.push_back(chunk);
    }
    return chunks;
  }
  void Acknowledge(const std::string& id, uint64_t seq) override {
    Log& log = logs[id];
    log.acknowledged = std::max(log.acknowledged, std::min<uint64_t>(seq, log.entries.size()));
  }
  void Discard(const std::string& id) override {
    logs[id].discarded = true;
    logs[id].acknowledged = logs[id].entries.size();
  }
};

class LogSenderTest : public testing::Test {
 protected:
  LogSenderTest() { Make({}); }

  void Make(LogSenderOptions options) {
    sender_ = std::make_unique<LogSender>(options, &source_, [this] { ++wakes_; });
  }
  void Write(const std::string& id, const std::string& entry, int times = 1) {
    for (int i = 0; i < times; ++i) source_.logs[id].entries.push_back(entry);
    sender_->OnData(id);
  }
  // A stream, its hello sent and its window known.
  void OpenStream(uint64_t window) {
    sender_->OnStreamOpen(7);
    const auto hello = sender_->NextBatch(now_ns_);
    ASSERT_TRUE(hello.has_value());
    ASSERT_EQ(hello->hello().session_epoch(), 7u);
    v1::UploadLogsResponse response;
    response.set_window_bytes(window);
    sender_->OnResponse(response);
  }
  void Ack(const std::string& id, uint64_t durable_seq, uint64_t bytes, bool rewind = false,
           bool unknown = false) {
    v1::UploadLogsResponse response;
    v1::LogAck* ack = response.add_acks();
    ack->set_execution_id(id);
    ack->set_durable_seq(durable_seq);
    ack->set_bytes(bytes);
    ack->set_rewind(rewind);
    ack->set_unknown(unknown);
    sender_->OnResponse(response);
  }
  // "exec_1:1-3" for each execution in the next message; "" where there is none.
  std::string Next() {
    const auto request = sender_->NextBatch(now_ns_);
    if (!request.has_value()) return "";
    std::string text;
    for (const v1::ExecutionLogChunks& log : request->batch().logs()) {
      const v1::LogChunk& last = log.chunks(log.chunks_size() - 1);
      absl::StrAppend(&text, text.empty() ? "" : " ", log.execution_id(), ":",
                      log.chunks(0).first_seq(), "-", last.first_seq() + last.entry_count() - 1);
    }
    return text;
  }

  FakeSource source_;
  int wakes_ = 0;
  int64_t now_ns_ = 1'000'000'000;
  std::unique_ptr<LogSender> sender_;
};

TEST_F(LogSenderTest, SendsNothingBeforeTheStreamStandsAndTheWindowIsKnown) {
  Write("a", "x\n");
  EXPECT_FALSE(sender_->NextBatch(now_ns_).has_value());
  sender_->OnStreamOpen(3);
  EXPECT_EQ(sender_->NextBatch(now_ns_)->hello().session_epoch(), 3u);
  EXPECT_FALSE(sender_->NextBatch(now_ns_).has_value());
  v1::UploadLogsResponse response;
  response.set_window_bytes(1000);
  sender_->OnResponse(response);
  EXPECT_EQ(wakes_, 2) << "once for the stream, once for the window";
  EXPECT_EQ(Next(), "a:1-1");
  EXPECT_EQ(Next(), "");
}

TEST_F(LogSenderTest, ALineGoesOutAtOnceAndWakesOnce) {
  OpenStream(1 << 20);
  EXPECT_EQ(Next(), "");
  wakes_ = 0;
  Write("a", "1\n");
  Write("a", "2\n");
  Write("b", "3\n");
  EXPECT_EQ(wakes_, 1) << "nobody asked in between";
  EXPECT_EQ(Next(), "a:1-2 b:1-1");
  EXPECT_EQ(Next(), "");
  Write("a", "3\n");
  EXPECT_EQ(wakes_, 2);
  EXPECT_EQ(Next(), "a:3-3");
}

TEST_F(LogSenderTest, ExecutionsTakeTurns) {
  Make({.max_batch_bytes = 4 * (100 + kChunkOverheadBytes),
        .max_execution_batch_bytes = 2 * (100 + kChunkOverheadBytes),
        .small_batch_bytes = 0});
  OpenStream(1 << 20);
  const std::string line(100, 'x');
  Write("flood1", line, 100);
  Write("flood2", line, 100);
  Write("quiet", "y");
  std::map<std::string, int> sent;
  bool quiet_sent = false;
  for (int i = 0; i < 6; ++i) {
    const auto batch = sender_->NextBatch(now_ns_);
    ASSERT_TRUE(batch.has_value());
    size_t bytes = 0;
    for (const auto& log : batch->batch().logs()) {
      for (const auto& chunk : log.chunks()) bytes += chunk.data().size() + kChunkOverheadBytes;
      sent[log.execution_id()] += log.chunks_size();
      quiet_sent |= log.execution_id() == "quiet";
    }
    EXPECT_LE(bytes, 4 * (100 + kChunkOverheadBytes) + 100);
    if (i == 1) {
      EXPECT_TRUE(quiet_sent) << "in the second message at the latest";
    }
  }
  EXPECT_NEAR(sent["flood1"], sent["flood2"], 2);
}

TEST_F(LogSenderTest, TheWindowBoundsWhatIsInFlight) {
  OpenStream(250);
  Write("a", std::string(100, 'x'), 10);
  EXPECT_EQ(Next(), "a:1-2");
  EXPECT_EQ(Next(), "") << "a third entry is over the window";
  EXPECT_EQ(sender_->GetStats().in_flight_bytes, 200);
  wakes_ = 0;
  Write("a", "more");
  EXPECT_EQ(wakes_, 0) << "new data does not help";
  Ack("a", 1, 100);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Next(), "a:3-3");
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(source_.logs["a"].acknowledged, 1u);
}

TEST_F(LogSenderTest, AWindowSmallerThanAnEntryLetsOneThroughWhenNothingIsInFlight) {
  OpenStream(10);
  Write("a", std::string(100, 'x'), 2);
  EXPECT_EQ(Next(), "a:1-1");
  EXPECT_EQ(Next(), "");
  Ack("a", 1, 100);
  EXPECT_EQ(Next(), "a:2-2");
}

TEST_F(LogSenderTest, AWindowOfZeroStopsEverythingUntilItIsOpened) {
  OpenStream(0);
  Write("a", "x");
  EXPECT_EQ(Next(), "");
  v1::UploadLogsResponse response;
  response.set_window_bytes(1000);
  wakes_ = 0;
  sender_->OnResponse(response);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Next(), "a:1-1");
}

TEST_F(LogSenderTest, ARewindSendsAgainOnceAlthoughEveryRefusedBatchAsksForIt) {
  Make({.max_batch_bytes = 100 + kChunkOverheadBytes,
        .max_execution_batch_bytes = 100 + kChunkOverheadBytes,
        .small_batch_bytes = 0});
  OpenStream(1 << 20);
  Write("a", std::string(100, 'x'), 6);
  EXPECT_EQ(Next(), "a:1-1");
  EXPECT_EQ(Next(), "a:2-2");
  EXPECT_EQ(Next(), "a:3-3");
  Ack("a", 0, 100, /*rewind=*/true);
  EXPECT_EQ(Next(), "a:1-1");
  Ack("a", 0, 100, /*rewind=*/true);  // For 2 and 3, sent before the first rewind.
  Ack("a", 0, 100, /*rewind=*/true);
  EXPECT_EQ(Next(), "a:2-2");
  EXPECT_EQ(sender_->GetStats().rewinds, 1);
  Ack("a", 1, 100);
  Ack("a", 1, 100, /*rewind=*/true);  // A new gap.
  EXPECT_EQ(Next(), "a:2-2");
}

TEST_F(LogSenderTest, AReconnectGoesOnAfterWhatWasAcknowledged) {
  OpenStream(1 << 20);
  Write("a", "x\n", 5);
  Write("b", "y\n", 2);
  EXPECT_EQ(Next(), "a:1-5 b:1-2");
  Ack("a", 3, 6);
  sender_->OnStreamClosed();
  EXPECT_FALSE(sender_->NextBatch(now_ns_).has_value());
  Write("b", "y\n");
  OpenStream(1 << 20);
  const std::string sent = Next();
  EXPECT_TRUE(sent == "a:4-5 b:1-3" || sent == "b:1-3 a:4-5") << sent;
  EXPECT_EQ(sender_->GetStats().in_flight_bytes, 4 + 6);
}

TEST_F(LogSenderTest, AcknowledgementsOfAnOlderStreamMoveItForward) {
  OpenStream(1 << 20);
  Write("a", "x\n", 5);
  EXPECT_EQ(Next(), "a:1-5");
  OpenStream(1 << 20);
  Ack("a", 5, 0);
  EXPECT_EQ(Next(), "") << "all of it is there already";
}

TEST_F(LogSenderTest, AnUnknownExecutionIsDiscarded) {
  OpenStream(1 << 20);
  Write("a", "x\n");
  EXPECT_EQ(Next(), "a:1-1");
  Ack("a", 0, 2, /*rewind=*/false, /*unknown=*/true);
  EXPECT_TRUE(source_.logs["a"].discarded);
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(sender_->GetStats().unknown, 1);
  EXPECT_EQ(sender_->GetStats().in_flight_bytes, 0);
}

TEST_F(LogSenderTest, AForgottenExecutionIsNotSent) {
  OpenStream(1 << 20);
  Write("a", "x\n");
  Write("b", "x\n");
  sender_->Forget("a");
  EXPECT_EQ(Next(), "b:1-1");
  EXPECT_EQ(Next(), "");
}

TEST_F(LogSenderTest, ASpoolThatCannotBeReadIsTriedAgainWithTheNextNews) {
  OpenStream(1 << 20);
  source_.logs["a"].fail = absl::InternalError("bad disk");
  Write("a", "x\n");
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(sender_->GetStats().read_errors, 1);
  source_.logs["a"].fail = absl::OkStatus();
  Write("b", "y\n");
  const std::string sent = Next();
  EXPECT_TRUE(sent == "a:1-1 b:1-1" || sent == "b:1-1 a:1-1") << sent;
}

TEST_F(LogSenderTest, SmallChunksCountWithTheirOverhead) {
  Make({.max_batch_bytes = 10 * kChunkOverheadBytes,
        .max_execution_batch_bytes = 10 * kChunkOverheadBytes});
  OpenStream(1 << 20);
  Write("a", "x", 1000);
  const auto batch = sender_->NextBatch(now_ns_);
  EXPECT_LE(batch->batch().logs(0).chunks_size(), 10);
}

TEST_F(LogSenderTest, AnExecutionFillsAMessageThatTheOthersLeave) {
  Make({.max_batch_bytes = 8 * (100 + kChunkOverheadBytes),
        .max_execution_batch_bytes = 2 * (100 + kChunkOverheadBytes)});
  OpenStream(1 << 20);
  Write("flood", std::string(100, 'x'), 100);
  EXPECT_EQ(Next(), "flood:1-8") << "four turns, and named once";
  Write("quiet", "y");
  EXPECT_EQ(Next(), "flood:9-10 quiet:1-1 flood:11-15");
}

TEST_F(LogSenderTest, WhatComesWhileTwoSmallMessagesAreUnacknowledgedGathers) {
  OpenStream(1 << 20);
  Write("a", "1\n");
  EXPECT_EQ(Next(), "a:1-1");
  Write("a", "2\n");
  EXPECT_EQ(Next(), "a:2-2");
  Write("a", "3\n");
  Write("b", "1\n");
  EXPECT_EQ(Next(), "");
  wakes_ = 0;
  Write("a", "4\n");
  EXPECT_EQ(wakes_, 0) << "it waits for an acknowledgement, not for data";
  Ack("a", 1, 2);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Next(), "a:3-4 b:1-1");
  Write("b", "2\n");
  EXPECT_EQ(Next(), "");
  Ack("a", 2, 2);
  EXPECT_EQ(Next(), "b:2-2");
  Ack("a", 4, 4);
  Write("a", "5\n");
  EXPECT_EQ(Next(), "") << "half of a message is acknowledged";
  Ack("b", 1, 2);
  EXPECT_EQ(Next(), "a:5-5");
}

TEST_F(LogSenderTest, OneWhoseAcknowledgementsStayAwayHoldsUpTheOthersOnlyForAMoment) {
  Make({.max_gather = absl::Milliseconds(20)});
  OpenStream(1 << 20);
  Write("stuck", "1\n");
  EXPECT_EQ(Next(), "stuck:1-1");
  Write("stuck", "2\n");
  EXPECT_EQ(Next(), "stuck:2-2");
  EXPECT_EQ(sender_->NextTryNs(), std::numeric_limits<int64_t>::max()) << "nothing waits";
  Write("b", "1\n");
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(sender_->NextTryNs(), now_ns_ + 20'000'000);
  now_ns_ = sender_->NextTryNs();
  EXPECT_EQ(Next(), "b:1-1");
  for (int seq = 2; seq < 50; ++seq) {
    Ack("b", seq - 1, 2);
    Write("b", "x\n");
    std::string sent = Next();
    if (sent.empty()) {
      now_ns_ = sender_->NextTryNs();
      sent = Next();
    }
    EXPECT_EQ(sent, absl::StrCat("b:", seq, "-", seq));
  }
}

TEST_F(LogSenderTest, AnAcknowledgementMayCoverSeveralMessages) {
  OpenStream(1 << 20);
  for (int seq = 1; seq < 20; seq += 2) {
    for (const int one : {seq, seq + 1}) {
      Write("a", "x\n");
      EXPECT_EQ(Next(), absl::StrCat("a:", one, "-", one));
    }
    Ack("a", seq + 1, 4);
  }
}

TEST_F(LogSenderTest, AnAcknowledgementThatCoversSeveralMessagesMakesRoomForAsMany) {
  Make({.max_small_batches = 3});
  OpenStream(1 << 20);
  for (const std::string id : {"a", "a", "b"}) {
    Write(id, "x\n");
    EXPECT_NE(Next(), "");
  }
  Ack("a", 2, 4);
  for (const std::string id : {"c", "d"}) {
    Write(id, "x\n");
    EXPECT_EQ(Next(), id + ":1-1") << "only b's is under way, and c's";
  }
  Write("e", "x\n");
  EXPECT_EQ(Next(), "");
}

TEST_F(LogSenderTest, LargeMessagesDoNotWaitForAcknowledgements) {
  Make({.small_batch_bytes = 1000});
  OpenStream(1 << 20);
  Write("a", "small\n");
  EXPECT_EQ(Next(), "a:1-1");
  for (int seq = 2; seq < 10; ++seq) {
    Write("a", std::string(2000, 'x'));
    EXPECT_EQ(Next(), absl::StrCat("a:", seq, "-", seq));
  }
}

TEST_F(LogSenderTest, ANewStreamWaitsForNoAcknowledgementOfTheOldOne) {
  OpenStream(1 << 20);
  for (int i = 0; i < 3; ++i) {
    Write("a", "x\n");
    Next();
  }
  sender_->OnStreamClosed();
  OpenStream(1 << 20);
  EXPECT_EQ(Next(), "a:1-3");
}

}  // namespace
}  // namespace cronium::agent
