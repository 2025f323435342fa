// SPDX-License-Identifier: Apache-2.0
// `cronium http`: what its flags ask for, what it prints and exits with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/tools/cronium/fake_controller.h"
#include "tests/tools/cronium/fake_process.h"
#include "tools/cronium/http_command.h"

namespace cronium::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::HttpSpec Build(HttpFlags flags, std::string stdin_text = "") {
  FakeStreams streams;
  streams.set_stdin(std::move(stdin_text));
  if (flags.url.empty()) flags.url = "https://example.com/";
  const absl::StatusOr<v1::JobSpec> spec = BuildHttpSpec(flags, &streams);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec->http();
}

std::string HeaderOf(const v1::HttpSpec& http, const std::string& name) {
  for (const v1::HttpHeader& header : http.headers()) {
    if (header.name() == name) return header.value();
  }
  return "";
}

TEST(HttpFlags, GetUnlessThereIsABodyToSend) {
  EXPECT_EQ(Build({}).method(), "GET");
  HttpFlags flags;
  flags.data = "x";
  EXPECT_EQ(Build(flags).method(), "POST");
  flags.method = "PUT";
  EXPECT_EQ(Build(flags).method(), "PUT");
}

TEST(HttpFlags, SayWhatKindOfBodyItIsUnlessAHeaderDoes) {
  HttpFlags flags;
  flags.data = "{\"a\":1}";
  EXPECT_EQ(HeaderOf(Build(flags), "Content-Type"), "application/json");
  flags.data = "plain";
  EXPECT_THAT(HeaderOf(Build(flags), "Content-Type"), HasSubstr("text/plain"));
  flags.data = "-";
  const v1::HttpSpec binary = Build(flags, "\xff\xfe");
  EXPECT_EQ(HeaderOf(binary, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(binary.body_data(), "\xff\xfe");
  flags.headers = {"content-type: text/csv"};
  EXPECT_EQ(Build(flags, "a,b").headers_size(), 1);
}

TEST(HttpFlags, BecomeTheSpecsFields) {
  HttpFlags flags;
  flags.headers = {"X-Key:  a: b ", "Accept:"};
  flags.expect = "200,404";
  flags.try_timeout = "5s";
  flags.retries = 4;
  flags.max_response = "2M";
  flags.location = true;
  flags.repeatable = true;
  const v1::HttpSpec http = Build(flags);
  EXPECT_EQ(HeaderOf(http, "X-Key"), "a: b");
  EXPECT_EQ(http.headers(1).value(), "");
  EXPECT_EQ(http.expected_statuses(), "200,404");
  EXPECT_EQ(http.try_timeout().seconds(), 5);
  EXPECT_EQ(http.retry().max_tries(), 5);
  EXPECT_EQ(http.max_response_bytes(), 2 << 20);
  EXPECT_TRUE(http.follow_redirects());
  EXPECT_TRUE(http.repeatable());
}

TEST(HttpFlags, AWrongHeaderIsNotRepeatedInTheError) {
  HttpFlags flags;
  flags.url = "https://example.com/";
  flags.headers = {"Bearer secret"};
  FakeStreams streams;
  const absl::Status refused = BuildHttpSpec(flags, &streams).status();
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--header"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("secret")));
}

class HttpCommandTest : public testing::Test {
 protected:
  // Runs `cronium http` until its job ends so.
  int Run(v1::JobState state, v1::EndReason reason) {
    process_.Start(
        {"--dev", "--controller", controller_.address(), "http", "https://example.com/"});
    const std::string job_id = controller_.WaitForJob();
    controller_.StartExecution(job_id, "exec_000000000001");
    controller_.WaitForFollowers(1);
    controller_.Write(job_id, v1::LOG_STREAM_STDOUT, "the body");
    controller_.End(job_id, state, reason);
    return process_.Wait();
  }

  FakeController controller_;
  FakeProcess process_;
};

TEST_F(HttpCommandTest, PrintsTheBodyAndExitsWith0) {
  EXPECT_EQ(Run(v1::JOB_STATE_SUCCEEDED, v1::END_REASON_RESPONDED), 0);
  EXPECT_EQ(process_.streams.out(), "the body");
  EXPECT_EQ(controller_.created().at(0).spec().http().url(), "https://example.com/");
}

TEST_F(HttpCommandTest, ExitsWith1AfterAnotherStatusOrNone) {
  EXPECT_EQ(Run(v1::JOB_STATE_FAILED, v1::END_REASON_UNEXPECTED_STATUS), 1);
  EXPECT_THAT(process_.streams.err(), HasSubstr("FAILED: UNEXPECTED_STATUS"));
}

TEST_F(HttpCommandTest, ExitsWith125WhereTheOutcomeIsNotKnown) {
  EXPECT_EQ(Run(v1::JOB_STATE_FAILED, v1::END_REASON_OUTCOME_UNKNOWN), 125);
}

}  // namespace
}  // namespace cronium::cli
