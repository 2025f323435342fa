// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/docker/engine_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cronium::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ContainerConfig Config() {
  ContainerConfig config;
  config.name = "exec_1";
  config.image = "bash";
  config.entrypoint = {"/bin/true"};
  return config;
}

struct ReferenceCase {
  const char* image;
  const char* name;
  const char* tag;
};

class ImageReferenceTest : public testing::TestWithParam<ReferenceCase> {};

TEST_P(ImageReferenceTest, AsksForExactlyOneImage) {
  const auto reference = ParseImageReference(GetParam().image);
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_EQ(reference->name, GetParam().name);
  EXPECT_EQ(reference->tag, GetParam().tag);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ImageReferenceTest,
    testing::Values(ReferenceCase{"bash", "bash", "latest"}, ReferenceCase{"bash:5", "bash", "5"},
                    ReferenceCase{"host:5000/a/b", "host:5000/a/b", "latest"},
                    ReferenceCase{"host:5000/a/b:v1", "host:5000/a/b", "v1"},
                    ReferenceCase{"a@sha256:0f", "a", "sha256:0f"},
                    ReferenceCase{"host:5000/a:v1@sha256:0f", "host:5000/a", "sha256:0f"}));

TEST(ImageReference, RefusesWhatNoImageCanBeCalled) {
  for (const char* image : {"", "a b", "a\n", "../x?y", ":tag", "a:", "a@"}) {
    EXPECT_EQ(ParseImageReference(image).status().code(), absl::StatusCode::kInvalidArgument)
        << image;
  }
  EXPECT_FALSE(ParseImageReference(std::string(513, 'a')).ok());
}

TEST(CreateBody, HardensEveryContainer) {
  const auto body = CreateBody(Config(), "");
  ASSERT_TRUE(body.ok());
  EXPECT_THAT(*body, HasSubstr(R"("CapDrop":["ALL"])"));
  EXPECT_THAT(*body, HasSubstr(R"("SecurityOpt":["no-new-privileges"])"));
  EXPECT_THAT(*body, HasSubstr(R"("ReadonlyRootfs":true)"));
  EXPECT_THAT(*body, HasSubstr(R"("LogConfig":{"Type":"none"})"));
  EXPECT_THAT(*body, HasSubstr(R"("Healthcheck":{"Test":["NONE"]})"));
  EXPECT_THAT(*body, HasSubstr(R"("NetworkMode":"none")"));
}

TEST(CreateBody, SetsTheLimits) {
  ContainerConfig config = Config();
  config.cpu_millis = 1500;
  config.memory_bytes = 64 << 20;
  config.pids = 7;
  const auto body = CreateBody(config, "");
  ASSERT_TRUE(body.ok());
  EXPECT_THAT(*body, HasSubstr(R"("CpuQuota":150000)"));
  EXPECT_THAT(*body, HasSubstr(R"("Memory":67108864)"));
  EXPECT_THAT(*body, HasSubstr(R"("MemorySwap":67108864)"));
  EXPECT_THAT(*body, HasSubstr(R"("PidsLimit":7)"));

  config.cpu_millis = 0;
  config.memory_bytes = 0;
  config.pids = 0;
  EXPECT_THAT(*CreateBody(config, ""), Not(HasSubstr("CpuQuota")));
  EXPECT_THAT(*CreateBody(config, ""), Not(HasSubstr("Memory")));
  EXPECT_THAT(*CreateBody(config, ""), Not(HasSubstr("PidsLimit")));
}

TEST(OwnTmpfs, GivesEachTmpfsToTheUser) {
  ContainerConfig config = Config();
  config.user = "1000:2000";
  config.tmpfs = {{"/tmp", "exec,mode=1777"}, {"/workspace", ""}};
  OwnTmpfs(&config);
  EXPECT_EQ(config.tmpfs[0].options, "exec,mode=1777,uid=1000,gid=2000");
  EXPECT_EQ(config.tmpfs[1].options, "uid=1000,gid=2000");
}

TEST(OwnTmpfs, LeavesTheGroupToTheEngineWhereNoneIsNamed) {
  ContainerConfig config = Config();
  config.user = "1000";
  config.tmpfs = {{"/tmp", ""}};
  OwnTmpfs(&config);
  EXPECT_EQ(config.tmpfs[0].options, "uid=1000");
}

TEST(CreateBody, MountsTheHostsFileWhereTheEngineSetsUpNoNetwork) {
  const auto body = CreateBody(Config(), "/var/lib/x/hosts");
  ASSERT_TRUE(body.ok());
  EXPECT_THAT(*body, HasSubstr(R"("NetworkDisabled":true)"));
  EXPECT_THAT(*body, HasSubstr("/etc/hosts"));
  EXPECT_THAT(*body, Not(HasSubstr("ExtraHosts")));
}

TEST(CreateBody, NamesTheFieldThatIsWrong) {
  ContainerConfig config = Config();
  config.entrypoint.clear();
  EXPECT_THAT(CreateBody(config, "").status().message(), HasSubstr("entrypoint"));
  config = Config();
  config.name = "a/b";
  EXPECT_THAT(CreateBody(config, "").status().message(), HasSubstr("name"));
  config = Config();
  config.binds.push_back({"relative", "/x"});
  EXPECT_THAT(CreateBody(config, "").status().message(), HasSubstr("binds.source"));
  config = Config();
  config.memory_bytes = -1;
  EXPECT_THAT(CreateBody(config, "").status().message(), HasSubstr("memory_bytes"));
}

