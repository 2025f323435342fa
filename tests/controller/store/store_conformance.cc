// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/store/store_conformance.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/controller/store/messages.h"

namespace cronium::controller {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> Ids(const absl::StatusOr<Page<v1::Job>>& page) {
  std::vector<std::string> ids;
  EXPECT_TRUE(page.ok()) << page.status();
  if (page.ok()) {
    for (const v1::Job& job : page->items) ids.push_back(job.id());
  }
  return ids;
}

std::vector<std::string> Keys(const Page<v1::Variable>& page) {
  std::vector<std::string> keys;
  for (const v1::Variable& variable : page.items) keys.push_back(variable.key());
  return keys;
}

MATCHER_P(SameProto, expected, "") {
  std::string differences;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&differences);
  const bool same = differencer.Compare(expected, arg);
  *result_listener << differences;
  return same;
}

}  // namespace

std::vector<ChangeResult> StoreConformance::Commit(std::vector<Change> changes) {
  auto results = store().Commit(changes);
  EXPECT_TRUE(results.ok()) << results.status();
  if (!results.ok()) return {};
  EXPECT_EQ(results->size(), changes.size());
  return *std::move(results);
}

std::string StoreConformance::CommitOne(Change change) {
  std::vector<Change> changes;
  changes.push_back(std::move(change));
  std::vector<ChangeResult> results = Commit(std::move(changes));
  if (results.size() != 1) return "";
  EXPECT_TRUE(results[0].ok()) << results[0].status();
  return results[0].value_or("");
}

// ---- Retention

// A job that has ended at end_ns, with its execution.
void StoreConformance::EndedJob(const std::string& id, int64_t create_ns, int64_t end_ns,
                                const std::string& name_space, const std::string& output) {
  v1::Job job = MakeJob(id, create_ns, name_space);
  job.set_request_id(absl::StrCat("request-", id));
  (*job.mutable_spec()->mutable_labels())["team"] = "a";
  CommitOne(InsertJob{job});
  v1::Execution execution = MakeExecution(absl::StrCat("exec_", id), id);
  execution.mutable_assign_time()->set_seconds(create_ns / kSecond);
  CommitOne(PutExecution{execution});
  // One output replaces another.
  CommitOne(PutOutput{execution.id(), "1234567"});
  CommitOne(PutOutput{execution.id(), output});
  execution.set_state(v1::EXECUTION_STATE_SUCCEEDED);
  CommitOne(PutExecution{execution});
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  job.mutable_end_time()->set_seconds(end_ns / kSecond);
  job.mutable_end_time()->set_nanos(static_cast<int>(end_ns % kSecond));
  CommitOne(UpdateJob{job});
}

TEST_P(StoreConformance, ADeletedJobIsGoneWithAllThatBelongsToIt) {
  EndedJob("job_a", 5, 6);
  EndedJob("job_b", 7, 8);
  CommitOne(DeleteEndedJob{"job_a"});
  EXPECT_THAT(store().GetJob("job_a"), FailsWith(absl::StatusCode::kNotFound, "JOB_NOT_FOUND"));
  EXPECT_THAT(store().GetExecution("exec_job_a"),
              FailsWith(absl::StatusCode::kNotFound, "EXECUTION_NOT_FOUND"));
  EXPECT_THAT(*store().ListExecutions("job_a"), IsEmpty());
  EXPECT_FALSE(store().FindJobByRequestId("default", "request-job_a")->has_value());
  JobQuery by_label;
  by_label.name_space = "default";
  by_label.labels = {{"team", "a"}};
  EXPECT_THAT(Ids(store().ListJobs(by_label)), ElementsAre("job_b"));
  // Its request id is free again.
  v1::Job again = MakeJob("job_c", 9);
  again.set_request_id("request-job_a");
  CommitOne(InsertJob{again});
}

