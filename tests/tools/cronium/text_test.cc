// SPDX-License-Identifier: Apache-2.0
// What people read: tables, ages, ends, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/exit_code.h"
#include "tools/cronium/format.h"
#include "tools/cronium/table.h"
#include "tools/cronium/views.h"

namespace cronium::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Job EndedJob(v1::JobState state, v1::EndReason reason, int exit_code = -1) {
  v1::Job job;
  job.set_id("job_0123456789ab");
  job.set_state(state);
  job.set_end_reason(reason);
  if (exit_code >= 0) job.set_exit_code(exit_code);
  return job;
}

TEST(ExitCode, IsTheScriptsOwnWhereItEndedByItself) {
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_SUCCEEDED, v1::END_REASON_EXITED, 0)), 0);
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_EXITED, 3)), 3);
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_OUT_OF_MEMORY, 137)), 137);
}

TEST(ExitCode, IsOursWhereSomethingElseEndedTheJob) {
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_TIMED_OUT, v1::END_REASON_RUN_TIMEOUT, 143)), 124);
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, 143)), 130);
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED)), 130);
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_IMAGE_UNAVAILABLE)), 125);
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_NODE_LOST)), 125);
}

TEST(ExitCode, OfAFailedJobIsNeverZero) {
  EXPECT_EQ(ExitCodeOf(EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_LEASE_ENDED, 0)), 125);
}

TEST(DescribeEnd, SaysWhyInOneLine) {
  EXPECT_EQ(DescribeEnd(EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_EXITED, 3)),
            "FAILED: exit code 3");
  v1::Job job = EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_IMAGE_UNAVAILABLE);
  job.set_state_message("no image x\non web-1");
  EXPECT_EQ(DescribeEnd(job), "FAILED: IMAGE_UNAVAILABLE: no image x\\non web-1");
  job = EndedJob(v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED);
  job.set_state_message("cancelled");
  EXPECT_EQ(DescribeEnd(job), "CANCELLED");
  job.set_state_message("too late");
  EXPECT_EQ(DescribeEnd(job), "CANCELLED: too late");
  EXPECT_EQ(DescribeEnd(EndedJob(v1::JOB_STATE_TIMED_OUT, v1::END_REASON_RUN_TIMEOUT, 143)),
            "TIMED_OUT: RUN_TIMEOUT (exit code 143)");
}

TEST(Age, IsInTheLargestUnitThatStillSaysEnough) {
  const auto age = [](absl::Duration ago) {
    google::protobuf::Timestamp time;
    SetTime(kNow - ago, &time);
    return Age(time, true, kNow);
  };
  EXPECT_EQ(age(absl::Seconds(45)), "45s");
  EXPECT_EQ(age(absl::Seconds(119)), "119s");
  EXPECT_EQ(age(absl::Minutes(3)), "3m");
  EXPECT_EQ(age(absl::Hours(7)), "7h");
  EXPECT_EQ(age(absl::Hours(24 * 12)), "12d");
  EXPECT_EQ(age(-absl::Seconds(5)), "0s");
  EXPECT_EQ(Age({}, false, kNow), "-");
}

TEST(Span, ShowsMillisecondsOfWhatIsShort) {
  EXPECT_EQ(Span(absl::Milliseconds(183)), "0.183s");
  EXPECT_EQ(Span(absl::Seconds(42)), "42s");
}

TEST(Size, UsesPowersOf1024) {
  EXPECT_EQ(Size(100), "100B");
  EXPECT_EQ(Size(512 << 20), "512MiB");
  EXPECT_EQ(Size(1536), "1.5KiB");
}

