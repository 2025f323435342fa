// SPDX-License-Identifier: Apache-2.0
// The names as programs, and cronium.sh to source, in every shell at hand.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "fake_api.h"
#include "helper_run.h"

namespace cronium::gateway::helpers {
namespace {

const std::string kInject = CRONIUM_INJECT_DIR;

// Each as the words that run a script of its following argument.
std::vector<std::vector<std::string>> Shells() {
  std::vector<std::vector<std::string>> shells;
  for (const std::vector<std::string>& shell :
       std::vector<std::vector<std::string>>{{"/bin/bash", "-c"},
                                             {"/bin/bash", "--posix", "-c"},
                                             {"/bin/dash", "-c"},
                                             {"/bin/busybox", "sh", "-c"}}) {
    if (access(shell[0].c_str(), X_OK) == 0) shells.push_back(shell);
  }
  return shells;
}

class ShellsTest : public testing::Test {
 protected:
  ShellsTest()
      : api_(folder_.Path("api.sock"), [](const SeenRequest& request, int) {
          if (request.method != "GET") return JsonResponse(200, R"({"success":true})");
          return JsonResponse(200, R"({"data":{"key":"k","value":"stored"}})");
        }) {}

  RunResult RunIn(std::vector<std::string> shell, const std::string& script) {
    shell.push_back(script);
    return RunProgram(shell, environment_);
  }

  TempFolder folder_;
  std::map<std::string, std::string> environment_ = {
      {"PATH", kInject + "/bin:/usr/bin:/bin"},
      {"INJECT", kInject},
      {"CRONIUM_EXECUTION_TOKEN", "t"},
      {"CRONIUM_EXECUTION_ID", "exec_1"},
      {"CRONIUM_RUNTIME_SOCKET", folder_.Path("api.sock")}};
  FakeApi api_;
};

TEST_F(ShellsTest, TheProgramIsSmallerThanThreeMegabytes) {
  EXPECT_LT(std::filesystem::file_size(kInject + "/bin/cronium-helper"), 3'000'000u);
}

TEST_F(ShellsTest, TheNamesAreProgramsOnThePath) {
  for (const auto& shell : Shells()) {
    const RunResult result =
        RunIn(shell,
              "set -eu; cronium_set_variable k v; x=$(cronium_get_variable k); echo \"got $x\"; "
              "printf 'a b\\0c' | xargs -0 -n 1 cronium_set_variable key; "
              "find \"$INJECT/lib\" -name cronium.sh -exec cronium_output {} \\;");
    EXPECT_EQ(result.exit_code, 0) << shell[0];
    EXPECT_EQ(result.out, "got stored\n");
    EXPECT_EQ(result.err, "");
  }
  EXPECT_EQ(api_.requests().size(), Shells().size() * 5);
}

TEST_F(ShellsTest, TheFileMakesThemFunctions) {
  for (const auto& shell : Shells()) {
    const RunResult result = RunIn(shell,
                                   "set -eu; . \"$INJECT/lib/cronium.sh\"; "
                                   "command -v cronium_get_variable; "
                                   "cronium_set_variable 'a b' '{\"c\": \"d  e\"}'");
    EXPECT_EQ(result.exit_code, 0) << shell[0];
    EXPECT_EQ(result.out, "cronium_get_variable\n") << "a function, not a path";
    EXPECT_EQ(api_.requests().back().path, "/executions/exec_1/variables/a%20b");
    EXPECT_EQ(api_.requests().back().body, R"({"value":{"c": "d  e"}})");
  }
}

TEST_F(ShellsTest, TheFileDefinesEveryNameThatIsAProgram) {
  std::string script = "set -eu; . \"$INJECT/lib/cronium.sh\"; PATH=; ";
  int names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kInject + "/bin")) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("cronium_")) continue;
    script.append("command -v ").append(name).append("; ").append(name).append(" --help; ");
    ++names;
  }
  EXPECT_EQ(names, 16);
  const RunResult result = RunIn({"/bin/bash", "-c"}, script);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ShellsTest, SourcingTheFileOutsideAJobSucceedsAndTheFirstCallFails) {
  environment_ = {{"INJECT", kInject}, {"PATH", "/usr/bin:/bin"}};
  std::filesystem::copy(kInject + "/lib/cronium.sh", folder_.Path("cronium.sh"));
  for (const auto& shell : Shells()) {
    const RunResult result = RunIn(shell, "set -eu; . " + folder_.Path("cronium.sh") +
                                              "; echo sourced; cronium_input || exit 5");
    EXPECT_EQ(result.out, "sourced\n") << shell[0];
    EXPECT_EQ(result.exit_code, 5);
    EXPECT_EQ(result.err.substr(0, 38), "cronium_input: not inside a Cronium jo");
  }
}

TEST_F(ShellsTest, AFailureIsAnExitStatusThatShellsSee) {
  for (const auto& shell : Shells()) {
    const RunResult result = RunIn(shell,
                                   "if ! cronium_set_condition maybe; then echo handled; fi; "
                                   "set -e; cronium_set_condition maybe; echo never");
    EXPECT_EQ(result.exit_code, 1) << shell[0];
    EXPECT_EQ(result.out, "handled\n");
  }
}

}  // namespace
}  // namespace cronium::gateway::helpers