TEST_P(StoreConformance, AJobThatLivesIsNotDeletedAndOneThatIsGoneIsNoError) {
  CommitOne(InsertJob{MakeJob("job_a", 5)});
  CommitOne(DeleteEndedJob{"job_a"});
  EXPECT_TRUE(store().GetJob("job_a").ok());
  CommitOne(DeleteEndedJob{"job_z"});
}

TEST_P(StoreConformance, EndedJobsAreCountedAndListedByTheirEndsInTheirNamespace) {
  EndedJob("job_a", 1, 30);
  EndedJob("job_b", 2, 10);
  EndedJob("job_c", 3, 20);
  EndedJob("job_d", 4, 5, "other");
  CommitOne(InsertJob{MakeJob("job_live", 6)});

  EXPECT_THAT(*store().ListNamespaces(), ElementsAre("default", "other"));
  const auto usage = store().GetEndedJobsUsage("default");
  EXPECT_EQ(usage->jobs, 3);
  // Specs, and outputs of five bytes.
  const int64_t spec_bytes = static_cast<int64_t>(store().GetJob("job_a")->spec().ByteSizeLong());
  EXPECT_EQ(usage->bytes, 3 * (spec_bytes + 5));
  EXPECT_EQ(store().GetEndedJobsUsage("nobody")->jobs, 0);

  const auto oldest = store().ListEndedJobs("default", 2);
  ASSERT_THAT(*oldest, SizeIs(2));
  EXPECT_EQ((*oldest)[0].id, "job_b");
  EXPECT_EQ((*oldest)[0].request_id, "request-job_b");
  EXPECT_EQ((*oldest)[0].end_time, absl::FromUnixNanos(10));
  EXPECT_EQ((*oldest)[0].bytes, spec_bytes + 5);
  EXPECT_EQ((*oldest)[1].id, "job_c");
}

TEST_P(StoreConformance, TheLogsOfJobsThatLiveAreHeldAllTheirAttempts) {
  EXPECT_FALSE(store().GetLogHolders("default")->oldest_job.has_value());
  EndedJob("job_a", 7 * kSecond, 8 * kSecond);
  CommitOne(InsertJob{MakeJob("job_live", 9 * kSecond)});
  v1::Execution lost = MakeExecution("exec_1", "job_live");
  lost.mutable_assign_time()->set_seconds(10);
  lost.set_state(v1::EXECUTION_STATE_LOST);
  CommitOne(PutExecution{lost});
  v1::Execution live = MakeExecution("exec_2", "job_live", 2);
  live.mutable_assign_time()->set_seconds(20);
  CommitOne(PutExecution{live});

  const auto holders = store().GetLogHolders("default");
  EXPECT_EQ(holders->oldest_job, absl::FromUnixSeconds(7));
  EXPECT_THAT(holders->live,
              testing::UnorderedElementsAre(absl::FromUnixSeconds(10), absl::FromUnixSeconds(20)));
  EXPECT_THAT(store().GetLogHolders("other")->live, IsEmpty());
}

TEST_P(StoreConformance, DeletedSpaceIsGivenBackWhenAskedFor) {
  constexpr int64_t kBytes = 4 << 20;
  EndedJob("job_a", 1, 2, "default", std::string(kBytes, 'x'));
  EXPECT_LT(*store().GetUnusedBytes(), kBytes / 4);
  CommitOne(DeleteEndedJob{"job_a"});
  const int64_t unused = *store().GetUnusedBytes();
  EXPECT_GE(unused, kBytes);
  CommitOne(ReclaimSpace{kBytes / 2});
  const int64_t rest = *store().GetUnusedBytes();
  EXPECT_LE(rest, unused - kBytes / 2);
  EXPECT_GT(rest, kBytes / 4);
  CommitOne(ReclaimSpace{2 * kBytes});
  EXPECT_LT(*store().GetUnusedBytes(), 64 << 10);
}

// ---- Jobs

