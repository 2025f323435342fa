// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/tool_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "common/error.h"
#include "controller/actions/credential_rules.h"
#include "controller/store/sqlite/sqlite_store.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Response = absl::StatusOr<v1::ExecuteToolActionResponse>;

// Holds what it is to send until the test says how it went.
class FakeSender : public ActionSender {
 public:
  Id Send(const ActionPlan& plan, absl::Duration timeout,
          std::function<void(ActionResult)> done) override {
    sent.push_back(plan);
    timeouts.push_back(timeout);
    results.push_back(std::move(done));
    return ++last_id;
  }
  Id After(absl::Duration delay, std::function<void(bool)> done) override {
    pauses.push_back(delay);
    timers.push_back(std::move(done));
    return ++last_id;
  }
  void Cancel(Id id) override {
    cancelled.push_back(id);
    if (on_cancel) on_cancel();
  }

  void Answer(ActionResult result) {
    ASSERT_FALSE(results.empty()) << "nothing was sent";
    auto done = std::move(results.front());
    results.pop_front();
    done(std::move(result));
  }
  void Wake(bool passed = true) {
    ASSERT_FALSE(timers.empty());
    auto done = std::move(timers.front());
    timers.pop_front();
    done(passed);
  }

  std::vector<ActionPlan> sent;
  std::vector<absl::Duration> timeouts;
  std::vector<absl::Duration> pauses;
  std::vector<Id> cancelled;
  std::deque<std::function<void(ActionResult)>> results;
  std::deque<std::function<void(bool)>> timers;
  std::function<void()> on_cancel;
  Id last_id = 0;
};

ActionResult Success() {
  ActionResult result;
  result.success = true;
  result.status = 200;
  result.data_json = R"({"ok":true})";
  return result;
}
ActionResult Failure(absl::string_view code, std::optional<absl::Duration> retry_after = {}) {
  ActionResult result;
  result.code = std::string(code);
  result.error = "it went wrong";
  result.retry_after = retry_after;
  return result;
}

class ToolActionsTest : public testing::Test {
 protected:
  ToolActionsTest() : sealer_({*NewSealingKey()}) {
    store_ = *SqliteStore::Open({dir_.path() + "/db"});
    v1::Job job;
    job.set_id("job_1");
    job.set_namespace_("default");
    v1::Execution execution;
    execution.set_id("exec_1");
    execution.set_job_id("job_1");
    execution.set_state(v1::EXECUTION_STATE_RUNNING);
    Commit({InsertJob{job}, PutExecution{execution}});
    Restart();
  }

  std::vector<ChangeResult> Commit(std::vector<Change> changes) {
    auto results = store_->Commit(changes);
    EXPECT_TRUE(results.ok()) << results.status();
    return *std::move(results);
  }

  // As a controller that ended and began anew: only what was committed is known.
  void Restart() {
    ToolActions::Parts parts;
    parts.clock = &clock_;
    parts.store = store_.get();
    parts.commit = [this](std::vector<Change> changes, const auto& done) {
      auto results = store_->Commit(changes);
      done(std::move(results));
    };
    parts.sealer = &sealer_;
    parts.sender = &sender_;
    actions_ = std::make_unique<ToolActions>(options_, std::move(parts));
  }

  void AddSlack(const std::string& name, const std::string& name_space = "default") {
    v1::CredentialSecret secret;
    secret.mutable_slack()->set_bot_token("xoxb-deep-secret");
    InsertCredential insert;
    insert.credential.set_name(name);
    insert.credential.set_kind(KindOf(secret));
    insert.credential.add_namespaces(name_space);
    insert.sealed = *SealSecret(sealer_, insert.credential, secret);
    EXPECT_TRUE(Commit({insert})[0].ok());
  }

  static ToolActionCall SlackCall(const std::string& key = "key-1") {
    return {"exec_1", "job_1", "default", "slack", "send_message", R"({"channel":"c","text":"hi"})",
            key};
  }

  // Where the answer goes.
  struct Call {
    std::optional<Response> answer;
  };
  std::shared_ptr<Call> Execute(ToolActionCall call) {
    auto result = std::make_shared<Call>();
    actions_->Execute(std::move(call), [result](Response answer) {
      EXPECT_FALSE(result->answer.has_value()) << "answered twice";
      result->answer = std::move(answer);
    });
    return result;
  }

  std::vector<v1::AuditRecord> Audit() { return store_->ListAudit({})->items; }

