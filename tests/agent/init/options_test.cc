// SPDX-License-Identifier: Apache-2.0
#include "agent/init/options.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cronium::agent::init {
namespace {

std::string Parse(std::vector<std::string> words, Options* options) {
  std::vector<char*> argv = {const_cast<char*>("cronium-init")};
  for (std::string& word : words) argv.push_back(word.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data(), options);
}

std::string ErrorOf(std::vector<std::string> words) {
  Options options;
  return Parse(std::move(words), &options);
}

TEST(ParseOptions, HasTheDefaultsOfTheContainerContract) {
  Options options;
  ASSERT_EQ(Parse({}, &options), "");
  EXPECT_EQ(options.job_dir, "/run/cronium/job");
  EXPECT_EQ(options.workdir, "/workspace");
  EXPECT_EQ(options.api_socket, "/run/cronium/api/runtime.sock");
  ASSERT_TRUE(options.relay.has_value());
  EXPECT_EQ(options.relay->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  EXPECT_EQ(ntohs(options.relay->sin_port), 8081);
  EXPECT_EQ(options.stop_grace_ms, 10'000);
  EXPECT_TRUE(options.command.empty());
}

TEST(ParseOptions, TakesEveryOptionInBothForms) {
  Options options;
  ASSERT_EQ(Parse({"--job-dir", "/j", "--workdir=/w", "--api-socket", "/s", "--relay=10.0.0.1:99",
                   "--stop-grace-ms", "0"},
                  &options),
            "");
  EXPECT_EQ(options.job_dir, "/j");
  EXPECT_EQ(options.workdir, "/w");
  EXPECT_EQ(options.api_socket, "/s");
  EXPECT_EQ(ntohs(options.relay->sin_port), 99);
  EXPECT_EQ(options.stop_grace_ms, 0);
}

TEST(ParseOptions, LeavesTheCommandAfterTheDashesAlone) {
  Options options;
  ASSERT_EQ(Parse({"--relay", "none", "--", "bash", "--relay", "", "--"}, &options), "");
  EXPECT_FALSE(options.relay.has_value());
  EXPECT_EQ(options.command, (std::vector<std::string>{"bash", "--relay", "", "--"}));
}

TEST(ParseOptions, NamesTheOptionThatIsWrong) {
  EXPECT_EQ(ErrorOf({"--job-dir", "here"}), "--job-dir must be an absolute path, not 'here'");
  EXPECT_EQ(ErrorOf({"--workdir", ""}), "--workdir must be an absolute path, not ''");
  EXPECT_EQ(ErrorOf({"--relay", "localhost:80"}),
            "--relay must be an IPv4 address and a port, like 127.0.0.1:8081, or none; not "
            "'localhost:80'");
  EXPECT_NE(ErrorOf({"--relay", "127.0.0.1:65536"}), "");
  EXPECT_EQ(ErrorOf({"--stop-grace-ms", "-1"}),
            "--stop-grace-ms must be a number from 0 to 3600000, not '-1'");
  EXPECT_EQ(ErrorOf({"--stop-grace-ms", "3600001"}),
            "--stop-grace-ms must be a number from 0 to 3600000, not '3600001'");
  EXPECT_EQ(ErrorOf({"--workdir"}), "--workdir needs a value");
  EXPECT_EQ(ErrorOf({"--api-socket", "/" + std::string(107, 's')}),
            "--api-socket is longer than a socket's path can be (107 bytes)");
  EXPECT_EQ(ErrorOf({"--colour", "red"}),
            "unknown option '--colour' (a command to run comes after --)");
}

}  // namespace
}  // namespace cronium::agent::init