TEST_P(StoreConformance, AJobComesBackAsItWasInsertedAlsoAfterReopening) {
  v1::Job job = MakeJob("job_a", 5);
  job.set_request_id("r1");
  job.set_creator("token-a");
  job.mutable_spec()->set_input_json("{\"b\": 1, \"a\": 18446744073709551615}");
  CommitOne(InsertJob{job});

  ASSERT_TRUE(store().GetJob("job_a").ok());
  EXPECT_THAT(*store().GetJob("job_a"), SameProto(job));
  Reopen();
  EXPECT_THAT(*store().GetJob("job_a"), SameProto(job));
}

TEST_P(StoreConformance, AnUpdateChangesTheJobAndKeepsItsSpec) {
  v1::Job job = MakeJob("job_a");
  CommitOne(InsertJob{job});
  v1::Job updated = job;
  updated.set_state(v1::JOB_STATE_RUNNING);
  updated.set_node("web-1");
  updated.set_etag("2");
  updated.mutable_spec()->set_priority(99);
  CommitOne(UpdateJob{updated});

  updated.mutable_spec()->set_priority(0);
  EXPECT_THAT(*store().GetJob("job_a"), SameProto(updated));

  updated.clear_spec();
  updated.set_etag("3");
  CommitOne(UpdateJob{updated});
  EXPECT_THAT(store().GetJob("job_a")->spec(), SameProto(job.spec()));
}

TEST_P(StoreConformance, WhatIsNotThereIsNotFoundByItsReason) {
  const auto kNotFound = absl::StatusCode::kNotFound;
  EXPECT_THAT(store().GetJob("job_a"), FailsWith(kNotFound, "JOB_NOT_FOUND"));
  EXPECT_THAT(store().GetExecution("exec_a"), FailsWith(kNotFound, "EXECUTION_NOT_FOUND"));
  EXPECT_THAT(store().GetNode("web-1"), FailsWith(kNotFound, "NODE_NOT_FOUND"));
  EXPECT_THAT(store().GetVariable("default", "k"), FailsWith(kNotFound, "VARIABLE_NOT_FOUND"));
  EXPECT_FALSE(store().FindJobByRequestId("default", "r")->has_value());
  EXPECT_FALSE(store().FindApiToken("ff")->has_value());
  EXPECT_THAT(*store().ListExecutions("job_a"), IsEmpty());

  const auto results =
      Commit({UpdateJob{MakeJob("job_a")}, PutExecution{MakeExecution("exec_a", "job_a")},
              PutOutput{"exec_a", "1"}, DeleteVariable{"default", "k", ""}});
  EXPECT_THAT(results[0], FailsWith(kNotFound, "JOB_NOT_FOUND"));
  EXPECT_THAT(results[1], FailsWith(kNotFound, "JOB_NOT_FOUND"));
  EXPECT_THAT(results[2], FailsWith(kNotFound, "EXECUTION_NOT_FOUND"));
  EXPECT_THAT(results[3], FailsWith(kNotFound, "VARIABLE_NOT_FOUND"));
}

