// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/container_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cronium::agent {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class ContainerConfigTest : public ::testing::Test {
 protected:
  ContainerConfigTest() {
    settings_.cluster = "prod";
    settings_.node = "web-1";
    settings_.inject_dir = "/usr/lib/cronium/inject";
    settings_.gateway_socket_dir = "/run/cronium/gateway";
    assignment_.set_execution_id("exec_000000000001");
    assignment_.set_job_id("job_000000000001");
    assignment_.set_namespace_("team");
    assignment_.set_attempt(2);
    assignment_.set_token("secret");
    spec().set_image("cronium/bash");
    spec().mutable_script()->set_content("echo hi");
  }

  v1::ContainerSpec& spec() { return *assignment_.mutable_spec()->mutable_container(); }
  ContainerConfig Make() { return MakeContainerConfig(assignment_, settings_, "/state/run/x"); }
  absl::Status Check() { return CheckPolicy(spec(), settings_.policy); }

  v1::Assignment assignment_;
  NodeSettings settings_;
};

TEST_F(ContainerConfigTest, AScriptWithoutInterpreterIsRunByInit) {
  assignment_.mutable_spec()->mutable_timeouts()->mutable_stop_grace()->set_nanos(250'000'000);
  EXPECT_THAT(Make().entrypoint, ElementsAre("/opt/cronium/bin/cronium-init", "--workdir",
                                             "/workspace", "--stop-grace-ms", "250", "--"));
}

TEST_F(ContainerConfigTest, InterpreterScriptAndArgumentsFollowInThatOrder) {
  spec().mutable_script()->add_interpreter("python3");
  spec().mutable_script()->add_interpreter("-u");
  spec().mutable_script()->add_args("one two");
  spec().set_working_dir("/srv");
  EXPECT_THAT(Make().entrypoint,
              ElementsAre("/opt/cronium/bin/cronium-init", "--workdir", "/srv", "--stop-grace-ms",
                          "0", "--", "python3", "-u", "/run/cronium/job/script", "one two"));
}

TEST_F(ContainerConfigTest, ArgumentsAloneGoToTheScript) {
  spec().mutable_script()->add_args("x");
  const std::vector<std::string> words = Make().entrypoint;
  EXPECT_THAT(std::vector<std::string>(words.end() - 3, words.end()),
              ElementsAre("--", "/run/cronium/job/script", "x"));
}

TEST_F(ContainerConfigTest, AGraceBeyondWhatInitTakesIsCut) {
  assignment_.mutable_spec()->mutable_timeouts()->mutable_stop_grace()->set_seconds(86400);
  EXPECT_THAT(Make().entrypoint, Contains("3600000"));
}

TEST_F(ContainerConfigTest, TheEnvironmentIsTheRuntimeApis) {
  assignment_.set_event_id("ev");
  EXPECT_THAT(
      Make().env,
      IsSupersetOf({"CRONIUM_RUNTIME_API=http://runtime-api:8081",
                    "CRONIUM_RUNTIME_SOCKET=/run/cronium/api/runtime.sock",
                    "CRONIUM_EXECUTION_TOKEN=secret", "CRONIUM_EXECUTION_ID=exec_000000000001",
                    "CRONIUM_JOB_ID=job_000000000001", "CRONIUM_EXECUTION_MODE=container",
                    "CRONIUM_ATTEMPT=2", "CRONIUM_EVENT_ID=ev", "CRONIUM_NAMESPACE=team",
                    "CRONIUM_NODE=web-1", "PYTHONUNBUFFERED=1", "HOME=/workspace"}));
  EXPECT_THAT(Make().env, Contains(StartsWith("CRONIUM_JOB_TYPE=")));
}

TEST_F(ContainerConfigTest, TheJobsOwnEnvironmentWinsOverDefaultsButNotOverOurNames) {
  (*spec().mutable_env())["PYTHONUNBUFFERED"] = "";
  (*spec().mutable_env())["HOME"] = "/home/me";
  (*spec().mutable_env())["CRONIUM_NODE"] = "elsewhere";
  const std::vector<std::string> env = Make().env;
  EXPECT_THAT(env, IsSupersetOf({"PYTHONUNBUFFERED=", "HOME=/home/me", "CRONIUM_NODE=web-1"}));
  EXPECT_THAT(env, Not(Contains("CRONIUM_NODE=elsewhere")));
}

