// SPDX-License-Identifier: Apache-2.0
#include "controller/core/result.h"

#include <gtest/gtest.h>

namespace cronium::controller {
namespace {

v1::CompletionOutput Streams(const std::string& out, const std::string& err) {
  v1::CompletionOutput output;
  output.mutable_streams()->set_stdout(out);
  output.mutable_streams()->set_stderr(err);
  return output;
}

TEST(Result, OfOneStringIsThatString) {
  v1::CompletionOutput output;
  output.set_text("{\"status\":200}");
  EXPECT_EQ(RenderOutput(output), "{\"status\":200}");
}

TEST(Result, OfTwoStreamsIsStdoutThenAMarkedStderr) {
  EXPECT_EQ(RenderOutput(Streams("out\n", "err\n")), "out\n--- STDERR ---\nerr\n");
}

TEST(Result, PutsTheMarkerOnALineOfItsOwn) {
  EXPECT_EQ(RenderOutput(Streams("no newline", "err")), "no newline\n--- STDERR ---\nerr");
}

TEST(Result, HasNoMarkerWithoutStderr) { EXPECT_EQ(RenderOutput(Streams("out\n", "")), "out\n"); }

TEST(Result, BeginsWithTheMarkerWhereThereIsOnlyStderr) {
  EXPECT_EQ(RenderOutput(Streams("", "err\n")), "--- STDERR ---\nerr\n");
}

TEST(Result, ShowsBytesThatAreNotTextAsReplacementAndKeepsThemApart) {
  const v1::JobResult result = MakeJobResult({}, {},
                                             Streams("a\xff"
                                                     "b\n",
                                                     ""),
                                             /*output_truncated=*/false);
  EXPECT_EQ(result.text(),
            "a\xEF\xBF\xBD"
            "b\n");
  EXPECT_EQ(result.output().streams().stdout(),
            "a\xff"
            "b\n");
}

TEST(Result, CarriesTheEndApartFromTheOutput) {
  v1::Job job;
  job.set_state(v1::JOB_STATE_TIMED_OUT);
  job.set_end_reason(v1::END_REASON_RUN_TIMEOUT);
  job.set_exit_code(143);
  v1::Execution execution;
  execution.set_condition(false);
  execution.set_output_json("7");
  execution.mutable_log()->set_truncated(true);
  const v1::JobResult result = MakeJobResult(job, execution, Streams("x", ""), false);
  EXPECT_EQ(result.exit_code(), 143);
  EXPECT_EQ(result.end_reason(), v1::END_REASON_RUN_TIMEOUT);
  EXPECT_TRUE(result.has_condition());
  EXPECT_FALSE(result.condition());
  EXPECT_EQ(result.output_json(), "7");
  EXPECT_TRUE(result.truncated());
}

}  // namespace
}  // namespace cronium::controller
