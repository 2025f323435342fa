// SPDX-License-Identifier: Apache-2.0
// Reads of variables on their way to the controller: one call carries those that come together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/mutex.h"
#include "common/rpc/credentials.h"
#include "runtime-gateway/metrics/metrics.h"
#include "runtime-gateway/upstream/controller_client.h"
#include "tests/runtime-gateway/http/fake_controller.h"

namespace cronium::gateway {
namespace {

class ReadsTest : public testing::Test {
 protected:
  ReadsTest() {
    TokenClaims claims;
    claims.execution_id = "exec_0aZ9zA0aZ9zA";
    claims.issued_at = absl::Now();
    claims.not_before = absl::Now() - absl::Minutes(1);
    claims.expires_at = absl::Now() + absl::Hours(1);
    token_ = service_->Sign(claims);
    for (int i = 0; i < 300; ++i) service_->SetVariable(Key(i), absl::StrCat(i));
    ConnectFor(absl::Seconds(25));
  }
  ~ReadsTest() override {
    service_->Hold(false);
    client_.reset();
  }

  static std::string Key(int i) { return absl::StrCat("key-", i); }

  void ConnectFor(absl::Duration retry_for) {
    ControllerClientOptions options;
    options.retry_for = retry_for;
    options.dev_node = "web-1";
    client_ = std::make_unique<ControllerClient>(
        grpc::CreateCustomChannel(controller_.address(), DevChannelCredentials(),
                                  ClientChannelArguments(/*own_connection=*/true)),
        options, &metrics_);
  }

  void Read(const std::string& key, const std::string& token) {
    size_t index;
    {
      MutexLock lock(&mutex_);
      index = results_.size();
      results_.emplace_back(absl::UnknownError("not answered"));
      ++under_way_;
    }
    client_->ReadVariable(token, key, [this, index](absl::StatusOr<v1::Variable> variable) {
      MutexLock lock(&mutex_);
      results_[index] = std::move(variable);
      if (--under_way_ == 0) none_.NotifyAll();
    });
  }
  void Read(int i) { Read(Key(i), token_); }

  // In the order of the reads.
  std::vector<absl::StatusOr<v1::Variable>> Results() {
    MutexLock lock(&mutex_);
    while (under_way_ > 0) none_.Wait(&mutex_);
    return results_;
  }

  FakeController controller_;
  FakeRuntimeService* const service_ = controller_.service();
  Metrics metrics_;
  std::string token_;
  std::unique_ptr<ControllerClient> client_;

  Mutex mutex_;
  CondVar none_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<absl::StatusOr<v1::Variable>> results_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(ReadsTest, AReadAloneIsMadeAtOnce) {
  Read(7);
  const auto results = Results();
  ASSERT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_EQ(results[0]->key(), Key(7));
  EXPECT_EQ(results[0]->value_json(), "7");
  EXPECT_EQ(service_->most_reads(), 1);
}

TEST_F(ReadsTest, ReadsThatComeWhileCallsAreUnderWayShareTheNext) {
  service_->Hold(true);
  for (int i = 0; i < 2; ++i) Read(i);
  service_->AwaitHeld(2);
  for (int i = 2; i < 52; ++i) Read(i);
  service_->Hold(false);
  const auto results = Results();
  for (int i = 0; i < 52; ++i) {
    ASSERT_TRUE(results[i].ok()) << results[i].status();
    EXPECT_EQ(results[i]->value_json(), absl::StrCat(i));
  }
  EXPECT_EQ(service_->calls(), 3);
  EXPECT_EQ(service_->most_reads(), 50);
}

TEST_F(ReadsTest, EachReadSeesWhatWasSetBeforeItWasAskedFor) {
  service_->Hold(true);
  for (int i = 0; i < 2; ++i) Read(i);
  service_->AwaitHeld(2);
  service_->SetVariable(Key(5), "\"new\"");
  Read(5);
  service_->Hold(false);
  EXPECT_EQ(Results()[2]->value_json(), "\"new\"");
}

TEST_F(ReadsTest, OneThatIsRefusedSpoilsNoOther) {
  service_->Hold(true);
  for (int i = 0; i < 2; ++i) Read(i);
  service_->AwaitHeld(2);
  Read("missing", token_);
  Read(Key(3), "forged");
  Read(4);
  service_->Hold(false);
  const auto results = Results();
  EXPECT_EQ(ErrorReason(results[2].status()), "VARIABLE_NOT_FOUND");
  EXPECT_EQ(ErrorReason(results[3].status()), "TOKEN_INVALID");
  ASSERT_TRUE(results[4].ok()) << results[4].status();
  EXPECT_EQ(results[4]->value_json(), "4");
  EXPECT_EQ(service_->most_reads(), 3);
}

TEST_F(ReadsTest, WhatACallDoesNotAnswerIsAskedForAgain) {
  service_->AnswerAtMost(3);
  service_->Hold(true);
  for (int i = 0; i < 2; ++i) Read(i);
  service_->AwaitHeld(2);
  for (int i = 2; i < 20; ++i) Read(i);
  service_->Hold(false);
  const auto results = Results();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(results[i].ok()) << results[i].status();
    EXPECT_EQ(results[i]->value_json(), absl::StrCat(i));
  }
}

TEST_F(ReadsTest, AnAnswerWithNothingIsAnErrorAndNoLoop) {
  service_->AnswerAtMost(0);
  Read(1);
  EXPECT_EQ(Results()[0].status().code(), absl::StatusCode::kInternal);
}

TEST_F(ReadsTest, MoreThanOneCallCarriesGoOnInSeveral) {
  service_->Hold(true);
  for (int i = 0; i < 2; ++i) Read(i);
  service_->AwaitHeld(2);
  for (int i = 2; i < 300; ++i) Read(i);
  service_->Hold(false);
  const auto results = Results();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(results[i].ok()) << results[i].status();
    EXPECT_EQ(results[i]->value_json(), absl::StrCat(i));
  }
  EXPECT_LE(service_->most_reads(), 256);
}

TEST_F(ReadsTest, ReadsWaitForAControllerThatIsAway) {
  controller_.GoAway();
  for (int i = 0; i < 10; ++i) Read(i);
  controller_.ComeBack();
  for (const auto& result : Results()) EXPECT_TRUE(result.ok()) << result.status();
}

TEST_F(ReadsTest, ReadsEndWithTheirTimeWhereTheControllerStaysAway) {
  ConnectFor(absl::Milliseconds(300));
  controller_.GoAway();
  for (int i = 0; i < 10; ++i) Read(i);
  for (const auto& result : Results()) {
    EXPECT_TRUE(absl::IsUnavailable(result.status()) || absl::IsDeadlineExceeded(result.status()))
        << result.status();
    EXPECT_EQ(ErrorReason(result.status()), "");
  }
}

TEST_F(ReadsTest, ShutdownEndsThoseUnderWayAndThoseThatWait) {
  service_->Hold(true);
  for (int i = 0; i < 10; ++i) Read(i);
  service_->AwaitHeld(2);
  client_->Shutdown();
  for (const auto& result : Results()) {
    EXPECT_EQ(ErrorReason(result.status()), "GATEWAY_STOPPING") << result.status();
  }
}

}  // namespace
}  // namespace cronium::gateway