  TempDir dir_ = TempDir::InMemory();
  FakeClock clock_;
  Sealer sealer_;
  std::unique_ptr<SqliteStore> store_;
  FakeSender sender_;
  ToolActionOptions options_;
  std::unique_ptr<ToolActions> actions_;
};

TEST_F(ToolActionsTest, WhatTheOtherSideAnsweredReachesTheScript) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  ASSERT_EQ(sender_.sent.size(), 1u);
  EXPECT_FALSE(call->answer.has_value());
  clock_.Advance(absl::Milliseconds(40));
  sender_.Answer(Success());
  ASSERT_TRUE(call->answer.has_value());
  ASSERT_TRUE(call->answer->ok()) << call->answer->status();
  EXPECT_TRUE((*call->answer)->success());
  EXPECT_EQ((*call->answer)->data_json(), R"({"ok":true})");
  EXPECT_EQ((*call->answer)->metadata_json(),
            R"({"tool":"slack","action":"send_message","credential":"slack",)"
            R"("target":"slack.com:443","status":200,"tries":1,"duration_ms":40})");
}

TEST_F(ToolActionsTest, TheIntentIsCommittedBeforeAnythingIsSent) {
  AddSlack("slack");
  Execute(SlackCall());
  const auto record = store_->FindIdempotencyRecord("exec_1", "key-1");
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_FALSE((*record)->done);
  sender_.Answer(Success());
  EXPECT_TRUE((*store_->FindIdempotencyRecord("exec_1", "key-1"))->done);
}

TEST_F(ToolActionsTest, ARepeatedCallGetsTheFirstAnswerAndSendsNothing) {
  AddSlack("slack");
  const auto first = Execute(SlackCall());
  const auto meanwhile = Execute(SlackCall());
  sender_.Answer(Success());
  ASSERT_TRUE(first->answer.has_value() && meanwhile->answer.has_value());
  Restart();
  const auto later = Execute(SlackCall());
  ASSERT_TRUE(later->answer.has_value());
  EXPECT_EQ((*later->answer)->SerializeAsString(), (*first->answer)->SerializeAsString());
  EXPECT_EQ(sender_.sent.size(), 1u);
  EXPECT_EQ(Audit().size(), 1u);
}

TEST_F(ToolActionsTest, ARepeatedCallGetsItsAnswerThoughTheCredentialIsGone) {
  AddSlack("slack");
  Execute(SlackCall());
  sender_.Answer(Success());
  Commit({DeleteCredential{"slack", ""}});
  const auto later = Execute(SlackCall());
  ASSERT_TRUE(later->answer.has_value());
  EXPECT_TRUE(later->answer->ok()) << later->answer->status();
}

TEST_F(ToolActionsTest, AKeyIsForOneCall) {
  AddSlack("slack");
  Execute(SlackCall());
  ToolActionCall other = SlackCall();
  other.params_json = R"({"channel":"c","text":"other"})";
  EXPECT_EQ(ErrorReason(Execute(other)->answer->status()), "IDEMPOTENCY_KEY_REUSED");
  sender_.Answer(Success());
  EXPECT_EQ(ErrorReason(Execute(other)->answer->status()), "IDEMPOTENCY_KEY_REUSED");
}

TEST_F(ToolActionsTest, WithoutAKeyEachCallSends) {
  AddSlack("slack");
  Execute(SlackCall(""));
  Execute(SlackCall(""));
  EXPECT_EQ(sender_.sent.size(), 2u);
  sender_.Answer(Success());
  sender_.Answer(Success());
}

TEST_F(ToolActionsTest, AfterACrashInBetweenTheOutcomeIsUnknownAndNothingIsSentAgain) {
  AddSlack("slack");
  // As the controller that died left it: the intent is there, and this process knows nothing of it.
  Execute(SlackCall());
  const IdempotencyKey begun{
      "exec_1", "key-2", (*store_->FindIdempotencyRecord("exec_1", "key-1"))->digest, clock_.Now()};
  sender_.Answer(Success());
  Commit({BeginEffect{begun}});
  Restart();
  for (int i = 0; i < 2; ++i) {
    const auto call = Execute(SlackCall("key-2"));
    ASSERT_TRUE(call->answer.has_value());
    EXPECT_EQ(call->answer->status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(ErrorReason(call->answer->status()), "OUTCOME_UNKNOWN");
  }
  EXPECT_EQ(sender_.sent.size(), 1u);
  ASSERT_EQ(Audit().size(), 2u);
  EXPECT_EQ(Audit()[0].outcome(), v1::AUDIT_OUTCOME_UNKNOWN);
  EXPECT_EQ(Audit()[0].target(), "slack.com:443");
}

TEST_F(ToolActionsTest, WhatMayBeSentAgainIsWithGrowingPauses) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  sender_.Answer(Failure("OUTBOUND_CONNECT_FAILED", absl::ZeroDuration()));
  sender_.Wake();
  sender_.Answer(Failure("ACTION_RATE_LIMITED", absl::Seconds(3)));
  sender_.Wake();
  EXPECT_FALSE(call->answer.has_value());
  sender_.Answer(Success());
  EXPECT_TRUE((*call->answer)->success());
  EXPECT_THAT(sender_.pauses, ElementsAre(absl::Milliseconds(250), absl::Seconds(3)));
  EXPECT_EQ(Audit()[0].tries(), 3);
}