TEST(Printable, MakesWhatDrivesATerminalVisible) {
  EXPECT_EQ(Printable("a\x1b[31mb\r\n\tc\x7f"), "a\\x1b[31mb\\x0d\\n\\tc\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(Printable("grün \xe2\x82\xac"), "grün \xe2\x82\xac");
  EXPECT_EQ(Printable("\xff"), "\xef\xbf\xbd");
}

TEST(Table, AlignsByCharactersAndMarksEmptyCells) {
  Table table({"NAME", "N"});
  table.AddRow({"grün", "1"});
  table.AddRow({"x"});
  EXPECT_EQ(table.Render(),
            "NAME  N\n"
            "grün  1\n"
            "x     -\n");
}

TEST(JobsTable, ShowsWhyAJobWaitsAndHowOneEnded) {
  v1::ListJobsResponse jobs;
  v1::Job& queued = *jobs.add_jobs();
  queued.set_id("job_000000000001");
  queued.set_state(v1::JOB_STATE_QUEUED);
  queued.set_state_reason("NO_CAPACITY");
  queued.set_state_message("2 nodes lack memory");
  queued.mutable_spec()->mutable_container()->set_image("cronium/bash");
  SetTime(kNow - absl::Minutes(3), queued.mutable_create_time());
  *jobs.add_jobs() = EndedJob(v1::JOB_STATE_FAILED, v1::END_REASON_OUT_OF_MEMORY, 137);
  EXPECT_EQ(JobsTable(jobs, kNow),
            "JOB               STATE   EXIT  NODE  WHAT          AGE  RUN  WHY\n"
            "job_000000000001  QUEUED  -     -     cronium/bash  3m   -    2 nodes lack memory\n"
            "job_0123456789ab  FAILED  137   -     -             -    -    OUT_OF_MEMORY\n");
}

TEST(JobDetails, ShowsEachAttempt) {
  v1::GetJobResponse response;
  *response.mutable_job() = EndedJob(v1::JOB_STATE_SUCCEEDED, v1::END_REASON_EXITED, 0);
  (*response.mutable_job()->mutable_spec()->mutable_labels())["b"] = "2";
  (*response.mutable_job()->mutable_spec()->mutable_labels())["a"] = "1";
  v1::Execution& lost = *response.add_executions();
  lost.set_id("exec_000000000001");
  lost.set_attempt(1);
  lost.set_state(v1::EXECUTION_STATE_LOST);
  lost.set_end_reason(v1::END_REASON_NODE_LOST);
  lost.mutable_log()->set_truncated(true);
  const std::string text = JobDetails(response, kNow);
  EXPECT_THAT(text, HasSubstr("State:   SUCCEEDED\n"));
  EXPECT_THAT(text, HasSubstr("Labels:  a=1 b=2\n"));
  EXPECT_THAT(text, HasSubstr("1        exec_000000000001  LOST"));
  EXPECT_THAT(text, HasSubstr("0B truncated  NODE_LOST\n"));
}

TEST(NodesTable, ShowsUseAndTheConditionsThatDoNotHold) {
  v1::ListNodesResponse nodes;
  v1::Node& node = *nodes.add_nodes();
  node.set_name("web-1");
  node.set_state(v1::NODE_STATE_NOT_READY);
  node.set_executions(2);
  node.mutable_capacity()->set_slots(8);
  node.mutable_capacity()->set_cpu_millis(4000);
  node.mutable_used()->set_cpu_millis(500);
  node.mutable_capacity()->set_memory_bytes(8LL << 30);
  v1::NodeCondition& condition = *node.add_conditions();
  condition.set_type("RuntimeReady");
  condition.set_reason("ENGINE_UNREACHABLE");
  const std::string text = NodesTable(nodes, kNow);
  EXPECT_THAT(text, HasSubstr("web-1  NOT_READY  2/8   0.5/4  0B/8GiB"));
  EXPECT_THAT(text, EndsWith("RuntimeReady: ENGINE_UNREACHABLE\n"));
}

TEST(VariablesTable, CutsLongValuesBetweenCharacters) {
  v1::ListVariablesResponse variables;
  v1::Variable& variable = *variables.add_variables();
  variable.set_key("k");
  // A three-byte character lies across the 60th byte.
  variable.set_value_json("\"" + std::string(58, 'x') + "\xe2\x82\xac" + std::string(100, 'y') +
                          "\"");
  const std::string text = VariablesTable(variables, kNow);
  EXPECT_THAT(text, HasSubstr("\"" + std::string(58, 'x') + "... (163B)"));
  EXPECT_THAT(text, Not(HasSubstr("\xef\xbf\xbd")));
}

TEST(RawValue, IsAStringWithoutItsQuotesAndAnyOtherJsonAsItIs) {
  EXPECT_EQ(RawValue("\"a\\n\\\"b\\u00e9\\ud83d\\ude00\""), "a\n\"b\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(RawValue("\"\""), "");
  EXPECT_EQ(RawValue("12345678901234567890"), "12345678901234567890");
  EXPECT_EQ(RawValue("{\"b\":1,\"a\":[false]}"), "{\"b\":1,\"a\":[false]}");
  EXPECT_EQ(RawValue("null"), "null");
}

TEST(DescribeError, NamesEachWrongField) {
  Violations violations;
  violations.Add("spec.container.image", "is required");
  EXPECT_EQ(DescribeError(violations.ToStatus()), "spec.container.image: is required");
  violations.Add("spec.priority", "is 5000; at most 1000 is allowed");
  EXPECT_EQ(DescribeError(violations.ToStatus()),
            "2 fields are wrong:\n"
            "  spec.container.image: is required\n"
            "  spec.priority: is 5000; at most 1000 is allowed");
}

TEST(DescribeError, GivesTheReasonAndTheNextStep) {
  EXPECT_EQ(DescribeError(MakeError(absl::StatusCode::kNotFound, "JOB_NOT_FOUND", "no job job_x")),
            "no job job_x (JOB_NOT_FOUND); `cronium jobs list` shows the jobs");
  EXPECT_THAT(DescribeError(absl::UnauthenticatedError("a token is needed")),
              HasSubstr("--token-file"));
  EXPECT_THAT(DescribeError(absl::UnavailableError("connection refused")),
              HasSubstr("--controller"));
}

TEST(DescribeError, StaysOnOneLineWhateverTheMessageHolds) {
  EXPECT_EQ(DescribeError(absl::InternalError("a\nb\x1b[2J")), "a\\nb\\x1b[2J");
  EXPECT_EQ(DescribeError(absl::Status(absl::StatusCode::kInternal, "")), "INTERNAL");
}

}  // namespace
}  // namespace cronium::cli
