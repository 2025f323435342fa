// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "common/error.h"
#include "tests/tools/cronium/scripted_client.h"
#include "tools/cronium/backoff.h"
#include "tools/cronium/cancellation.h"
#include "tools/cronium/interrupts.h"
#include "tools/cronium/retrying_client.h"

namespace cronium::cli {
namespace {

class RetryingClientTest : public testing::Test {
 protected:
  RetryingClientTest() {
    auto inner = std::make_unique<ScriptedClient>();
    inner_ = inner.get();
    RetryOptions options;
    options.retry_for = absl::Seconds(10);
    options.clock = &clock_;
    options.pause = [this](absl::Duration time) {
      pauses_.push_back(time);
      clock_.Advance(time);
      return keep_trying_;
    };
    options.on_retry = [this](const absl::Status&) { ++told_; };
    client_ = WithRetries(std::move(inner), std::move(options));
  }

  FakeClock clock_;
  ScriptedClient* inner_;
  std::unique_ptr<Client> client_;
  std::vector<absl::Duration> pauses_;
  bool keep_trying_ = true;
  int told_ = 0;
};

TEST_F(RetryingClientTest, RepeatsAfterLostContactAndTellsOnce) {
  inner_->answers = {absl::UnavailableError("x"), absl::DeadlineExceededError("x")};
  EXPECT_TRUE(client_->GetJob({}).ok());
  EXPECT_EQ(inner_->calls, 3);
  EXPECT_EQ(told_, 1);
}

TEST_F(RetryingClientTest, GivesUpWhenTheTimeIsOver) {
  for (int i = 0; i < 1000; ++i) inner_->answers.push_back(absl::UnavailableError("x"));
  EXPECT_EQ(client_->GetJob({}).status(), absl::UnavailableError("x"));
  absl::Duration sum;
  for (const absl::Duration pause : pauses_) sum += pause;
  EXPECT_GE(sum, absl::Seconds(10));
  EXPECT_LT(sum, absl::Seconds(10) + absl::Milliseconds(1));
}

TEST_F(RetryingClientTest, StopsAtOnceWhenThePauseIsCutShort) {
  inner_->answers = {absl::UnavailableError("x")};
  keep_trying_ = false;
  EXPECT_FALSE(client_->GetJob({}).ok());
  EXPECT_EQ(inner_->calls, 1);
}

TEST_F(RetryingClientTest, LeavesAnswersAlone) {
  inner_->answers = {absl::NotFoundError("x")};
  EXPECT_FALSE(client_->GetJob({}).ok());
  EXPECT_EQ(inner_->calls, 1);
}

TEST_F(RetryingClientTest, WaitsForAsLongAsTheControllerAsks) {
  inner_->answers = {MakeRetryableError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "full",
                                        absl::Seconds(2))};
  v1::CreateJobRequest request;
  request.set_request_id("r");
  EXPECT_TRUE(client_->CreateJob(request).ok());
  EXPECT_EQ(pauses_, std::vector<absl::Duration>{absl::Seconds(2)});
}

TEST_F(RetryingClientTest, NeverRepeatsWhatIsNotSafeToRepeat) {
  inner_->answers = {absl::UnavailableError("x")};
  EXPECT_FALSE(client_->CreateJob({}).ok()) << "no request_id";
  inner_->answers = {absl::UnavailableError("x")};
  EXPECT_FALSE(client_->DeleteVariable({}).ok());
  inner_->answers = {absl::UnavailableError("x")};
  v1::SetVariableRequest request;
  request.set_etag("1");
  EXPECT_FALSE(client_->SetVariable(request).ok());
  EXPECT_EQ(inner_->calls, 3);
}

TEST(Backoff, DoublesUpToALimitWithARandomPartOff) {
  FakeClock clock;
  double random = 0;
  Backoff backoff(absl::Minutes(5), &clock, [&] { return random; });
  EXPECT_EQ(*backoff.NextPause(), absl::Milliseconds(100));
  EXPECT_EQ(*backoff.NextPause(), absl::Milliseconds(200));
  random = 0.5;
  EXPECT_EQ(*backoff.NextPause(), absl::Milliseconds(300));
  for (int i = 0; i < 10; ++i) backoff.NextPause();
  EXPECT_EQ(*backoff.NextPause(), absl::Milliseconds(2250));
  backoff.Reset();
  random = 0;
  EXPECT_EQ(*backoff.NextPause(), absl::Milliseconds(100));
}

TEST(Backoff, CountsItsTimeFromTheFirstFailureOfTheRow) {
  FakeClock clock;
  Backoff backoff(absl::Seconds(1), &clock, [] { return 0.0; });
  EXPECT_TRUE(backoff.NextPause().has_value());
  clock.Advance(absl::Seconds(1));
  EXPECT_FALSE(backoff.NextPause().has_value());
  backoff.Reset();
  clock.Advance(absl::Hours(1));
  EXPECT_TRUE(backoff.NextPause().has_value());
}

TEST(Cancellation, EndsAPauseAndRunsCallbacks) {
  Cancellation cancellation;
  int called = 0;
  {
    const Cancellation::Scope gone(&cancellation, [&] { called += 100; });
  }
  const Cancellation::Scope scope(&cancellation, [&] { ++called; });
  std::thread other([&] { cancellation.Cancel(); });
  EXPECT_FALSE(cancellation.Pause(absl::Hours(1)));
  other.join();
  EXPECT_EQ(called, 1);
  const Cancellation::Scope late(&cancellation, [&] { called += 10; });
  EXPECT_EQ(called, 11);
}

using Action = InterruptPolicy::Action;

TEST(InterruptPolicy, AsksFirstAndCancelsOnTheSecondCtrlC) {
  InterruptPolicy policy(/*can_ask=*/true);
  EXPECT_EQ(policy.OnJobKnown(), Action::kNone);
  EXPECT_EQ(policy.OnInterrupt(), Action::kAsk);
  EXPECT_EQ(policy.OnInterrupt(), Action::kCancel);
  EXPECT_EQ(policy.OnInterrupt(), Action::kLeave);
}

TEST(InterruptPolicy, DoesAsAnswered) {
  InterruptPolicy policy(/*can_ask=*/true);
  policy.OnJobKnown();
  EXPECT_EQ(policy.OnAnswer("d\n"), Action::kNone) << "nothing was asked";
  policy.OnInterrupt();
  EXPECT_TRUE(policy.asking());
  EXPECT_EQ(policy.OnAnswer("\n"), Action::kGoOn);
  EXPECT_FALSE(policy.asking());
  policy.OnInterrupt();
  EXPECT_EQ(policy.OnAnswer(" D \n"), Action::kDetach);
  policy.OnInterrupt();
  EXPECT_EQ(policy.OnAnswer("cancel\n"), Action::kCancel);
}

TEST(InterruptPolicy, CancelsAtOnceWhereNobodyCanBeAsked) {
  InterruptPolicy policy(/*can_ask=*/false);
  policy.OnJobKnown();
  EXPECT_EQ(policy.OnInterrupt(), Action::kCancel);
  EXPECT_EQ(policy.OnInterrupt(), Action::kLeave);
}

TEST(InterruptPolicy, RemembersACtrlCThatCameBeforeTheJobWasKnown) {
  InterruptPolicy policy(/*can_ask=*/true);
  EXPECT_EQ(policy.OnInterrupt(), Action::kCancelLater);
  EXPECT_EQ(policy.OnJobKnown(), Action::kCancel);
}

TEST(InterruptPolicy, TakesSigtermAsACancelEvenAtATerminal) {
  InterruptPolicy policy(/*can_ask=*/true);
  policy.OnJobKnown();
  EXPECT_EQ(policy.OnTerminate(), Action::kCancel);
}

}  // namespace
}  // namespace cronium::cli
