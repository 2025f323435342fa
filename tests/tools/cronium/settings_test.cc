// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace cronium::cli {
namespace {

using testing::HasSubstr;

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    folder_ = testing::TempDir() + "cronium-settings-" + std::to_string(getpid());
    std::filesystem::create_directories(folder_ + "/cronium");
    variables_["XDG_CONFIG_HOME"] = folder_;
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  void WriteSettingsFile(const std::string& text) {
    std::ofstream(folder_ + "/cronium/cli.toml") << text;
  }
  absl::StatusOr<Settings> Resolve(const SettingValues& flags = {}) {
    return ResolveSettings(flags, [this](const char* name) -> std::optional<std::string> {
      const auto it = variables_.find(name);
      return it == variables_.end() ? std::nullopt : std::optional(it->second);
    });
  }

  std::string folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(SettingsTest, DefaultsAreWhatInitMadeOnThisHost) {
  const auto settings = Resolve();
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->controller, kDefaultController);
  EXPECT_EQ(settings->ca, kDefaultCa);
  EXPECT_EQ(settings->token_file, kDefaultTokenFile);
  EXPECT_EQ(settings->name_space, "default");
  EXPECT_FALSE(settings->dev);
}

TEST_F(SettingsTest, FlagsComeBeforeTheEnvironmentAndThatBeforeTheFile) {
  WriteSettingsFile("controller = \"file:1\"\nca = \"/file/ca\"\nnamespace = \"file\"\n");
  variables_["CRONIUM_CONTROLLER"] = "environment:1";
  variables_["CRONIUM_CA"] = "/environment/ca";
  SettingValues flags;
  flags.controller = "flag:1";
  const auto settings = Resolve(flags);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->controller, "flag:1");
  EXPECT_EQ(settings->ca, "/environment/ca");
  EXPECT_EQ(settings->name_space, "file");
}

TEST_F(SettingsTest, ATokenFileAsAFlagHidesATokenInTheEnvironment) {
  variables_["CRONIUM_TOKEN"] = "secret";
  SettingValues flags;
  flags.token_file = "/some/file";
  const auto settings = Resolve(flags);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->token, "");
  EXPECT_EQ(settings->token_file, "/some/file");
}

TEST_F(SettingsTest, TokenAndTokenFileFromOnePlaceContradictEachOther) {
  SettingValues flags;
  flags.token_file = "/some/file";
  flags.token = "secret";
  EXPECT_THAT(Resolve(flags).status().message(), HasSubstr("flags: has both"));
}

TEST_F(SettingsTest, WithDevNoTokenIsLookedFor) {
  WriteSettingsFile("dev = true\n");
  const auto settings = Resolve();
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_TRUE(settings->dev);
  EXPECT_EQ(*LoadToken(*settings), "");
}

TEST_F(SettingsTest, AWrongKeyInTheFileIsNamed) {
  WriteSettingsFile("controler = \"x:1\"\n");
  EXPECT_THAT(Resolve().status().message(), HasSubstr("cli.toml: controler: no such key"));
  WriteSettingsFile("dev = \"perhaps\"\n");
  EXPECT_THAT(Resolve().status().message(), HasSubstr("dev: is true or false"));
}

TEST_F(SettingsTest, AFileThatIsNamedMustBeThere) {
  variables_["CRONIUM_CLI_CONFIG"] = folder_ + "/none.toml";
  EXPECT_THAT(Resolve().status().message(), HasSubstr("none.toml"));
}

TEST_F(SettingsTest, ATokenIsReadWithoutTheNewlineAfterIt) {
  const std::string path = folder_ + "/token";
  std::ofstream(path) << "cronium_abc\n";
  Settings settings;
  settings.token_file = path;
  EXPECT_EQ(*LoadToken(settings), "cronium_abc");
  std::ofstream(path) << "two words\n";
  EXPECT_THAT(LoadToken(settings).status().message(), HasSubstr("holds no token"));
}

TEST_F(SettingsTest, AMissingTokenSaysHowToGiveOne) {
  Settings settings;
  settings.token_file = folder_ + "/none";
  EXPECT_THAT(LoadToken(settings).status().message(), HasSubstr("No such file"));
  EXPECT_THAT(LoadToken(settings).status().message(), HasSubstr("--token-file"));
}

}  // namespace
}  // namespace cronium::cli
