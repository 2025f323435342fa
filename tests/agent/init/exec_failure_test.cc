// SPDX-License-Identifier: Apache-2.0
#include "agent/init/exec_failure.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

namespace cronium::agent::init {
namespace {

class DescribeExecFailureTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "exec-failure-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& content) {
    const std::string path = folder_ + "/script";
    std::ofstream(path) << content;
    return path;
  }

  std::string folder_;
};

TEST_F(DescribeExecFailureTest, NamesTheInterpreterThatTheImageLacks) {
  const std::string script = Write("#! /opt/none/python3 -u\nprint()\n");
  const ExecReport report = DescribeExecFailure(script, {.error = ENOENT});
  EXPECT_EQ(report.exit_code, 127);
  EXPECT_EQ(report.text, script +
                             ": the interpreter /opt/none/python3 named in its first line does not "
                             "exist in this image");
}

TEST_F(DescribeExecFailureTest, PointsAtACarriageReturn) {
  const ExecReport report = DescribeExecFailure(Write("#!/bin/sh\r\necho\r\n"), {.error = ENOENT});
  EXPECT_EQ(report.exit_code, 127);
  EXPECT_NE(report.text.find("the interpreter /bin/sh named"), std::string::npos);
  EXPECT_NE(report.text.find("save the script with Unix line ends"), std::string::npos);
}

TEST_F(DescribeExecFailureTest, TellsAMissingFileFromAMissingLoader) {
  EXPECT_EQ(DescribeExecFailure(folder_ + "/none", {.error = ENOENT}).text,
            folder_ + "/none: no such file");
  EXPECT_NE(DescribeExecFailure(Write("\177ELF"), {.error = ENOENT}).text.find("dynamic loader"),
            std::string::npos);
}

TEST_F(DescribeExecFailureTest, SaysThatAScriptWithoutAFirstLineNeedsAShell) {
  const std::string script = Write("echo hello\n");
  const ExecReport report = DescribeExecFailure(script, {.through_shell = true, .error = ENOENT});
  EXPECT_EQ(report.exit_code, 127);
  EXPECT_EQ(report.text, script + ": it has no #! line, and this image has no /bin/sh");
}

TEST_F(DescribeExecFailureTest, ExitsWith126ForWhatIsThereButCannotRun) {
  for (const int error : {EACCES, ENOEXEC, E2BIG, ENOMEM}) {
    EXPECT_EQ(DescribeExecFailure(Write("x"), {.error = error}).exit_code, 126) << error;
  }
}

TEST_F(DescribeExecFailureTest, CopesWithAFirstLineThatNamesNothing) {
  EXPECT_EQ(DescribeExecFailure(Write("#!"), {.error = ENOENT}).exit_code, 127);
  EXPECT_EQ(DescribeExecFailure(Write("#!  \n"), {.error = ENOENT}).exit_code, 127);
  EXPECT_EQ(DescribeExecFailure(Write(""), {.error = ENOENT}).exit_code, 127);
}

}  // namespace
}  // namespace cronium::agent::init