TEST_F(ContainerConfigTest, MountsAreReadOnlyAndWhatIsWritableIsMemory) {
  spec().mutable_resources()->set_tmp_bytes(1000);
  spec().mutable_resources()->set_workspace_bytes(2000);
  const ContainerConfig config = Make();
  std::map<std::string, std::string> binds;
  for (const BindMount& bind : config.binds) {
    EXPECT_TRUE(bind.read_only);
    binds[bind.target] = bind.source;
  }
  EXPECT_THAT(binds, ElementsAre(Pair("/opt/cronium", "/usr/lib/cronium/inject"),
                                 Pair("/run/cronium/api", "/run/cronium/gateway"),
                                 Pair("/run/cronium/job", "/state/run/x"),
                                 Pair("/usr/local/bin/cronium.sh",
                                      "/usr/lib/cronium/inject/lib/cronium.sh")));
  ASSERT_EQ(config.tmpfs.size(), 2u);
  EXPECT_EQ(config.tmpfs[0].target, "/tmp");
  EXPECT_EQ(config.tmpfs[0].options, "exec,mode=1777,size=1000");
  EXPECT_EQ(config.tmpfs[1].target, "/workspace");
  EXPECT_EQ(config.tmpfs[1].options, "exec,mode=1777,size=2000");
  EXPECT_TRUE(config.readonly_root);
}

TEST_F(ContainerConfigTest, WhatIsLeftOutNeverMeansNoLimit) {
  const ContainerConfig config = Make();
  EXPECT_EQ(config.cpu_millis, 500);
  EXPECT_EQ(config.memory_bytes, 512 << 20);
  EXPECT_EQ(config.pids, 100);
  EXPECT_EQ(config.user, "1000:1000");
  EXPECT_EQ(config.network, ContainerNetwork::kNone);
}

TEST_F(ContainerConfigTest, AUserWithoutGroupHasTheGroupOfItsNumber) {
  spec().set_user("1234");
  EXPECT_EQ(Make().user, "1234:1234");
}

TEST_F(ContainerConfigTest, NameLabelsAndHostNameTheExecutionAndTheRuntimeApi) {
  const ContainerConfig config = Make();
  EXPECT_EQ(config.name, "exec_000000000001");
  EXPECT_THAT(
      config.labels,
      ElementsAre(Pair("cronium.cluster", "prod"), Pair("cronium.execution", "exec_000000000001"),
                  Pair("cronium.job", "job_000000000001"), Pair("cronium.node", "web-1")));
  EXPECT_THAT(config.extra_hosts, ElementsAre(Pair("runtime-api", "127.0.0.1")));
}

TEST_F(ContainerConfigTest, WithoutAPolicyEverythingIsAllowed) {
  spec().set_network(v1::NETWORK_MODE_BRIDGE);
  spec().set_writable_root(true);
  spec().set_user("0");
  EXPECT_TRUE(Check().ok());
}

TEST_F(ContainerConfigTest, WhatTheOperatorForbidsIsRefusedByFieldAndFlag) {
  NodePolicy& policy = settings_.policy;
  policy.allow_bridge_network = policy.allow_writable_root = policy.allow_root_user = false;
  policy.max_memory_bytes = 1000;
  const auto refused = [this](const char* field, const char* flag) {
    const absl::Status status = Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(std::string("spec.container.") + field), HasSubstr(flag)));
  };
  spec().set_network(v1::NETWORK_MODE_BRIDGE);
  refused("network", "--allow-bridge-network=false");
  spec().set_network(v1::NETWORK_MODE_NONE);
  spec().set_writable_root(true);
  refused("writable_root", "--allow-writable-root=false");
  spec().set_writable_root(false);
  spec().set_user("0:1000");
  refused("user", "--allow-root-user=false");
  spec().set_user("00");
  refused("user", "--allow-root-user=false");
  spec().set_user("");
  // The default counts, too.
  refused("resources.memory_bytes", "--max-memory-bytes=1000");
  spec().mutable_resources()->set_memory_bytes(1000);
  EXPECT_TRUE(Check().ok());
  policy.max_tmpfs_bytes = 1000;
  refused("resources.tmp_bytes", "--max-tmpfs-bytes=1000");
}

}  // namespace
}  // namespace cronium::agent
