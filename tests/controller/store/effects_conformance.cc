// SPDX-License-Identifier: Apache-2.0
// What scripts' calls change: counting, appending, and each of them once for each key.
#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/controller/store/messages.h"
#include "tests/controller/store/store_conformance.h"

namespace cronium::controller {
namespace {

IncrementVariable MakeIncrement(const std::string& key, const std::string& by,
                                IdempotencyKey once = {}) {
  return {.variable = MakeSet(key, "").variable, .by_json = by, .once = std::move(once)};
}

AppendVariable MakeAppend(const std::string& key, const std::string& text,
                          const std::string& separator, IdempotencyKey once = {}) {
  return {.variable = MakeSet(key, "").variable,
          .text_json = text,
          .separator_json = separator,
          .once = std::move(once)};
}

v1::Variable ReadResult(const ChangeResult& result) {
  v1::Variable variable;
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(variable.ParseFromString(result.value_or("")));
  return variable;
}

constexpr char kDigest[] = "0123456789abcdef0123456789abcdef";

IdempotencyKey Key(const std::string& key, const std::string& digest = kDigest,
                   absl::Time time = absl::FromUnixSeconds(1000)) {
  return {.execution_id = "exec_a", .key = key, .digest = digest, .time = time};
}

}  // namespace

void EffectsConformance::SetUp() {
  StoreConformance::SetUp();
  CommitOne(InsertJob{MakeJob("job_a")});
  CommitOne(PutExecution{MakeExecution("exec_a", "job_a", 1)});
}

void EffectsConformance::End(int64_t end_time_s) {
  v1::Execution execution = MakeExecution("exec_a", "job_a", 1);
  execution.set_state(v1::EXECUTION_STATE_SUCCEEDED);
  execution.mutable_end_time()->set_seconds(end_time_s);
  CommitOne(PutExecution{execution});
}

std::string EffectsConformance::Value(const std::string& key) {
  const auto variable = store().GetVariable("default", key);
  return variable.ok() ? variable->value_json() : "not there";
}

// ---- Counting and appending

TEST_P(EffectsConformance, IncrementsOfOneCommitAddUpAndTellTheirValues) {
  const auto results = Commit({MakeIncrement("n", "1"), MakeIncrement("n", "41"),
                               MakeSet("n", "9007199254740993"), MakeIncrement("n", "-2")});
  EXPECT_EQ(ReadResult(results[0]).value_json(), "1");
  EXPECT_EQ(ReadResult(results[1]).value_json(), "42");
  EXPECT_EQ(ReadResult(results[3]).value_json(), "9007199254740991");
  const auto variable = store().GetVariable("default", "n");
  EXPECT_EQ(variable->value_json(), "9007199254740991");
  EXPECT_EQ(variable->etag(), ReadResult(results[3]).etag());
  EXPECT_EQ(variable->updater(), "token-a");
}

TEST_P(EffectsConformance, AnIncrementThatCannotBeMadeLeavesTheValueAndTheOthersAlone) {
  CommitOne(MakeSet("text", "\"1\""));
  CommitOne(MakeSet("most", "18446744073709551615"));
  const auto results =
      Commit({MakeIncrement("text", "1"), MakeIncrement("most", "1"), MakeIncrement("n", "1")});
  EXPECT_THAT(results[0],
              FailsWith(absl::StatusCode::kFailedPrecondition, "VARIABLE_NOT_A_NUMBER"));
  EXPECT_THAT(results[1], FailsWith(absl::StatusCode::kOutOfRange, "VARIABLE_OUT_OF_RANGE"));
  EXPECT_TRUE(results[2].ok());
  EXPECT_EQ(store().GetVariable("default", "most")->value_json(), "18446744073709551615");
}

TEST_P(EffectsConformance, AppendsOfOneCommitFollowEachOtherAndKeepWhatWasThereByteForByte) {
  const auto results =
      Commit({MakeAppend("s", "\"a\\u00e9\"", "\", \""), MakeAppend("s", "\"b\"", "\", \""),
              MakeSet("x", "7"), MakeAppend("x", "\"b\"", "\"\"")});
  EXPECT_EQ(store().GetVariable("default", "s")->value_json(), "\"a\\u00e9, b\"");
  EXPECT_EQ(store().GetVariable("default", "s")->etag(), *results[1]);
  EXPECT_THAT(results[3],
              FailsWith(absl::StatusCode::kFailedPrecondition, "VARIABLE_NOT_A_STRING"));
}

// ---- Idempotency

TEST_P(EffectsConformance, ARepeatedChangeIsMadeOnceAndAnsweredAsBeforeAlsoAfterReopening) {
  const std::string first = CommitOne(MakeIncrement("n", "5", Key("k1")));
  Reopen();
  EXPECT_EQ(CommitOne(MakeIncrement("n", "5", Key("k1"))), first);
  EXPECT_EQ(Value("n"), "5");
  CommitOne(MakeIncrement("n", "5", Key("k2")));
  EXPECT_EQ(Value("n"), "10");
  EXPECT_EQ(CommitOne(MakeIncrement("n", "5", Key("k1"))), first) << "the first answer, not a new";
}

TEST_P(EffectsConformance, TwoChangesWithOneKeyInOneCommitAreOne) {
  const auto results = Commit({MakeIncrement("n", "1", Key("k")), MakeIncrement("n", "1", Key("k")),
                               MakeAppend("s", "\"x\"", "\"\"", Key("s")),
                               MakeAppend("s", "\"x\"", "\"\"", Key("s"))});
  EXPECT_EQ(*results[0], *results[1]);
  EXPECT_EQ(*results[2], *results[3]);
  EXPECT_EQ(Value("n"), "1");
  EXPECT_EQ(Value("s"), "\"x\"");
}

TEST_P(EffectsConformance, ARepeatedSetOrDeleteDoesNotUndoWhatCameBetween) {
  SetVariable set = MakeSet("v", "1");
  set.once = Key("set");
  const std::string etag = CommitOne(set);
  CommitOne(MakeSet("v", "2"));
  EXPECT_EQ(CommitOne(set), etag);
  EXPECT_EQ(Value("v"), "2");

  const DeleteVariable remove{"default", "v", "", Key("delete")};
  CommitOne(remove);
  CommitOne(MakeSet("v", "3"));
  CommitOne(remove);
  EXPECT_EQ(Value("v"), "3");

  CommitOne(PutOutput{"exec_a", "1", Key("output")});
  CommitOne(PutOutput{"exec_a", "2", Key("output2")});
  CommitOne(PutOutput{"exec_a", "1", Key("output")});
  EXPECT_EQ(store().GetExecution("exec_a")->output_json(), "2");
  EXPECT_EQ(CommitOne(PutCondition{"exec_a", true, Key("condition")}), "made");
  CommitOne(PutCondition{"exec_a", false, Key("condition2")});
  EXPECT_EQ(CommitOne(PutCondition{"exec_a", true, Key("condition")}), "");
  EXPECT_FALSE(store().GetExecution("exec_a")->condition());
}

TEST_P(EffectsConformance, AKeyIsNotTakenForAnotherCall) {
  CommitOne(MakeIncrement("n", "1", Key("k")));
  const auto results =
      Commit({MakeIncrement("n", "2", Key("k", "another digest of what is wanted")),
              MakeIncrement("n", "10", Key("other"))});
  EXPECT_THAT(results[0], FailsWith(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
  EXPECT_EQ(Value("n"), "11");
}

TEST_P(EffectsConformance, KeysOfExecutionsDoNotMeet) {
  CommitOne(PutExecution{MakeExecution("exec_b", "job_a", 2)});
  CommitOne(MakeIncrement("n", "1", Key("k")));
  IdempotencyKey other = Key("k");
  other.execution_id = "exec_b";
  CommitOne(MakeIncrement("n", "1", other));
  EXPECT_EQ(Value("n"), "2");
}

TEST_P(EffectsConformance, ARefusedChangeLeavesItsKeyFree) {
  const DeleteVariable remove{"default", "v", "", Key("k")};
  EXPECT_THAT(Commit({remove})[0], FailsWith(absl::StatusCode::kNotFound, "VARIABLE_NOT_FOUND"));
  EXPECT_FALSE(store().FindIdempotencyRecord("exec_a", "k")->has_value());
  CommitOne(MakeSet("v", "1"));
  CommitOne(remove);
  EXPECT_EQ(Value("v"), "not there");
}

TEST_P(EffectsConformance, AnEndedOrUnknownExecutionChangesNothing) {
  End(1000);
  IdempotencyKey nobody = Key("k");
  nobody.execution_id = "exec_none";
  const auto results = Commit({MakeIncrement("n", "1", Key("k")), PutOutput{"exec_a", "1"},
                               PutCondition{"exec_a", true}, BeginEffect{Key("k")},
                               MakeIncrement("n", "1", nobody), PutOutput{"exec_none", "1"}});
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(results[i], FailsWith(absl::StatusCode::kPermissionDenied, "EXECUTION_ENDED"));
  }
  for (int i = 4; i < 6; ++i) {
    EXPECT_THAT(results[i], FailsWith(absl::StatusCode::kNotFound, "EXECUTION_NOT_FOUND"));
  }
  EXPECT_EQ(Value("n"), "not there");
}

TEST_P(EffectsConformance, AConditionIsReadWithItsExecutionWhoseRowDoesNotHoldIt) {
  EXPECT_FALSE(store().GetExecution("exec_a")->has_condition());
  CommitOne(PutCondition{"exec_a", false});
  CommitOne(PutExecution{MakeExecution("exec_a", "job_a", 1)});
  Reopen();
  EXPECT_TRUE(store().GetExecution("exec_a")->has_condition());
  EXPECT_FALSE(store().GetExecution("exec_a")->condition());
  CommitOne(PutCondition{"exec_a", true});
  EXPECT_TRUE((*store().ListExecutions("job_a"))[0].condition());
  EXPECT_TRUE(store().LoadLiveState()->executions[0].condition());
}

TEST_P(EffectsConformance, AnOutsideEffectIsBegunOnceAndItsOutcomeIsKept) {
  CommitOne(BeginEffect{Key("mail")});
  Reopen();
  auto record = store().FindIdempotencyRecord("exec_a", "mail");
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_FALSE((*record)->done);
  EXPECT_EQ((*record)->digest, kDigest);
  EXPECT_THAT(Commit({BeginEffect{Key("mail")}})[0],
              FailsWith(absl::StatusCode::kAlreadyExists, "EFFECT_BEGUN"));
  EXPECT_THAT(Commit({BeginEffect{Key("mail", "another digest of what is wanted")}})[0],
              FailsWith(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED"));

  End(1000);
  CommitOne(FinishEffect{Key("mail"), "sent"});
  record = store().FindIdempotencyRecord("exec_a", "mail");
  EXPECT_TRUE((*record)->done);
  EXPECT_EQ((*record)->result, "sent");
  EXPECT_THAT(Commit({FinishEffect{Key("mail"), "sent again"}})[0],
              FailsWith(absl::StatusCode::kNotFound, "EFFECT_NOT_BEGUN"));
  EXPECT_THAT(Commit({CancelEffect{Key("mail")}})[0],
              FailsWith(absl::StatusCode::kNotFound, "EFFECT_NOT_BEGUN"));
}

TEST_P(EffectsConformance, ACancelledEffectMayBeBegunAgain) {
  CommitOne(BeginEffect{Key("mail")});
  CommitOne(CancelEffect{Key("mail")});
  EXPECT_FALSE(store().FindIdempotencyRecord("exec_a", "mail")->has_value());
  CommitOne(BeginEffect{Key("mail")});
  EXPECT_TRUE(store().FindIdempotencyRecord("exec_a", "mail")->has_value());
}

TEST_P(EffectsConformance, RecordsAreSweptInBatchesAfterTheirExecutionsEnd) {
  for (int i = 0; i < 5; ++i) CommitOne(MakeIncrement("n", "1", Key(absl::StrCat("k", i))));
  const auto sweep = [&](int64_t ended_before_s, int limit) {
    return CommitOne(SweepIdempotencyRecords{absl::FromUnixSeconds(ended_before_s), limit});
  };
  EXPECT_EQ(sweep(1'000'000, 10), "0") << "the execution lives";
  End(2000);
  EXPECT_EQ(sweep(2000, 10), "0");
  EXPECT_EQ(sweep(2001, 3), "3");
  EXPECT_EQ(sweep(2001, 3), "2");
  EXPECT_EQ(sweep(2001, 3), "0");
  EXPECT_FALSE(store().FindIdempotencyRecord("exec_a", "k4")->has_value());
}

TEST_P(EffectsConformance, AtTheLimitOldRecordsGiveWayAndYoungOnesDoNot) {
  const absl::Time start = absl::FromUnixSeconds(1'000'000);
  std::vector<Change> changes;
  changes.push_back(BeginEffect{Key("intent", kDigest, start)});
  for (int i = 1; i < kMaxIdempotencyKeys; ++i) {
    SetVariable set = MakeSet("v", "1");
    set.once = Key(absl::StrCat("k", i), kDigest, start);
    changes.push_back(std::move(set));
  }
  Commit(std::move(changes));
  const absl::Time later = start + kMinIdempotencyAge;
  EXPECT_THAT(Commit({MakeIncrement("n", "1", Key("new", kDigest, later))})[0],
              FailsWith(absl::StatusCode::kResourceExhausted, "IDEMPOTENCY_KEYS_EXHAUSTED"));
  EXPECT_EQ(Value("n"), "not there");
  CommitOne(MakeIncrement("n", "1", Key("new", kDigest, later + absl::Seconds(1))));
  EXPECT_EQ(Value("n"), "1");
  EXPECT_TRUE(store().FindIdempotencyRecord("exec_a", "intent")->has_value());
}

}  // namespace cronium::controller