TEST_P(StoreConformance, ARequestIdIsTakenOncePerNamespaceAndTheRestOfTheBatchIsWritten) {
  v1::Job first = MakeJob("job_a");
  first.set_request_id("r1");
  v1::Job again = MakeJob("job_b");
  again.set_request_id("r1");
  v1::Job elsewhere = MakeJob("job_c", 0, "other");
  elsewhere.set_request_id("r1");
  const auto results = Commit({InsertJob{first}, InsertJob{again}, InsertJob{elsewhere},
                               InsertJob{MakeJob("job_d")}, InsertJob{MakeJob("job_e")}});
  EXPECT_TRUE(results[0].ok());
  EXPECT_THAT(results[1], FailsWith(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
  EXPECT_TRUE(results[2].ok());
  EXPECT_TRUE(results[3].ok());
  EXPECT_TRUE(results[4].ok()) << "jobs without a request id do not collide";

  EXPECT_FALSE(store().GetJob("job_b").ok());
  EXPECT_EQ((*store().FindJobByRequestId("default", "r1"))->id(), "job_a");
  EXPECT_EQ((*store().FindJobByRequestId("other", "r1"))->id(), "job_c");
  EXPECT_TRUE((*store().FindJobByRequestId("other", "r1"))->has_spec());
}

TEST_P(StoreConformance, AJobIdIsTakenOnce) {
  CommitOne(InsertJob{MakeJob("job_a", 1)});
  const auto results = Commit({InsertJob{MakeJob("job_a", 2)}});
  EXPECT_THAT(results[0], FailsWith(absl::StatusCode::kAlreadyExists, "JOB_ID_EXISTS"));
  EXPECT_EQ(store().GetJob("job_a")->create_time().nanos(), 1);
}

TEST_P(StoreConformance, JobsAreListedNewestFirstThenByIdInPagesThatJoinWithoutSeam) {
  // Three of one time, so that a page border falls among equals.
  CommitOne(InsertJob{MakeJob("job_e", 1 * kSecond)});
  CommitOne(InsertJob{MakeJob("job_b", 2 * kSecond)});
  CommitOne(InsertJob{MakeJob("job_a", 2 * kSecond)});
  CommitOne(InsertJob{MakeJob("job_c", 2 * kSecond)});
  CommitOne(InsertJob{MakeJob("job_d", 2 * kSecond + 1)});
  CommitOne(InsertJob{MakeJob("job_x", 9 * kSecond, "other")});

  JobQuery query{.name_space = "default", .limit = 2};
  auto page = store().ListJobs(query);
  EXPECT_THAT(Ids(page), ElementsAre("job_d", "job_c"));
  EXPECT_TRUE(page->more);
  EXPECT_TRUE(page->items[0].has_spec());
  query.before = JobPosition{2 * kSecond, "job_c"};
  page = store().ListJobs(query);
  EXPECT_THAT(Ids(page), ElementsAre("job_b", "job_a"));
  EXPECT_TRUE(page->more);
  query.before = PositionOf(page->items.back());
  page = store().ListJobs(query);
  EXPECT_THAT(Ids(page), ElementsAre("job_e"));
  EXPECT_FALSE(page->more);
}

TEST_P(StoreConformance, APageOfExactlyTheLimitSaysThatNothingFollows) {
  CommitOne(InsertJob{MakeJob("job_a", 1)});
  CommitOne(InsertJob{MakeJob("job_b", 2)});
  const auto page = store().ListJobs({.name_space = "default", .limit = 2});
  EXPECT_THAT(Ids(page), SizeIs(2));
  EXPECT_FALSE(page->more);
}

TEST_P(StoreConformance, AListGoesOnWhereAJobWasThatIsNotThereAnyMore) {
  for (int64_t i = 1; i <= 3; ++i) EndedJob(absl::StrCat("job_", i), i, 10 * i);
  JobQuery query{.name_space = "default", .limit = 2};
  const auto first = store().ListJobs(query);
  ASSERT_THAT(Ids(first), ElementsAre("job_3", "job_2"));
  CommitOne(DeleteEndedJob{"job_2"});
  query.before = PositionOf(first->items.back());
  EXPECT_THAT(Ids(store().ListJobs(query)), ElementsAre("job_1"));
}

TEST_P(StoreConformance, JobsThatEndedSinceComeInTheOrderOfTheirEnds) {
  EndedJob("job_a", 1, 30);
  EndedJob("job_b", 2, 10);
  EndedJob("job_c", 3, 20);
  EndedJob("job_d", 4, 20, "other");
  CommitOne(InsertJob{MakeJob("job_live", 6)});
  const auto since = [&](int64_t ns, int limit) {
    std::vector<std::string> ids;
    const auto jobs = store().ListJobsEndedSince("default", absl::FromUnixNanos(ns), limit);
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    for (const v1::Job& job : *jobs) ids.push_back(job.id());
    return ids;
  };
  EXPECT_THAT(since(0, 10), ElementsAre("job_b", "job_c", "job_a"));
  EXPECT_THAT(since(20, 10), ElementsAre("job_c", "job_a"));
  EXPECT_THAT(since(20, 1), ElementsAre("job_c"));
  EXPECT_THAT(since(31, 10), IsEmpty());
}

TEST_P(StoreConformance, APageOfJobsIsBoundedInBytesAndHoldsAtLeastOne) {
  for (int i = 0; i < 4; ++i) {
    v1::Job job = MakeJob(absl::StrCat("job_", i), i);
    job.mutable_spec()->set_input_json(std::string(1000, '1'));
    CommitOne(InsertJob{job});
  }
  JobQuery query{.name_space = "default", .limit = 10, .max_bytes = 2500};
  auto page = store().ListJobs(query);
  EXPECT_THAT(Ids(page), ElementsAre("job_3", "job_2"));
  EXPECT_TRUE(page->more);
  query.max_bytes = 1;
  page = store().ListJobs(query);
  EXPECT_THAT(Ids(page), ElementsAre("job_3"));
  EXPECT_TRUE(page->more);
}

TEST_P(StoreConformance, FiltersOfStateNodeAndLabelsMustAllHold) {
  const auto add = [&](const std::string& id, int64_t time, v1::JobState state,
                       const std::string& node,
                       std::vector<std::pair<std::string, std::string>> labels) {
    v1::Job job = MakeJob(id, time);
    for (const auto& [key, value] : labels) (*job.mutable_spec()->mutable_labels())[key] = value;
    CommitOne(InsertJob{job});
    job.set_state(state);
    job.set_node(node);
    CommitOne(UpdateJob{job});
  };
  const auto kQueued = v1::JOB_STATE_QUEUED;
  const auto kRunning = v1::JOB_STATE_RUNNING;
  const auto kFailed = v1::JOB_STATE_FAILED;
  add("job_1", 1, kQueued, "", {{"team", "a"}});
  add("job_2", 2, kRunning, "web-1", {{"team", "a"}, {"env", "prod"}});
  add("job_3", 3, kRunning, "web-2", {{"team", "b"}, {"env", "prod"}});
  add("job_4", 4, kFailed, "web-1", {{"team", "a"}, {"env", "prod"}});
  add("job_5", 5, kFailed, "web-1", {{"team", "a' OR 1=1 --"}});

  using Labels = std::vector<std::pair<std::string, std::string>>;
  const auto list = [&](std::optional<v1::JobState> state, std::optional<std::string> node,
                        Labels labels, std::optional<JobPosition> before = {}) {
    return Ids(store().ListJobs({.name_space = "default",
                                 .state = state,
                                 .node = std::move(node),
                                 .labels = std::move(labels),
                                 .before = std::move(before)}));
  };
  EXPECT_THAT(list({}, {}, {}), ElementsAre("job_5", "job_4", "job_3", "job_2", "job_1"));
  EXPECT_THAT(list(kRunning, {}, {}), ElementsAre("job_3", "job_2"));
  EXPECT_THAT(list(kFailed, {}, {}, JobPosition{5, "job_5"}), ElementsAre("job_4"));
  EXPECT_THAT(list({}, "web-1", {}), ElementsAre("job_5", "job_4", "job_2"));
  EXPECT_THAT(list(kFailed, "web-1", {}), ElementsAre("job_5", "job_4"));
  EXPECT_THAT(list(kRunning, "web-1", {}), ElementsAre("job_2"));
  EXPECT_THAT(list({}, {}, {{"team", "a"}}), ElementsAre("job_4", "job_2", "job_1"));
  EXPECT_THAT(list({}, {}, {{"team", "a"}, {"env", "prod"}}), ElementsAre("job_4", "job_2"));
  EXPECT_THAT(list({}, {}, {{"team", "a"}, {"env", "prod"}}, JobPosition{4, "job_4"}),
              ElementsAre("job_2"));
  EXPECT_THAT(list(kRunning, {}, {{"env", "prod"}}), ElementsAre("job_3", "job_2"));
  EXPECT_THAT(list(kFailed, {}, {{"env", "prod"}}), ElementsAre("job_4"));
  EXPECT_THAT(list(kRunning, "web-2", {{"env", "prod"}, {"team", "b"}}), ElementsAre("job_3"));
  EXPECT_THAT(list({}, {}, {{"team", "a"}, {"team", "b"}}), IsEmpty());
  EXPECT_THAT(list({}, {}, {{"team", "A"}}), IsEmpty()) << "values are compared as bytes";
  EXPECT_THAT(list({}, {}, {{"team", "a' OR 1=1 --"}}), ElementsAre("job_5"));
  EXPECT_THAT(list({}, "", {}), IsEmpty());
  EXPECT_THAT(Ids(store().ListJobs({.name_space = "other"})), IsEmpty());
}

// ---- Executions

TEST_P(StoreConformance, AnExecutionIsReplacedAndItsOutputIsKeptApart) {
  CommitOne(InsertJob{MakeJob("job_a")});
  v1::Execution execution = MakeExecution("exec_a", "job_a");
  CommitOne(PutExecution{execution});
  EXPECT_THAT(*store().GetExecution("exec_a"), SameProto(execution));

  const std::string output = "{\"z\":1,\"a\":[1.0,1e400]}";
  CommitOne(PutOutput{"exec_a", output});
  execution.set_state(v1::EXECUTION_STATE_RUNNING);
  execution.set_output_json("not this");
  CommitOne(PutExecution{execution});

  execution.set_output_json(output);
  EXPECT_THAT(*store().GetExecution("exec_a"), SameProto(execution));
  CommitOne(PutOutput{"exec_a", "null"});
  EXPECT_EQ(store().GetExecution("exec_a")->output_json(), "null");
}

TEST_P(StoreConformance, ExecutionsOfAJobAreListedOldestFirstWithOutput) {
  CommitOne(InsertJob{MakeJob("job_a")});
  CommitOne(InsertJob{MakeJob("job_b")});
  CommitOne(PutExecution{MakeExecution("exec_z", "job_a", 1)});
  CommitOne(PutExecution{MakeExecution("exec_a", "job_a", 2)});
  CommitOne(PutExecution{MakeExecution("exec_o", "job_b", 1)});
  CommitOne(PutOutput{"exec_a", "[]"});
  const auto executions = store().ListExecutions("job_a");
  ASSERT_TRUE(executions.ok()) << executions.status();
  ASSERT_THAT(*executions, SizeIs(2));
  EXPECT_EQ((*executions)[0].id(), "exec_z");
  EXPECT_EQ((*executions)[1].id(), "exec_a");
  EXPECT_EQ((*executions)[1].output_json(), "[]");
}

TEST_P(StoreConformance, TheLiveStateIsWhatHasNotEnded) {
  v1::Job ended = MakeJob("job_0", 1);
  ended.set_state(v1::JOB_STATE_SUCCEEDED);
  v1::Job older = MakeJob("job_b", 2);
  older.set_state(v1::JOB_STATE_RUNNING);
  v1::Job newer = MakeJob("job_a", 3, "other");
  v1::Execution lost = MakeExecution("exec_1", "job_b", 1);
  lost.set_state(v1::EXECUTION_STATE_LOST);
  v1::Execution alive = MakeExecution("exec_2", "job_b", 2);
  alive.set_state(v1::EXECUTION_STATE_FINALIZING);
  v1::Node node;
  node.set_name("web-1");
  node.set_state(v1::NODE_STATE_READY);
  Commit({InsertJob{newer}, InsertJob{ended}, InsertJob{older}, PutExecution{lost},
          PutExecution{alive}, PutExecution{MakeExecution("exec_0", "job_0")}, PutNode{node}});
  Reopen();
  const auto live = store().LoadLiveState();
  ASSERT_TRUE(live.ok()) << live.status();
  ASSERT_THAT(live->jobs, SizeIs(2));
  EXPECT_THAT(live->jobs[0], SameProto(older));
  EXPECT_THAT(live->jobs[1], SameProto(newer));
  ASSERT_THAT(live->executions, SizeIs(1));
  EXPECT_THAT(live->executions[0], SameProto(alive));
  ASSERT_THAT(live->nodes, SizeIs(1));
  EXPECT_THAT(live->nodes[0], SameProto(node));
}

// ---- Nodes, tokens

TEST_P(StoreConformance, NodesAreReplacedAndListedByName) {
  for (const char* name : {"web-2", "db-1", "web-1"}) {
    v1::Node node;
    node.set_name(name);
    CommitOne(PutNode{node});
  }
  v1::Node changed;
  changed.set_name("web-1");
  changed.set_session_epoch(3);
  CommitOne(PutNode{changed});
  EXPECT_THAT(*store().GetNode("web-1"), SameProto(changed));

  auto page = store().ListNodes("", 2);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_THAT(page->items, SizeIs(2));
  EXPECT_EQ(page->items[0].name(), "db-1");
  EXPECT_EQ(page->items[1].name(), "web-1");
  EXPECT_TRUE(page->more);
  page = store().ListNodes("web-1", 2);
  ASSERT_THAT(page->items, SizeIs(1));
  EXPECT_EQ(page->items[0].name(), "web-2");
  EXPECT_FALSE(page->more);
}

TEST_P(StoreConformance, AnApiTokenIsFoundByItsHash) {
  CommitOne(PutApiToken{{.hash = "ab12",
                         .name = "admin",
                         .role = v1::ROLE_ADMIN,
                         .name_space = "",
                         .create_time = absl::FromUnixNanos(1'700'000'000'123'456'789)}});
  const auto token = store().FindApiToken("ab12");
  ASSERT_TRUE(token.ok() && token->has_value());
  EXPECT_EQ((*token)->name, "admin");
  EXPECT_EQ((*token)->role, v1::ROLE_ADMIN);
  EXPECT_EQ((*token)->name_space, "");
  EXPECT_EQ(absl::ToUnixNanos((*token)->create_time), 1'700'000'000'123'456'789);
}

// ---- Variables

TEST_P(StoreConformance, AVariableIsKeptByteForByte) {
  for (const std::string& value :
       {std::string("false"), std::string("0"), std::string("\"\""), std::string("null"),
        std::string("18446744073709551616"), std::string("{\"b\":1, \"a\" :2.50}"),
        std::string("\"\xf0\x9f\x98\x80\\u0000\""), std::string(1 << 20, ' ') + "1"}) {
    const std::string etag = CommitOne(MakeSet("k", value));
    const auto variable = store().GetVariable("default", "k");
    ASSERT_TRUE(variable.ok()) << variable.status();
    EXPECT_EQ(variable->value_json(), value);
    EXPECT_EQ(variable->etag(), etag);
    EXPECT_EQ(variable->updater(), "token-a");
    EXPECT_EQ(variable->update_time().seconds(), 7);
  }
}

TEST_P(StoreConformance, AnEtagIsGivenOnceEvenAfterDeletionAndReopening) {
  std::vector<std::string> etags;
  etags.push_back(CommitOne(MakeSet("k", "1")));
  etags.push_back(CommitOne(MakeSet("k", "1")));
  CommitOne(DeleteVariable{"default", "k", ""});
  etags.push_back(CommitOne(MakeSet("k", "1")));
  CommitOne(DeleteVariable{"default", "k", ""});
  Reopen();
  etags.push_back(CommitOne(MakeSet("k", "1")));
  const auto in_one = Commit({MakeSet("k", "2"), MakeSet("other", "1"), MakeSet("k", "3")});
  for (const auto& result : in_one) etags.push_back(*result);
  const std::set<std::string> distinct(etags.begin(), etags.end());
  EXPECT_EQ(distinct.size(), etags.size());
}

TEST_P(StoreConformance, AnEtagThatDoesNotFitStopsThatChangeAlone) {
  const auto kAborted = absl::StatusCode::kAborted;
  EXPECT_THAT(Commit({MakeSet("k", "1", "*")})[0], FailsWith(kAborted, "ETAG_MISMATCH"));
  const std::string first = CommitOne(MakeSet("k", "1"));
  const std::string second = CommitOne(MakeSet("k", "2", first));
  const auto results =
      Commit({MakeSet("k", "3", first), MakeSet("a", "1"), DeleteVariable{"default", "k", first},
              MakeSet("k", "4", "*"), MakeSet("k", "5", second)});
  EXPECT_THAT(results[0], FailsWith(kAborted, "ETAG_MISMATCH"));
  EXPECT_TRUE(results[1].ok());
  EXPECT_THAT(results[2], FailsWith(kAborted, "ETAG_MISMATCH"));
  EXPECT_TRUE(results[3].ok());
  EXPECT_THAT(results[4], FailsWith(kAborted, "ETAG_MISMATCH")) << "the change before moved it";
  EXPECT_EQ(store().GetVariable("default", "k")->value_json(), "4");
  EXPECT_EQ(store().GetVariable("default", "a")->value_json(), "1");
  CommitOne(DeleteVariable{"default", "k", *results[3]});
  EXPECT_FALSE(store().GetVariable("default", "k").ok());
}

TEST_P(StoreConformance, VariablesAreListedByKeyAndPrefixInPages) {
  for (const char* key : {"a", "app/1", "app/2", "app/3", "app0", "b%", "\xc3\xa9"}) {
    CommitOne(MakeSet(key, "1"));
  }
  VariableQuery query{.name_space = "default", .prefix = "app/", .limit = 2};
  auto page = store().ListVariables(query);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(Keys(*page), ElementsAre("app/1", "app/2"));
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->items[0].value_json(), "1");
  EXPECT_FALSE(page->items[0].etag().empty());
  query.after_key = "app/2";
  page = store().ListVariables(query);
  EXPECT_THAT(Keys(*page), ElementsAre("app/3"));
  EXPECT_FALSE(page->more);
  EXPECT_THAT(Keys(*store().ListVariables({.name_space = "default"})),
              ElementsAre("a", "app/1", "app/2", "app/3", "app0", "b%", "\xc3\xa9"));
  EXPECT_THAT(Keys(*store().ListVariables({.name_space = "default", .prefix = "%"})), IsEmpty());
  EXPECT_THAT(Keys(*store().ListVariables({.name_space = "other"})), IsEmpty());
}

TEST_P(StoreConformance, APageOfVariablesIsBoundedInBytesAndHoldsAtLeastOne) {
  for (const char* key : {"a", "b", "c"}) CommitOne(MakeSet(key, std::string(100, '1')));
  VariableQuery query{.name_space = "default", .max_value_bytes = 200};
  auto page = store().ListVariables(query);
  EXPECT_THAT(Keys(*page), ElementsAre("a", "b"));
  EXPECT_TRUE(page->more);
  query.max_value_bytes = 10;
  page = store().ListVariables(query);
  EXPECT_THAT(Keys(*page), ElementsAre("a"));
  EXPECT_TRUE(page->more);
}

// ---- Concurrency

TEST_P(StoreConformance, ReadsSeeWhatACommitThatReturnedWroteAndRunBesideIt) {
  CommitOne(MakeSet("k", "0"));
  std::atomic<int> committed{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  readers.reserve(6);
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const int least = committed;
        const auto variable = store().GetVariable("default", "k");
        ASSERT_TRUE(variable.ok()) << variable.status();
        ASSERT_GE(std::stoi(variable->value_json()), least);
      }
    });
  }
  for (int i = 1; i <= 200; ++i) {
    CommitOne(MakeSet("k", absl::StrCat(i)));
    committed = i;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace cronium::controller