TEST_F(ToolActionsTest, NoPauseGoesBeyondTheDeadline) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  clock_.Advance(absl::Seconds(15));
  sender_.Answer(Failure("ACTION_RATE_LIMITED", absl::Seconds(6)));
  ASSERT_TRUE(call->answer.has_value());
  EXPECT_FALSE((*call->answer)->success());
  EXPECT_EQ((*call->answer)->code(), "ACTION_RATE_LIMITED");
  EXPECT_EQ((*call->answer)->error(), "it went wrong");
}

TEST_F(ToolActionsTest, TriesHaveALimit) {
  options_.max_tries = 2;
  Restart();
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  sender_.Answer(Failure("OUTBOUND_CONNECT_FAILED", absl::ZeroDuration()));
  sender_.Wake();
  sender_.Answer(Failure("OUTBOUND_CONNECT_FAILED", absl::ZeroDuration()));
  EXPECT_EQ((*call->answer)->code(), "OUTBOUND_CONNECT_FAILED");
}

TEST_F(ToolActionsTest, ABrokenSendingIsAnOutcomeThatIsUnknown) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  ActionResult lost = Failure("OUTBOUND_CONNECTION_LOST");
  lost.outcome_unknown = true;
  sender_.Answer(lost);
  EXPECT_EQ(ErrorReason(call->answer->status()), "OUTCOME_UNKNOWN");
  EXPECT_EQ(Audit()[0].reason(), "OUTBOUND_CONNECTION_LOST");
  EXPECT_EQ(ErrorReason(Execute(SlackCall())->answer->status()), "OUTCOME_UNKNOWN");
}

TEST_F(ToolActionsTest, NoMoreThanTheLimitAreUnderWay) {
  options_.max_under_way = 1;
  Restart();
  AddSlack("slack");
  Execute(SlackCall("a"));
  const auto refused = Execute(SlackCall("b"));
  ASSERT_TRUE(refused->answer.has_value());
  EXPECT_EQ(refused->answer->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(refused->answer->status()), "TOO_MANY_ACTIONS");
  EXPECT_GT(RetryDelay(refused->answer->status()), absl::ZeroDuration());
  sender_.Answer(Success());
  Execute(SlackCall("b"));
  EXPECT_EQ(sender_.sent.size(), 2u);
  sender_.Answer(Success());
}

TEST_F(ToolActionsTest, TheCredentialIsTheNamedOneOrTheToolsOrTheOnlyOne) {
  AddSlack("alpha");
  Execute(SlackCall("1"));
  sender_.Answer(Success());
  AddSlack("beta");
  EXPECT_EQ(ErrorReason(Execute(SlackCall("2"))->answer->status()), "CREDENTIAL_AMBIGUOUS");
  ToolActionCall named = SlackCall("3");
  named.params_json = R"({"channel":"c","text":"hi","credential":"beta"})";
  Execute(named);
  sender_.Answer(Success());
  AddSlack("slack");
  Execute(SlackCall("4"));
  sender_.Answer(Success());
  std::vector<std::string> used;
  for (const v1::AuditRecord& record : Audit()) used.push_back(record.credential());
  EXPECT_THAT(used, ElementsAre("slack", "beta", "alpha"));
  EXPECT_TRUE(store_->GetCredential("beta")->credential.has_last_use_time());
}

