// SPDX-License-Identifier: Apache-2.0
#include "agent/process/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/file.h"
#include "common/pki/pki.h"

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "options-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    for (const char* file : {"/inject/bin/cronium-init", "/inject/lib/cronium.sh"}) {
      std::filesystem::create_directories(std::filesystem::path(folder_ + file).parent_path());
      EXPECT_TRUE(WriteFileAtomic(folder_ + file, "", 0755).ok());
    }
  }
  ~OptionsTest() override { std::filesystem::remove_all(folder_); }

  // -1 where all is well.
  int Parse(std::vector<std::string> args) {
    args.insert(args.begin(), {"cronium-agent", "--inject-dir", folder_ + "/inject"});
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    testing::internal::CaptureStderr();
    options_ = {};
    const int status = ParseAgentOptions(static_cast<int>(argv.size()), argv.data(), &options_);
    said_ = testing::internal::GetCapturedStderr();
    return status;
  }
  int ParseDev(std::vector<std::string> args) {
    args.insert(args.begin(), {"--dev", "--controller", "127.0.0.1:7443", "--node", "web-1"});
    return Parse(args);
  }
  void ExpectRefused(const std::vector<std::string>& args, const std::string& flag) {
    EXPECT_GT(ParseDev(args), 0) << flag;
    EXPECT_THAT(said_, HasSubstr(flag));
  }

  // A certificate of a cluster's CA, and the flags for it.
  std::vector<std::string> Tls(const std::string& uri) {
    const absl::Time now = absl::Now();
    const auto ca = MakeCa("prod", now, now + absl::Hours(1));
    const auto issued = IssueCertificate(*ca, {uri, {"localhost"}, now, now + absl::Hours(1)});
    EXPECT_TRUE(issued.ok()) << issued.status();
    EXPECT_TRUE(WriteFileAtomic(folder_ + "/node.crt", issued->certificate_pem, 0600).ok());
    return {"--controller",  "controller:7443",     "--ca",  folder_ + "/ca.crt",
            "--certificate", folder_ + "/node.crt", "--key", folder_ + "/node.key"};
  }

  std::string folder_;
  AgentOptions options_;
  std::string said_;
};

TEST_F(OptionsTest, TheCertificateNamesNodeAndCluster) {
  ASSERT_EQ(Parse(Tls("cronium://prod/node/web-7")), -1) << said_;
  EXPECT_EQ(options_.node, "web-7");
  EXPECT_EQ(options_.cluster, "prod");
}

TEST_F(OptionsTest, AControllersCertificateIsRefused) {
  EXPECT_GT(Parse(Tls("cronium://prod/controller")), 0);
  EXPECT_THAT(said_, HasSubstr("--certificate"));
  EXPECT_THAT(said_, HasSubstr("controller"));
}

TEST_F(OptionsTest, DefaultsAreTheHosts) {
  ASSERT_EQ(ParseDev({}), -1) << said_;
  EXPECT_GT(options_.slots, 0);
  EXPECT_GT(options_.cpu_millis, 0);
  EXPECT_GT(options_.memory_bytes, 0);
  EXPECT_EQ(options_.node, "web-1");
  EXPECT_TRUE(options_.policy.allow_bridge_network);
}

TEST_F(OptionsTest, PathsBecomeAbsolute) {
  ASSERT_EQ(ParseDev({"--state-dir", "state", "--gateway-dir", "api/."}), -1) << said_;
  EXPECT_EQ(options_.state_dir, std::filesystem::current_path().string() + "/state");
  EXPECT_TRUE(std::filesystem::path(options_.gateway_dir).is_absolute());
}

TEST_F(OptionsTest, LabelsAndBansAreTaken) {
  ASSERT_EQ(ParseDev({"--label", "zone=a", "--label", "disk=ssd=fast", "--allow-bridge-network",
                      "false", "--max-memory-bytes", "1000"}),
            -1)
      << said_;
  EXPECT_THAT(options_.labels, ElementsAre(Pair("disk", "ssd=fast"), Pair("zone", "a")));
  EXPECT_FALSE(options_.policy.allow_bridge_network);
  EXPECT_EQ(options_.policy.max_memory_bytes, 1000);
}

TEST_F(OptionsTest, WhatIsWrongIsNamedByItsFlag) {
  ExpectRefused({"--label", "zone"}, "--label");
  ExpectRefused({"--label", "a=1", "--label", "a=2"}, "--label");
  ExpectRefused({"--label", "a=" + std::string(200, 'x')}, "--label");
  ExpectRefused({"--slots", "0"}, "--slots");
  ExpectRefused({"--slots", "many"}, "--slots");
  ExpectRefused({"--inject-dir", "/nowhere"}, "--inject-dir");
  ExpectRefused({"--engine-socket", "/" + std::string(200, 'x')}, "--engine-socket");
  ExpectRefused({"--max-spool-bytes", "16777216", "--max-execution-spool-bytes", "33554432"},
                "--max-execution-spool-bytes");
  ExpectRefused({"--controller", "10.0.0.1:7443"}, "--controller");
  ExpectRefused({"--node", "Web_1"}, "--node");
  ExpectRefused({"--no-such-flag"}, "--no-such-flag");
}

TEST_F(OptionsTest, WithoutDevTheThreeFilesAreRequired) {
  EXPECT_GT(Parse({"--controller", "c:1"}), 0);
  EXPECT_THAT(said_, HasSubstr("--ca"));
  EXPECT_GT(Parse({"--controller", "c:1", "--ca", "x", "--certificate", "/nowhere", "--key", "x"}),
            0);
  EXPECT_THAT(said_, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace cronium::agent