TEST(ParseVersion, PicksTheNewestThatBothSidesKnow) {
  const auto info =
      ParseVersion(R"({"Version":"29.0","ApiVersion":"1.52","MinAPIVersion":"1.44"})");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->api.minor, kNewestApi.minor);
  const auto old =
      ParseVersion(R"({"Version":"20.10","ApiVersion":"1.41","MinAPIVersion":"1.12"})");
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(old->api.minor, 41);
}

TEST(ParseVersion, RefusesAnEngineWithNoVersionInCommon) {
  EXPECT_EQ(ParseVersion(R"({"ApiVersion":"1.39","MinAPIVersion":"1.12"})").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ParseVersion(R"({"ApiVersion":"2.9","MinAPIVersion":"2.0"})").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ParseVersion, KnowsPodman) {
  const auto info = ParseVersion(R"({"Version":"4.3.1","ApiVersion":"1.41","MinAPIVersion":"1.24",)"
                                 R"("Components":[{"Name":"Podman Engine","Version":"4.3.1"}]})");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->engine.name, "podman");
}

TEST(ParseInspect, ReadsHowItEnded) {
  const auto inspected = ParseInspect(
      R"({"Id":"abc","Config":{"Labels":{"a":"b"}},"State":{"Status":"exited","ExitCode":137,)"
      R"("OOMKilled":true,"Error":"","StartedAt":"2026-01-02T03:04:05.5Z",)"
      R"("FinishedAt":"2026-01-02T03:04:06.123456789Z"}})");
  ASSERT_TRUE(inspected.ok());
  EXPECT_EQ(inspected->state, ContainerState::kEnded);
  EXPECT_EQ(inspected->exit.exit_code, 137);
  EXPECT_TRUE(inspected->exit.oom_killed);
  EXPECT_EQ(absl::ToUnixNanos(inspected->exit.finished_at) % 1'000'000'000, 123456789);
}

TEST(ParseInspect, NothingEndsBeforeItStarted) {
  const auto inspected =
      ParseInspect(R"({"State":{"Status":"exited","StartedAt":"2026-01-02T03:04:05.5Z",)"
                   R"("FinishedAt":"2026-01-02T03:04:05.4Z"}})");
  ASSERT_TRUE(inspected.ok());
  EXPECT_EQ(inspected->exit.started_at, inspected->exit.finished_at);
}

TEST(ParseInspect, TakesTheYearOneAsNever) {
  const auto inspected =
      ParseInspect(R"({"State":{"Status":"created","FinishedAt":"0001-01-01T00:00:00Z"}})");
  ASSERT_TRUE(inspected.ok());
  EXPECT_EQ(inspected->exit.finished_at, absl::InfinitePast());
}

TEST(ParseList, FailsRatherThanLeaveOut) {
  EXPECT_TRUE(ParseList("[]").ok());
  EXPECT_FALSE(ParseList("").ok());
  EXPECT_FALSE(ParseList("null").ok());
  EXPECT_FALSE(ParseList("{}").ok());
  EXPECT_FALSE(ParseList(R"([{"Id":"a","Names":["/x"],"State":"exited"},{"Id":"b"}])").ok());
}

TEST(ErrorMessage, FindsTheEnginesWords) {
  EXPECT_EQ(ErrorMessage(R"({"message":"no space left"})"), "no space left");
  EXPECT_EQ(ErrorMessage(R"({"cause":"a","message":"b"})"), "b");
  EXPECT_EQ(ErrorMessage("Bad Request\n"), "Bad Request");
  EXPECT_EQ(ErrorMessage(""), "no message");
  EXPECT_EQ(ErrorMessage("\xff"), "\xEF\xBF\xBD");
}

TEST(PullProgress, SumsTheLayersAndKeepsTheError) {
  PullProgress progress;
  progress.Append(
      R"({"status":"Downloading","id":"a","progressDetail":{"current":10,"total":100}})");
  progress.Append("\r\n{\"status\":\"Downl");
  progress.Append("oading\",\"id\":\"b\",\"progressDetail\":{\"current\":5,\"total\":50}}\r\n");
  EXPECT_EQ(progress.progress().done_bytes, 15);
  EXPECT_EQ(progress.progress().total_bytes, 150);
  progress.Append("{\"status\":\"Download complete\",\"id\":\"a\",\"progressDetail\":{}}\r\n");
  EXPECT_EQ(progress.progress().done_bytes, 105);
  EXPECT_EQ(progress.error(), "");
  progress.Append("garbage\n[1]\n");
  progress.Append(R"({"errorDetail":{"message":"manifest unknown"},"error":"x"})"
                  "\n");
  EXPECT_EQ(progress.error(), "manifest unknown");
}

TEST(PullProgress, SkipsALineOverTheLimit) {
  PullProgress progress;
  progress.Append(std::string(1 << 20, 'x'));
  progress.Append("\n{\"status\":\"Extracting\"}\n");
  EXPECT_EQ(progress.progress().phase, "Extracting");
}

}  // namespace
}  // namespace cronium::agent