TEST_F(ToolActionsTest, ACredentialThatIsMissingIsToldWithTheNextStep) {
  const auto call = Execute(SlackCall());
  EXPECT_EQ(ErrorReason(call->answer->status()), "CREDENTIAL_REQUIRED");
  EXPECT_THAT(std::string(call->answer->status().message()),
              HasSubstr("cronium credentials create slack --kind slack --grant default"));
  AddSlack("slack", "team-b");
  EXPECT_EQ(ErrorReason(Execute(SlackCall("2"))->answer->status()), "CREDENTIAL_NOT_GRANTED");
  ToolActionCall named = SlackCall("3");
  named.params_json = R"({"channel":"c","text":"hi","credential":"nobody"})";
  EXPECT_EQ(ErrorReason(Execute(named)->answer->status()), "CREDENTIAL_NOT_FOUND");
  named = SlackCall("4");
  AddSlack("mine");
  named.tool = "email";
  named.params_json = R"({"to":"a@b.org","body":"hi","credential":"mine"})";
  EXPECT_THAT(std::string(Execute(named)->answer->status().message()),
              HasSubstr("params.credential: mine is of the kind slack"));
  EXPECT_THAT(sender_.sent, IsEmpty());
}

TEST_F(ToolActionsTest, UnknownToolsAndBadKeysAreRefused) {
  ToolActionCall call = SlackCall();
  call.tool = "fax";
  EXPECT_EQ(ErrorReason(Execute(call)->answer->status()), "TOOL_NOT_FOUND");
  call = SlackCall();
  call.action = "shout";
  EXPECT_EQ(ErrorReason(Execute(call)->answer->status()), "TOOL_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Execute(SlackCall(std::string(129, 'k')))->answer->status()),
            "INVALID_REQUEST");
  EXPECT_EQ(ErrorReason(Execute(SlackCall("a\nb"))->answer->status()), "INVALID_REQUEST");
}

TEST_F(ToolActionsTest, AnswersAndRecordsHoldNoSecret) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  ActionResult echo = Failure("ACTION_REFUSED");
  echo.error = "you sent Bearer xoxb-deep-secret";
  echo.data_json = R"({"echo":"xoxb-deep-secret"})";
  sender_.Answer(echo);
  EXPECT_EQ((*call->answer)->error(), "you sent Bearer ***");
  EXPECT_EQ((*call->answer)->data_json(), R"({"echo":"***"})");
  EXPECT_THAT((*store_->FindIdempotencyRecord("exec_1", "key-1"))->result,
              Not(HasSubstr("deep-secret")));
  EXPECT_THAT(Audit()[0].DebugString(), Not(HasSubstr("deep-secret")));
}

TEST_F(ToolActionsTest, AnAnswerThatIsTooLargeToBeKeptIsToldOnce) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  ActionResult large = Success();
  large.data_json = "\"" + std::string(100'000, 'x') + "\"";
  sender_.Answer(large);
  EXPECT_EQ((*call->answer)->data_json().size(), 100'002u);
  EXPECT_THAT((*Execute(SlackCall())->answer)->data_json(), HasSubstr("omitted"));
}

TEST_F(ToolActionsTest, AnEndedExecutionSendsNothing) {
  AddSlack("slack");
  v1::Execution execution;
  execution.set_id("exec_1");
  execution.set_job_id("job_1");
  execution.set_state(v1::EXECUTION_STATE_SUCCEEDED);
  Commit({PutExecution{execution}});
  EXPECT_EQ(ErrorReason(Execute(SlackCall())->answer->status()), "EXECUTION_ENDED");
  EXPECT_THAT(sender_.sent, IsEmpty());
}

TEST_F(ToolActionsTest, OnceStoppedNothingMoreIsTaken) {
  AddSlack("slack");
  actions_->Stop(absl::ZeroDuration());
  const absl::Status status = Execute(SlackCall())->answer->status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(status), "CONTROLLER_STOPPING");
}

TEST_F(ToolActionsTest, StoppingBreaksOffWhatIsUnderWayAndAnswersIt) {
  AddSlack("slack");
  const auto call = Execute(SlackCall());
  // As the loop does: what is cancelled ends, on another thread.
  std::thread loop;
  sender_.on_cancel = [&] {
    loop = std::thread([this] {
      ActionResult broken = Failure("ACTION_FAILED");
      broken.outcome_unknown = true;
      sender_.Answer(broken);
    });
  };
  actions_->Stop(absl::ZeroDuration());
  loop.join();
  EXPECT_EQ(ErrorReason(call->answer->status()), "OUTCOME_UNKNOWN");
  EXPECT_EQ(sender_.cancelled.size(), 1u);
}

}  // namespace
}  // namespace cronium::controller
