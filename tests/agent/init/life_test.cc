// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "job_run.h"

namespace cronium::agent::init {
namespace {

// What the shell prints of the environment that init made for it.
std::string OutputOf(const std::string& script) {
  JobRun job;
  job.WriteScript("#!/bin/sh\n" + script + "\n");
  job.Start();
  std::string output = job.out().ReadAll();
  EXPECT_EQ(job.Wait(), 0);
  return output;
}

TEST(InitLife, ReportsStartAndEnd) {
  JobRun job;
  job.WriteScript("#!/bin/sh\nexit 0\n");
  const int64_t before = BootNs();
  job.Start();
  const std::string started = job.status().AwaitStarted();
  ASSERT_EQ(started.substr(0, 8), "started ");
  EXPECT_GE(std::stoll(started.substr(8)), before);
  EXPECT_LE(std::stoll(started.substr(8)), BootNs());
  EXPECT_EQ(job.status().ReadAll(), "ended exit 0\ndrained\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitLife, ExitsWithTheJobsOwnCode) {
  for (const int code : {0, 1, 42, 126, 127, 255}) {
    JobRun job;
    job.WriteScript("#!/bin/sh\nexit " + std::to_string(code) + "\n");
    job.Start();
    EXPECT_EQ(job.Wait(), code);
  }
}

TEST(InitLife, ExitsWith128PlusTheSignalThatKilledTheJob) {
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV}) {
    JobRun job;
    job.WriteScript("#!/bin/sh\nulimit -c 0; kill -" + std::to_string(signal) + " $$\n");
    job.Start();
    job.status().AwaitStarted();
    EXPECT_EQ(job.status().ReadLine(), "ended signal " + std::to_string(signal));
    EXPECT_EQ(job.Wait(), 128 + signal);
  }
}

TEST(InitLife, PassesACommandItsArgumentsUntouched) {
  JobRun job;
  job.WriteScript("for a; do echo \"<$a>\"; done");
  job.Start({}, {"sh", job.Path("script"), "a b", "", "--", "*", "\n"});
  EXPECT_EQ(job.out().ReadAll(), "<a b>\n<>\n<-->\n<*>\n<\n>\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitLife, RunsAScriptWithoutAFirstLineWithTheShell) {
  JobRun job;
  job.WriteScript("echo plain $0\n");
  job.Start();
  EXPECT_EQ(job.out().ReadAll(), "plain " + job.Path("script") + "\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitLife, PutsTheHelpersFirstInPath) {
  EXPECT_EQ(OutputOf("echo $PATH").substr(0, 18), "/opt/cronium/bin:/");
}

TEST(InitLife, GivesAJobWithoutPathASensibleOne) {
  const std::string path = getenv("PATH");
  unsetenv("PATH");
  EXPECT_EQ(OutputOf("echo $PATH"),
            "/opt/cronium/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
  setenv("PATH", path.c_str(), 1);
}

TEST(InitLife, PutsTheHelpersBeforeTheModulesOfTheImageOrJob) {
  unsetenv("PYTHONPATH");
  setenv("NODE_PATH", "", 1);
  EXPECT_EQ(OutputOf("echo $PYTHONPATH $NODE_PATH"),
            "/opt/cronium/lib/python /opt/cronium/lib/node/node_modules\n");
  setenv("PYTHONPATH", "/app:/lib", 1);
  setenv("NODE_PATH", "/app", 1);
  EXPECT_EQ(OutputOf("echo $PYTHONPATH $NODE_PATH"),
            "/opt/cronium/lib/python:/app:/lib /opt/cronium/lib/node/node_modules:/app\n");
  unsetenv("PYTHONPATH");
  unsetenv("NODE_PATH");
}

TEST(InitLife, StartsInTheWorkingFolderWithEmptyInput) {
  EXPECT_EQ(OutputOf("pwd; cat; readlink /proc/$$/fd/0"), "/tmp\n/dev/null\n");
}

TEST(InitLife, LeadsASessionAndAGroupOfItsOwn) {
  EXPECT_EQ(OutputOf("set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 = $$ ] && echo leader"),
            "leader\n");
}

TEST(InitLife, StartsWithEverySignalAsByDefaultAndNoStrayDescriptor) {
  signal(SIGINT, SIG_IGN);  // as a careless parent might
  EXPECT_EQ(OutputOf("grep -E '^Sig(Blk|Ign)' /proc/self/status"),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  signal(SIGINT, SIG_DFL);
  EXPECT_EQ(OutputOf("ls /proc/$$/fd"), "0\n1\n10\n2\n") << "10 is the script";
}

TEST(InitLife, FallsBackToTheRootAndSaysSoWhenTheWorkingFolderIsMissing) {
  JobRun job;
  job.WriteScript("#!/bin/sh\npwd\n");
  job.Start({"--workdir", "/nonexistent"});
  EXPECT_EQ(job.status().ReadLine(),
            "warning workdir cannot enter /nonexistent: No such file or directory; running in /");
  EXPECT_EQ(job.out().ReadAll(), "/\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitLife, ForwardsASignalToTheWholeGroup) {
  JobRun job;
  job.WriteScript(R"(#!/bin/sh
exec 2>/dev/null
trap 'wait; echo parent; exit 3' TERM
(trap 'echo child; exit' TERM; echo up; while :; do sleep 0.02; done) &
echo up
while :; do sleep 0.02; done
)");
  job.Start();
  EXPECT_EQ(job.out().Read(6), "up\nup\n");
  kill(job.pid(), SIGTERM);
  EXPECT_EQ(job.out().ReadAll(), "child\nparent\n");
  EXPECT_EQ(job.Wait(), 3);
}

TEST(InitLife, ForwardsEverySignalOfTheContract) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH}) {
    JobRun job;
    // Bash reports on stderr that its child was signalled, too.
    job.WriteScript("#!/bin/bash\nexec 2>/dev/null\ntrap 'echo got; exit 0' " +
                    std::to_string(signal) + "\necho up\nwhile :; do sleep 0.02; done\n");
    job.Start();
    EXPECT_EQ(job.out().ReadLine(), "up");
    kill(job.pid(), signal);
    EXPECT_EQ(job.out().ReadAll(), "got\n") << signal;
    EXPECT_EQ(job.Wait(), 0);
  }
}

TEST(InitLife, LeavesNoProcessBehind) {
  JobRun job;
  // A child, one in a session of its own, an orphan of an orphan, and one that ignores TERM.
  job.WriteScript(R"(#!/bin/sh
sleep 1000 & echo $!
setsid sh -c 'echo $$; exec sleep 1000' &
(setsid sh -c '(sh -c "trap : TERM HUP; echo \$\$; sleep 1000; sleep 1000" &)' &)
read x <$GO
exit 5
)");
  job.Start();
  std::vector<pid_t> pids(3);
  for (pid_t& pid : pids) pid = std::stoi(job.out().ReadLine());
  job.Go();
  EXPECT_EQ(job.Wait(), 5);
  for (const pid_t pid : pids) {
    EXPECT_EQ(kill(pid, 0), -1) << pid;
    EXPECT_EQ(errno, ESRCH);
  }
}

TEST(InitLife, ReapsOrphansWhileTheJobRuns) {
  JobRun job;
  job.WriteScript(R"(#!/bin/sh
(sh -c 'echo $$' &)
read x <$GO
)");
  job.Start();
  const std::string orphan = job.out().ReadLine();
  // A zombie's entry in /proc stays until it is reaped.
  while (std::filesystem::exists("/proc/" + orphan)) {
    ASSERT_TRUE(job.Running());
  }
  job.Go();
  EXPECT_EQ(job.Wait(), 0);
}

class InitStartFailure : public testing::Test {
 protected:
  // What init says of a job that cannot start, in both places, and what it exits with.
  void ExpectFailure(const std::string& word, const std::string& text, int exit_code,
                     std::vector<std::string> command = {}, std::vector<std::string> options = {}) {
    job_.Start(std::move(options), std::move(command));
    if (word == "exec") {
      EXPECT_EQ(job_.status().ReadLine(), "starting");
    }
    EXPECT_EQ(job_.status().ReadLine(), "error " + word + " " + text);
    EXPECT_EQ(job_.err().ReadAll(), "cronium-init: " + text + "\n");
    EXPECT_EQ(job_.status().ReadAll(), "drained\n");
    EXPECT_EQ(job_.Wait(), exit_code);
  }

  JobRun job_;
};

TEST_F(InitStartFailure, NamesAMissingInterpreter) {
  job_.WriteScript("#!/usr/bin/no-such-python3\nprint()\n");
  ExpectFailure("exec",
                job_.Path("script") +
                    ": the interpreter /usr/bin/no-such-python3 named in its first line does not "
                    "exist in this image",
                127);
}

TEST_F(InitStartFailure, NamesAMissingCommand) {
  ExpectFailure("exec", "no-such-shell: command not found in PATH", 127, {"no-such-shell", "x"});
}

TEST_F(InitStartFailure, DoesNotTakeACommandFromTheWorkingFolder) {
  job_.WriteScript("#!/bin/sh\n");
  std::filesystem::rename(job_.Path("script"), job_.Path("stray-script"));
  ExpectFailure("exec", "stray-script: command not found in PATH", 127, {"stray-script"},
                {"--workdir", job_.dir()});
}

TEST_F(InitStartFailure, NamesAScriptThatIsNotThere) {
  ExpectFailure("exec", job_.Path("script") + ": no such file", 127);
}

TEST_F(InitStartFailure, NamesAScriptThatMayNotRun) {
  job_.WriteScript("#!/bin/sh\n", 0444);
  ExpectFailure(
      "exec", job_.Path("script") + ": permission denied: it or its interpreter is not executable",
      126);
}

TEST_F(InitStartFailure, RefusesAProgramOfAnotherMachine) {
  job_.WriteScript(std::string("\177ELF\1\1\1\0", 8));
  ExpectFailure("exec", job_.Path("script") + ": it is a program for another kind of machine", 126);
}

TEST_F(InitStartFailure, RefusesAFileInTheFifosPlace) {
  std::filesystem::remove(job_.Path("stdout"));
  std::ofstream(job_.Path("stdout")) << "";
  ExpectFailure("fifo", job_.Path("stdout") + " is not a FIFO", 126);
}

TEST_F(InitStartFailure, RefusesToStartWithoutALease) {
  std::filesystem::remove(job_.Path("lease"));
  ExpectFailure("lease",
                "cannot open the lease file " + job_.Path("lease") + ": No such file or directory",
                126);
}

TEST_F(InitStartFailure, RefusesToStartUnderAGarbledLease) {
  job_.WriteLease("soon\n");
  ExpectFailure("lease",
                "the lease file " + job_.Path("lease") +
                    " is neither a CLOCK_BOOTTIME time in nanoseconds nor 'keep'",
                126);
}

TEST_F(InitStartFailure, RefusesToStartUnderAnEndedLease) {
  job_.WriteScript("#!/bin/sh\necho ran\n");
  job_.WriteLease(std::to_string(BootNs()));
  ExpectFailure("lease", "the lease ended before the job could start", 126);
  EXPECT_EQ(job_.out().ReadAll(), "");
}

TEST(InitStartFailures, DoNotWaitForeverForAReaderThatNeverComes) {
  JobRun job;
  job.WriteLease("soon\n");
  job.Start();
  EXPECT_EQ(job.Wait(), 126);
}

}  // namespace
}  // namespace cronium::agent::init
