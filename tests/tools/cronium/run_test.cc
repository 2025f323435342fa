// SPDX-License-Identifier: Apache-2.0
// `cronium run` and `cronium logs` against a controller over gRPC: output, exit codes, restarts,
// Ctrl-C.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/error.h"
#include "tests/tools/cronium/fake_controller.h"
#include "tests/tools/cronium/fake_process.h"

namespace cronium::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr v1::LogStream kOut = v1::LOG_STREAM_STDOUT;
constexpr v1::LogStream kErr = v1::LOG_STREAM_STDERR;

class RunTest : public testing::Test {
 protected:
  RunTest() {
    script_ = testing::TempDir() + "cronium-run-" + std::to_string(getpid()) + ".sh";
    std::ofstream(script_) << "#!/bin/bash\ntrue\n";
  }
  ~RunTest() override { std::filesystem::remove(script_); }

  std::vector<std::string> Args(std::vector<std::string> args) {
    args.insert(args.begin(), {"--dev", "--controller", controller_.address()});
    return args;
  }
  // Starts `cronium run [options] script` and waits until its job has an execution that it follows.
  std::string StartJob(std::vector<std::string> options = {"-q"}) {
    options.insert(options.begin(), "run");
    options.push_back(script_);
    process_.Start(Args(std::move(options)));
    const std::string job_id = controller_.WaitForJob();
    controller_.StartExecution(job_id, "exec_000000000001");
    controller_.WaitForFollowers(1);
    return job_id;
  }
  void EndJob(const std::string& job_id, int exit_code = 0) {
    controller_.End(job_id, exit_code == 0 ? v1::JOB_STATE_SUCCEEDED : v1::JOB_STATE_FAILED,
                    v1::END_REASON_EXITED, exit_code);
  }
  std::string out() { return process_.streams.out(); }
  std::string err() { return process_.streams.err(); }

  std::string script_;
  FakeController controller_;
  FakeProcess process_;
};

TEST_F(RunTest, TheJobsOutputComesByteForByteOnItsOwnStreams) {
  const std::string job = StartJob();
  const std::string bytes("a\n\n\xff\xfe\0\r no newline", 18);
  controller_.Write(job, kOut, bytes);
  controller_.Write(job, kErr, "error\n");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
  EXPECT_EQ(out(), bytes);
  EXPECT_EQ(err(), "error\n");
}

TEST_F(RunTest, ExitsWithTheJobsOwnCode) {
  const std::string job = StartJob({});
  EndJob(job, 42);
  EXPECT_EQ(process_.Wait(), 42);
  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr(job + " FAILED: exit code 42\n"));
}

TEST_F(RunTest, ExitsWith124AfterATimeoutAnd125WhereTheJobCouldNotStart) {
  std::string job = StartJob();
  controller_.End(job, v1::JOB_STATE_TIMED_OUT, v1::END_REASON_RUN_TIMEOUT, 143);
  EXPECT_EQ(process_.Wait(), 124);

  FakeProcess other;
  other.Start(Args({"run", script_}));
  job = controller_.WaitForJob(1);
  controller_.End(job, v1::JOB_STATE_FAILED, v1::END_REASON_IMAGE_UNAVAILABLE);
  EXPECT_EQ(other.Wait(), 125);
  EXPECT_THAT(other.streams.err(), HasSubstr("FAILED: IMAGE_UNAVAILABLE"));
}

TEST_F(RunTest, OutputIsSeenWhileTheJobRuns) {
  const std::string job = StartJob();
  controller_.Write(job, kOut, "first\n");
  process_.streams.WaitFor("first\n");
  controller_.Write(job, kOut, "progress 50%");
  process_.streams.WaitFor("50%");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
}

TEST_F(RunTest, SubmitsTheScriptWithAllThatFollowsItAsItsArguments) {
  process_.Start(Args({"run", "--label=team=blue", "-qe", "A=1", "-d", script_, "-e", "--output",
                       "[1,2]", "--", "x"}));
  EXPECT_EQ(process_.Wait(), 0);
  const v1::JobSpec spec = controller_.created().at(0).spec();
  EXPECT_EQ(spec.container().image(), "cronium/bash");
  EXPECT_EQ(spec.container().script().content(), "#!/bin/bash\ntrue\n");
  EXPECT_THAT(spec.container().script().args(),
              testing::ElementsAre("-e", "--output", "[1,2]", "--", "x"));
  EXPECT_EQ(spec.container().env().at("A"), "1");
  EXPECT_EQ(spec.labels().at("team"), "blue");
}

TEST_F(RunTest, DetachedPrintsTheIdAloneAndDoesNotFollow) {
  EXPECT_EQ(process_.Run(Args({"run", "--detach", script_})), 0);
  EXPECT_EQ(out(), controller_.WaitForJob() + "\n");
  EXPECT_THAT(err(), HasSubstr("image cronium/bash (by its first line"));
  EXPECT_THAT(controller_.followed(), IsEmpty());
}

