// SPDX-License-Identifier: Apache-2.0
#include "common/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "common/file.h"

namespace cronium {
namespace {

using ::testing::HasSubstr;

// A process with one number, one text and one switch, called `example`.
class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    std::string pattern = testing::TempDir() + "config-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigTest() override {
    for (const char* name : {"CRONIUM_EXAMPLE_HEARTBEAT_MS", "CRONIUM_EXAMPLE_NAME",
                             "CRONIUM_EXAMPLE_DEV", "CRONIUM_EXAMPLE_CONFIG"}) {
      unsetenv(name);
    }
    std::filesystem::remove_all(folder_);
  }

  std::string File(const std::string& content) {
    std::string path = folder_ + "/example.toml";
    EXPECT_TRUE(WriteFileAtomic(path, content, 0600).ok());
    return path;
  }

  // The exit status, or -1; what was said is in said_.
  int Parse(std::vector<std::string> arguments) {
    CLI::App app("An example.", "cronium-example");
    app.add_option("--heartbeat-ms", heartbeat_ms_)->check(CLI::Range(1, 1000));
    app.add_option("--name", name_);
    app.add_flag("--dev", dev_);
    ApplyConfigRules(&app, "example");
    arguments.insert(arguments.begin(), "cronium-example");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = ParseConfig(&app, static_cast<int>(argv.size()), argv.data(), [this] {
      return name_ == "bad" ? std::string("--name: is bad") : std::string();
    });
    said_ = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
    return status;
  }

  std::string folder_;
  int heartbeat_ms_ = 5;
  std::string name_ = "default";
  bool dev_ = false;
  std::string said_;
};

TEST_F(ConfigTest, WithoutAnythingTheDefaultsHold) {
  EXPECT_EQ(Parse({}), -1);
  EXPECT_EQ(heartbeat_ms_, 5);
  EXPECT_EQ(name_, "default");
  EXPECT_FALSE(dev_);
}

TEST_F(ConfigTest, TheFileIsOverriddenByTheEnvironmentAndThatByAFlag) {
  const std::string file = File("heartbeat-ms = 10\nname = \"file\"\ndev = true\n");
  EXPECT_EQ(Parse({"--config", file}), -1);
  EXPECT_EQ(heartbeat_ms_, 10);
  EXPECT_EQ(name_, "file");
  EXPECT_TRUE(dev_);

  setenv("CRONIUM_EXAMPLE_HEARTBEAT_MS", "20", 1);
  EXPECT_EQ(Parse({"--config", file}), -1);
  EXPECT_EQ(heartbeat_ms_, 20);
  EXPECT_EQ(name_, "file");

  EXPECT_EQ(Parse({"--config", file, "--heartbeat-ms", "30"}), -1);
  EXPECT_EQ(heartbeat_ms_, 30);
}

TEST_F(ConfigTest, TheEnvironmentAlsoNamesTheFile) {
  setenv("CRONIUM_EXAMPLE_CONFIG", File("heartbeat-ms = 11\n").c_str(), 1);
  EXPECT_EQ(Parse({}), -1);
  EXPECT_EQ(heartbeat_ms_, 11);
}

TEST_F(ConfigTest, AnUnknownFlagIsNamed) {
  EXPECT_GT(Parse({"--heartbeat", "1"}), 0);
  EXPECT_THAT(said_, HasSubstr("--heartbeat"));
}

TEST_F(ConfigTest, AnUnknownKeyInTheFileIsNamed) {
  EXPECT_GT(Parse({"--config", File("heartbeat-sm = 1\n")}), 0);
  EXPECT_THAT(said_, HasSubstr("heartbeat-sm"));
}

TEST_F(ConfigTest, AMissingFileIsNamed) {
  EXPECT_GT(Parse({"--config", folder_ + "/none.toml"}), 0);
  EXPECT_THAT(said_, HasSubstr("none.toml"));
}

TEST_F(ConfigTest, AValueOutOfRangeIsNamedWhereverItStands) {
  EXPECT_GT(Parse({"--heartbeat-ms", "0"}), 0);
  EXPECT_THAT(said_, HasSubstr("heartbeat-ms"));
  EXPECT_GT(Parse({"--config", File("heartbeat-ms = 5000\n")}), 0);
  EXPECT_THAT(said_, HasSubstr("heartbeat-ms"));
  setenv("CRONIUM_EXAMPLE_HEARTBEAT_MS", "often", 1);
  EXPECT_GT(Parse({}), 0);
  EXPECT_THAT(said_, HasSubstr("heartbeat-ms"));
}

TEST_F(ConfigTest, WhatOptionsMeanTogetherIsChecked) {
  EXPECT_EQ(Parse({"--name", "bad"}), 2);
  EXPECT_THAT(said_, HasSubstr("cronium-example: --name: is bad"));
}

TEST_F(ConfigTest, HelpNamesTheEnvironmentAndIsNoFailure) {
  EXPECT_EQ(Parse({"--help"}), 0);
  EXPECT_THAT(said_, HasSubstr("CRONIUM_EXAMPLE_HEARTBEAT_MS"));
}

}  // namespace
}  // namespace cronium
