// SPDX-License-Identifier: Apache-2.0
// The real program at a real terminal: what Ctrl-C and the answers do there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "tests/tools/cronium/fake_controller.h"

namespace cronium::cli {
namespace {

using testing::HasSubstr;

// `cronium run SCRIPT` in a terminal of its own.
class Terminal {
 public:
  Terminal(const std::string& controller, const std::string& script) {
    pid_ = forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      execl(CRONIUM_PROGRAM, "cronium", "--dev", "--controller", controller.c_str(), "run",
            script.c_str(), nullptr);
      _exit(99);
    }
  }
  ~Terminal() { close(terminal_); }

  void Type(absl::string_view keys) {
    ASSERT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  void Signal(int signal_number) { kill(pid_, signal_number); }
  // Reads until the text was shown, or the program ended.
  void WaitFor(absl::string_view text) {
    while (!absl::StrContains(shown_, text) && Read()) {
    }
  }
  int ExitCode() {
    while (Read()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  const std::string& shown() const { return shown_; }

 private:
  bool Read() {
    char buffer[4096];
    const ssize_t n = read(terminal_, buffer, sizeof(buffer));
    if (n <= 0) return false;
    shown_.append(buffer, n);
    return true;
  }

  int terminal_ = -1;
  pid_t pid_ = 0;
  std::string shown_;
};

class TerminalTest : public testing::Test {
 protected:
  TerminalTest() {
    std::ofstream(script_) << "#!/bin/bash\ntrue\n";
    terminal_ = std::make_unique<Terminal>(controller_.address(), script_);
    job_id_ = controller_.WaitForJob();
    controller_.StartExecution(job_id_, "exec_000000000001");
    controller_.WaitForFollowers(1);
  }
  ~TerminalTest() override { std::filesystem::remove(script_); }

  const std::string script_ =
      testing::TempDir() + "cronium-terminal-" + std::to_string(getpid()) + ".sh";
  FakeController controller_;
  std::unique_ptr<Terminal> terminal_;
  std::string job_id_;
};

TEST_F(TerminalTest, CtrlCAsksAndTheAnswerDetaches) {
  terminal_->Type("\x03");
  terminal_->WaitFor("to detach");
  terminal_->Type("d\n");
  EXPECT_EQ(terminal_->ExitCode(), 125);
  EXPECT_THAT(terminal_->shown(), HasSubstr("detached from " + job_id_));
  EXPECT_TRUE(controller_.cancelled().empty());
}

TEST_F(TerminalTest, AnEmptyAnswerGoesOn) {
  terminal_->Type("\x03");
  terminal_->WaitFor("to detach");
  terminal_->Type("\n");
  terminal_->WaitFor("going on");
  controller_.Write(job_id_, v1::LOG_STREAM_STDOUT, "still here\n");
  terminal_->WaitFor("still here");
  controller_.End(job_id_, v1::JOB_STATE_FAILED, v1::END_REASON_EXITED, 5);
  EXPECT_EQ(terminal_->ExitCode(), 5);
}

TEST_F(TerminalTest, ASecondCtrlCCancelsAndTheEndIsAwaited) {
  terminal_->Type("\x03");
  terminal_->WaitFor("to detach");
  terminal_->Type("\x03");
  controller_.WaitForCancel();
  controller_.End(job_id_, v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, 143);
  EXPECT_EQ(terminal_->ExitCode(), 130);
  EXPECT_THAT(terminal_->shown(), HasSubstr(job_id_ + " CANCELLED"));
}

TEST_F(TerminalTest, ASignalThatTimeoutSendsTwiceIsOneRequest) {
  terminal_->Signal(SIGINT);
  terminal_->Signal(SIGINT);
  terminal_->WaitFor("to detach");
  terminal_->Type("d\n");
  EXPECT_EQ(terminal_->ExitCode(), 125);
  EXPECT_TRUE(controller_.cancelled().empty());
}

TEST_F(TerminalTest, SigtermCancelsWithoutAsking) {
  terminal_->Signal(SIGTERM);
  controller_.WaitForCancel();
  controller_.End(job_id_, v1::JOB_STATE_CANCELLED, v1::END_REASON_CANCELLED, 143);
  EXPECT_EQ(terminal_->ExitCode(), 130);
}

}  // namespace
}  // namespace cronium::cli