TEST_F(RunTest, ALostAnswerToTheSubmissionMakesNoSecondJob) {
  controller_.FailNext("CreateJob", absl::UnavailableError("gone"), /*after=*/true);
  EXPECT_EQ(process_.Run(Args({"run", "-d", script_})), 0);
  const auto created = controller_.created();
  ASSERT_THAT(created, SizeIs(2));
  EXPECT_EQ(created[0].request_id(), created[1].request_id());
  EXPECT_THAT(created[0].request_id(), StartsWith("cli-"));
  EXPECT_EQ(out(), controller_.WaitForJob(0) + "\n");
}

TEST_F(RunTest, ARefusedJobNamesEveryWrongField) {
  Violations violations;
  violations.Add("spec.priority", "is 5000; at most 1000 is allowed");
  violations.Add("spec.container.image", "is too long");
  controller_.FailNext("CreateJob", violations.ToStatus());
  EXPECT_EQ(process_.Run(Args({"run", "-q", script_})), 125);
  EXPECT_EQ(err(),
            "cronium: 2 fields are wrong:\n"
            "  spec.priority: is 5000; at most 1000 is allowed\n"
            "  spec.container.image: is too long\n");
}

TEST_F(RunTest, AMissingScriptIsSaidBeforeAnythingIsSent) {
  EXPECT_EQ(process_.Run({"run", "nosuch.sh"}), 125);
  EXPECT_EQ(err(), "cronium: nosuch.sh: No such file or directory\n");
}

TEST_F(RunTest, EachLineComesOnceAcrossARestartOfTheController) {
  const std::string job = StartJob();
  controller_.Write(job, kOut, "1\n2\n");
  process_.streams.WaitFor("2\n");
  controller_.Stop();
  process_.streams.WaitFor("lost contact");
  controller_.Write(job, kOut, "3\n");
  controller_.Start();
  controller_.WaitForFollowers(1);
  controller_.Write(job, kOut, "4\n");
  EndJob(job, 7);
  EXPECT_EQ(process_.Wait(), 7);
  EXPECT_EQ(out(), "1\n2\n3\n4\n");
  EXPECT_THAT(err(), HasSubstr("connected again\n"));
  EXPECT_EQ(controller_.followed().back().after_seq(), 2u);
}

TEST_F(RunTest, AttemptsThatCameWhileContactWasLostAreReadToo) {
  const std::string job = StartJob();
  controller_.Write(job, kOut, "attempt 1, line 1\n");
  process_.streams.WaitFor("line 1\n");
  controller_.Stop();
  process_.streams.WaitFor("lost contact");
  controller_.Write(job, kOut, "attempt 1, line 2\n");
  controller_.StartExecution(job, "exec_000000000002");
  controller_.Write(job, kOut, "attempt 2\n");
  controller_.StartExecution(job, "exec_000000000003");
  controller_.Write(job, kOut, "attempt 3, line 1\n");
  controller_.Start();
  process_.streams.WaitFor("attempt 3, line 1\n");
  controller_.Write(job, kOut, "attempt 3, line 2\n");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
  EXPECT_EQ(
      out(),
      "attempt 1, line 1\nattempt 1, line 2\nattempt 2\nattempt 3, line 1\nattempt 3, line 2\n");
}

TEST_F(RunTest, AnotherAttemptIsMarkedOnStderr) {
  const std::string job = StartJob({});
  controller_.Write(job, kOut, "one\n");
  process_.streams.WaitFor("one\n");
  controller_.StartExecution(job, "exec_000000000002");
  controller_.Write(job, kOut, "two\n");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
  EXPECT_EQ(out(), "one\ntwo\n");
  EXPECT_THAT(err(), HasSubstr("another attempt begins: exec_000000000002"));
}

TEST_F(RunTest, GivesUpOnAControllerThatStaysAwayAndSaysHowToGoOn) {
  const std::string job = StartJob({"--retry-for", "200ms"});
  controller_.Stop();
  EXPECT_EQ(process_.Wait(), 125);
  EXPECT_THAT(err(), HasSubstr("`cronium logs -f " + job + "` follows it again"));
}

TEST_F(RunTest, SaysWhyTheJobWaits) {
  process_.Start(Args({"run", script_}));
  const std::string job = controller_.WaitForJob();
  controller_.SetQueueReason(job, "2 nodes lack memory");
  process_.streams.WaitFor("waits: 2 nodes lack memory");
  controller_.StartExecution(job, "exec_000000000001", "web-9");
  process_.streams.WaitFor("runs on web-9");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
  EXPECT_EQ(out(), "");
}

TEST_F(RunTest, CtrlCWithoutATerminalCancelsAndWaitsForTheEnd) {
  const std::string job = StartJob();
  process_.PressCtrlC();
  controller_.WaitForCancel();
  controller_.Write(job, kOut, "cleaning up\n");
  controller_.End(job, v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, 143);
  EXPECT_EQ(process_.Wait(), 130);
  EXPECT_EQ(out(), "cleaning up\n");
  EXPECT_EQ(controller_.cancelled().at(0).job_id(), job);
}

