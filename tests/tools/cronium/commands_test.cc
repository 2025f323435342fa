// SPDX-License-Identifier: Apache-2.0
// The commands that ask once: jobs, nodes, variables, and the command line itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/tools/cronium/fake_controller.h"
#include "tests/tools/cronium/fake_process.h"

namespace cronium::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CommandsTest : public testing::Test {
 protected:
  int Run(std::vector<std::string> args) {
    args.insert(args.begin(), {"--dev", "--controller", controller_.address()});
    process_ = std::make_unique<FakeProcess>();
    process_->streams.set_stdin(stdin_);
    process_->environment = environment_;
    return process_->Run(std::move(args));
  }
  std::string out() const { return process_->streams.out(); }
  std::string err() const { return process_->streams.err(); }

  void PutJob(const std::string& id, v1::JobState state, int exit_code = -1) {
    v1::Job job;
    job.set_id(id);
    job.set_state(state);
    if (exit_code >= 0) {
      job.set_end_reason(v1::END_REASON_EXITED);
      job.set_exit_code(exit_code);
    }
    controller_.PutJob(job);
  }

  FakeController controller_;
  std::unique_ptr<FakeProcess> process_;
  std::string stdin_;
  std::map<std::string, std::string> environment_;
};

TEST_F(CommandsTest, JobsListGoesThroughAllPages) {
  for (int i = 1; i <= 5; ++i) PutJob("job_00000000000" + std::to_string(i), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(Run({"jobs", "list"}), 0);
  EXPECT_THAT(out(), StartsWith("JOB               STATE   EXIT  NODE"));
  EXPECT_LT(out().find("job_000000000005"), out().find("job_000000000001"));
  EXPECT_EQ(err(), "");
}

TEST_F(CommandsTest, JobsListSaysWhereThereAreMoreThanItShows) {
  for (int i = 1; i <= 5; ++i) PutJob("job_00000000000" + std::to_string(i), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(Run({"jobs", "list", "--limit", "3"}), 0);
  EXPECT_THAT(out(), Not(HasSubstr("job_000000000002")));
  EXPECT_THAT(err(), HasSubstr("the newest 3: --limit shows more"));
}

TEST_F(CommandsTest, JobsListFiltersAtTheController) {
  EXPECT_EQ(Run({"jobs", "list", "--state", "timed_out", "--node", "web-1", "--label", "a=b=c",
                 "--label", "d=e", "--namespace", "team"}),
            0);
  EXPECT_EQ(controller_.listed().at(0).filter(),
            "state=TIMED_OUT AND node=web-1 AND label.a=b=c AND label.d=e");
  EXPECT_EQ(controller_.listed().at(0).namespace_(), "team");
  EXPECT_EQ(Run({"jobs", "list", "--state", "done"}), 125);
  EXPECT_THAT(err(), HasSubstr("--state: \"done\" is none of queued"));
  EXPECT_EQ(Run({"jobs", "list", "--label", "a=x AND y"}), 125);
}

TEST_F(CommandsTest, JsonIsOneObject) {
  PutJob("job_000000000001", v1::JOB_STATE_FAILED, 3);
  EXPECT_EQ(Run({"jobs", "list", "--output", "json"}), 0);
  EXPECT_EQ(out(),
            "{\n \"jobs\": [\n  {\n   \"id\": \"job_000000000001\",\n"
            "   \"state\": \"JOB_STATE_FAILED\",\n   \"endReason\": \"END_REASON_EXITED\",\n"
            "   \"exitCode\": 3\n  }\n ]\n}\n");
  EXPECT_EQ(Run({"-o", "json", "jobs", "get", "job_000000000001"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"exitCode\": 3"));
}

TEST_F(CommandsTest, JobsGetShowsItsAttempts) {
  PutJob("job_000000000001", v1::JOB_STATE_QUEUED);
  controller_.StartExecution("job_000000000001", "exec_000000000007", "web-3");
  EXPECT_EQ(Run({"jobs", "get", "job_000000000001"}), 0);
  EXPECT_THAT(out(), HasSubstr("exec_000000000007  RUNNING  web-3"));
  EXPECT_EQ(Run({"jobs", "get", "job_x"}), 125);
  EXPECT_EQ(err(), "cronium: no job job_x (JOB_NOT_FOUND); `cronium jobs list` shows the jobs\n");
}

TEST_F(CommandsTest, JobsCancelTellsWhatBecomesOfEach) {
  PutJob("job_000000000001", v1::JOB_STATE_QUEUED);
  PutJob("job_000000000002", v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Run({"jobs", "cancel", "--reason", "too late", "job_000000000001", "job_000000000002"}),
            0);
  EXPECT_EQ(out(), "job_000000000001 CANCELLED\njob_000000000002 RUNNING, will be cancelled\n");
  EXPECT_EQ(controller_.cancelled().at(0).reason(), "too late");
}

TEST_F(CommandsTest, JobsResultPutsTheOutputOnStdoutAndTheEndOnStderr) {
  PutJob("job_000000000001", v1::JOB_STATE_RUNNING);
  controller_.Write("job_000000000001", v1::LOG_STREAM_STDOUT, "42");
  EXPECT_EQ(Run({"jobs", "result", "job_000000000001"}), 125);
  EXPECT_THAT(err(), HasSubstr("`cronium jobs wait` waits for the end"));
  controller_.End("job_000000000001", v1::JOB_STATE_FAILED, v1::END_REASON_EXITED, 3);
  EXPECT_EQ(Run({"jobs", "result", "job_000000000001"}), 0);
  EXPECT_EQ(out(), "42");
  EXPECT_EQ(err(), "cronium: job_000000000001 FAILED: exit code 3\n");
}

TEST_F(CommandsTest, JobsWaitExitsAsTheFirstThatFailed) {
  PutJob("job_000000000001", v1::JOB_STATE_SUCCEEDED, 0);
  PutJob("job_000000000002", v1::JOB_STATE_FAILED, 9);
  EXPECT_EQ(Run({"jobs", "wait", "job_000000000001"}), 0);
  EXPECT_EQ(Run({"jobs", "wait", "job_000000000002", "job_000000000001", "job_000000000002"}), 9);
  EXPECT_THAT(out(), HasSubstr("job_000000000001 SUCCEEDED\n"));
  EXPECT_THAT(out(), HasSubstr("job_000000000002 FAILED: exit code 9\n"));
}

TEST_F(CommandsTest, JobsWaitOutlastsARestartOfTheController) {
  PutJob("job_000000000001", v1::JOB_STATE_RUNNING);
  PutJob("job_000000000002", v1::JOB_STATE_SUCCEEDED, 0);
  FakeProcess wait;
  wait.Start({"--dev", "--controller", controller_.address(), "jobs", "wait", "job_000000000001",
              "job_000000000002"});
  wait.streams.WaitFor("job_000000000002 SUCCEEDED");
  controller_.Stop();
  wait.streams.WaitFor("trying again");
  controller_.End("job_000000000001", v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED);
  controller_.Start();
  EXPECT_EQ(wait.Wait(), 130);
  EXPECT_EQ(wait.streams.out(), "job_000000000002 SUCCEEDED\njob_000000000001 CANCELLED\n");
}

TEST_F(CommandsTest, JobsWaitEndsAtItsOwnTimeout) {
  PutJob("job_000000000001", v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Run({"jobs", "wait", "--timeout", "50ms", "job_000000000001"}), 125);
  EXPECT_THAT(err(), HasSubstr("after 50ms, 1 of 1 job has not ended"));
}

TEST_F(CommandsTest, NodesAreListedAndShown) {
  v1::Node node;
  node.set_name("web-1");
  node.set_state(v1::NODE_STATE_READY);
  node.mutable_facts()->set_kernel("6.1");
  controller_.PutNode(node);
  EXPECT_EQ(Run({"nodes", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("web-1  READY  0/0"));
  EXPECT_EQ(Run({"nodes", "get", "web-1"}), 0);
  EXPECT_THAT(out(), HasSubstr("6.1"));
  EXPECT_EQ(Run({"nodes", "get", "web-2"}), 125);
  EXPECT_THAT(err(), HasSubstr("`cronium nodes list` shows the nodes"));
}

TEST_F(CommandsTest, AVariableComesBackAsItWasSet) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[1,2]", "[1,2]\n"},
      {"-5", "-5\n"},
      {"01234", "01234\n"},
      {"hello world", "hello world\n"},
      {"{\"b\":1,\"a\":12345678901234567890}", "{\"b\":1,\"a\":12345678901234567890}\n"},
      {"--dev", "--dev\n"},
      {"", "\n"},
      {"false", "false\n"},
  };
  for (const auto& [typed, shown] : cases) {
    EXPECT_EQ(Run({"variables", "set", "key", typed}), 0) << err();
    EXPECT_EQ(Run({"variables", "get", "key"}), 0);
    EXPECT_EQ(out(), shown);
  }
}

TEST_F(CommandsTest, WhatIsNotJsonBecomesAString) {
  EXPECT_EQ(Run({"variables", "set", "key", "01234"}), 0);
  EXPECT_EQ(Run({"variables", "get", "key", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"valueJson\": \"\\\"01234\\\"\""));
  EXPECT_EQ(Run({"variables", "set", "--string", "key", "5"}), 0);
  EXPECT_EQ(Run({"variables", "get", "key", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"valueJson\": \"\\\"5\\\"\""));
}

TEST_F(CommandsTest, AValueMayComeFromStdinWithoutTheNewlineAfterIt) {
  stdin_ = "line 1\nline 2\n";
  EXPECT_EQ(Run({"variables", "set", "key", "-"}), 0);
  EXPECT_EQ(Run({"variables", "get", "key"}), 0);
  EXPECT_EQ(out(), "line 1\nline 2\n");
}

TEST_F(CommandsTest, VariablesAreListedThroughAllPagesAndDeleted) {
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(Run({"variables", "set", key, "1"}), 0);
  EXPECT_EQ(Run({"variables", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("\nc    -    -       1\n"));
  EXPECT_EQ(Run({"variables", "delete", "b"}), 0);
  EXPECT_EQ(Run({"variables", "delete", "b"}), 125);
  EXPECT_THAT(err(), HasSubstr("VARIABLE_NOT_FOUND"));
}

TEST_F(CommandsTest, AnEtagGuardsAgainstAnothersChange) {
  EXPECT_EQ(Run({"variables", "set", "--if-etag", "7", "key", "1"}), 125);
  EXPECT_THAT(err(), HasSubstr("it was changed meanwhile: read it again"));
}

TEST_F(CommandsTest, TheTokenGoesAsABearerToken) {
  EXPECT_EQ(Run({"nodes", "list", "--token", "cronium_secret"}), 0);
  EXPECT_EQ(controller_.metadata("authorization"), "Bearer cronium_secret");
  environment_["CRONIUM_TOKEN"] = "cronium_other";
  EXPECT_EQ(Run({"nodes", "list"}), 0);
  EXPECT_EQ(controller_.metadata("authorization"), "Bearer cronium_other");
}

TEST_F(CommandsTest, AMissingTokenIsExplained) {
  controller_.FailNext("ListNodes", MakeError(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
                                              "an API token is needed"));
  EXPECT_EQ(Run({"nodes", "list"}), 125);
  EXPECT_EQ(err(),
            "cronium: an API token is needed (TOKEN_MISSING); give a token with --token-file, "
            "CRONIUM_TOKEN_FILE or CRONIUM_TOKEN\n");
}

TEST_F(CommandsTest, ClearTextLeavesNoHost) {
  process_ = std::make_unique<FakeProcess>();
  EXPECT_EQ(process_->Run({"--dev", "--controller", "192.0.2.1:7443", "nodes", "list"}), 125);
  EXPECT_THAT(err(), HasSubstr("only for addresses of this host"));
}

TEST_F(CommandsTest, AControllerThatIsNotThereIsNamedWithTheNextStep) {
  controller_.Stop();
  EXPECT_EQ(Run({"--retry-for", "0s", "nodes", "list"}), 125);
  EXPECT_THAT(err(), StartsWith("cronium: controller " + controller_.address() + ": "));
  EXPECT_THAT(err(), HasSubstr("--controller or CRONIUM_CONTROLLER says where"));
}

TEST_F(CommandsTest, BadUsageIsOneLineAndStatus125) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"jobs"},
                                             {"jobs", "list", "--nosuch"},
                                             {"jobs", "get"},
                                             {"jobs", "list", "--limit", "many"},
                                             {"nosuch"},
                                             {"run"},
                                             {"run", "--nosuch", "x.sh"},
                                             {"variables", "set", "key"},
                                             {"variables", "set", "key", "value", "--if-etag", "1"},
                                             {"--output", "yaml", "jobs", "list"},
                                             {"--retry-for", "long", "jobs", "list"}}) {
    EXPECT_EQ(Run(args), 125) << testing::PrintToString(args);
    EXPECT_THAT(err(), StartsWith("cronium: ")) << testing::PrintToString(args);
    EXPECT_EQ(err().find('\n'), err().size() - 1) << err();
    EXPECT_EQ(out(), "");
  }
}

TEST_F(CommandsTest, HelpStatesTheOrderOfSettingsAndTheExitCodes) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("CRONIUM_CONTROLLER, CRONIUM_CA, CRONIUM_TOKEN"));
  EXPECT_EQ(Run({"run", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("124 when a timeout ended the job"));
  EXPECT_THAT(out(), HasSubstr("[SCRIPT] [ARGS]"));
  EXPECT_EQ(err(), "");
}

TEST_F(CommandsTest, VersionAsksNobody) {
  controller_.Stop();
  EXPECT_EQ(Run({"version"}), 0);
  EXPECT_THAT(out(), StartsWith("cronium "));
}

}  // namespace
}  // namespace cronium::cli