TEST_F(RunTest, CtrlCAtATerminalAsksAndDDetaches) {
  process_.has_terminal = true;
  const std::string job = StartJob();
  process_.PressCtrlC();
  EXPECT_THAT(err(), HasSubstr("to detach"));
  process_.Type("d\n");
  EXPECT_EQ(process_.Wait(), 125);
  EXPECT_THAT(err(), HasSubstr("detached from " + job));
  EXPECT_THAT(controller_.cancelled(), IsEmpty());
}

TEST_F(RunTest, ASecondCtrlCAtATerminalCancels) {
  process_.has_terminal = true;
  const std::string job = StartJob();
  process_.PressCtrlC();
  process_.PressCtrlC();
  controller_.WaitForCancel();
  controller_.End(job, v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, 143);
  EXPECT_EQ(process_.Wait(), 130);
}

TEST_F(RunTest, CtrlCAfterACancelLeavesEvenWithTheControllerAway) {
  const std::string job = StartJob();
  controller_.Stop();
  process_.streams.WaitFor("lost contact");
  process_.PressCtrlC();
  process_.PressCtrlC();
  EXPECT_EQ(process_.Wait(), 125);
  EXPECT_THAT(err(), HasSubstr("left before the end of " + job));
  EXPECT_THAT(err(), Not(HasSubstr("CANCELLED")));
}

TEST_F(RunTest, CtrlCWhileTheControllerDoesNotAnswerTheSubmission) {
  controller_.Stop();
  process_.Start(Args({"--retry-for", "1h", "run", script_}));
  process_.streams.WaitFor("trying again");
  process_.PressCtrlC();
  process_.PressCtrlC();
  EXPECT_EQ(process_.Wait(), 125);
  EXPECT_THAT(err(), HasSubstr("may or may not have been accepted"));
}

TEST_F(RunTest, AsJsonEachMessageIsOneLine) {
  const std::string job = StartJob({"-q", "--output", "json"});
  controller_.Write(job, kOut, "hello\n");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
  EXPECT_THAT(out(), StartsWith("{\"executionId\":\"exec_000000000001\",\"chunks\":[{\"stream\":"
                                "\"LOG_STREAM_STDOUT\""));
  EXPECT_THAT(out(), HasSubstr("\"data\":\"aGVsbG8K\"}]}\n{"));
  EXPECT_THAT(out(), HasSubstr("\"state\":\"JOB_STATE_SUCCEEDED\""));
}

TEST_F(RunTest, LogsShowWhatIsStoredAndEnd) {
  const std::string job = StartJob();
  controller_.Write(job, kOut, "a\nb");
  controller_.Write(job, kOut, "c\n");
  controller_.Write(job, kErr, "e\n");
  FakeProcess logs;
  EXPECT_EQ(logs.Run(Args({"logs", job, "--timestamps"})), 0);
  EXPECT_EQ(logs.streams.out(),
            "2023-11-14T22:13:20.123456789Z a\n2023-11-14T22:13:20.123456789Z bc\n");
  EXPECT_EQ(logs.streams.err(), "2023-11-14T22:13:20.123456789Z e\n");
  EndJob(job);
  process_.Wait();
}

TEST_F(RunTest, LogsAskForWhatTheFlagsSay) {
  const std::string job = StartJob();
  EndJob(job);
  process_.Wait();
  FakeProcess logs;
  EXPECT_EQ(logs.Run(Args({"logs", "-f", "--tail", "5", "--since", "2023-11-14T22:13:20Z",
                           "--stream", "stderr", job})),
            0);
  const v1::FollowLogsRequest request = controller_.followed().back();
  EXPECT_TRUE(request.follow());
  EXPECT_EQ(request.tail(), 5u);
  EXPECT_EQ(request.since().seconds(), 1'700'000'000);
  EXPECT_THAT(request.streams(), testing::ElementsAre(kErr));
}

TEST_F(RunTest, AHoleInTheLogIsMarkedOnStderr) {
  const std::string job = StartJob({});
  controller_.Write(job, kOut, "head\n");
  controller_.Cut(job, 100, 4096);
  controller_.Write(job, kOut, "tail\n");
  EndJob(job);
  EXPECT_EQ(process_.Wait(), 0);
  EXPECT_EQ(out(), "head\ntail\n");
  EXPECT_THAT(err(), HasSubstr("entries 2 to 101 (4KiB) were not kept"));
}

TEST_F(RunTest, LogsOfAnUnknownJobAreRefusedWithTheNextStep) {
  controller_.FailNext("FollowLogs", MakeError(absl::StatusCode::kNotFound, "JOB_NOT_FOUND",
                                               "no job job_000000000000"));
  EXPECT_EQ(process_.Run(Args({"logs", "job_000000000000"})), 125);
  EXPECT_THAT(err(), AllOf(HasSubstr("no job job_000000000000"), HasSubstr("`cronium jobs list`")));
  EXPECT_THAT(err(), Not(HasSubstr("trying")));
}

}  // namespace
}  // namespace cronium::cli
