// SPDX-License-Identifier: Apache-2.0
#include "agent/runtime/fake_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/agent/runtime/answers.h"

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using Method = FakeRuntime::Method;

ContainerConfig Config(const std::string& name) {
  ContainerConfig config;
  config.name = name;
  config.image = "bash";
  config.entrypoint = {"/bin/true"};
  config.labels = {{"node", "n"}};
  return config;
}

class FakeRuntimeTest : public testing::Test {
 protected:
  FakeRuntimeTest() { runtime_.AddImage("bash"); }
  FakeRuntime runtime_;
  Blocking call_{&runtime_};
};

TEST_F(FakeRuntimeTest, RunsUntilToldToExit) {
  ASSERT_TRUE(call_.Create(Config("a")).ok());
  ASSERT_TRUE(call_.Start("a").ok());
  Answer<absl::StatusOr<ExitInfo>> wait;
  runtime_.Wait("a", wait.Done());
  EXPECT_TRUE(runtime_.AwaitState("a", ContainerState::kRunning));
  EXPECT_FALSE(wait.Ready());
  EXPECT_TRUE(runtime_.Exit("a", {.exit_code = 3}));
  EXPECT_EQ(wait.Get()->exit_code, 3);
  EXPECT_TRUE(call_.Remove("a", false).ok());
  EXPECT_THAT(runtime_.Calls(), ElementsAre("create a", "start a", "wait a", "remove a"));
}

TEST_F(FakeRuntimeTest, AnIdMeansOneContainerAndNoLaterOneOfItsName) {
  const std::string first = call_.Create(Config("a")).value();
  ASSERT_TRUE(call_.Remove(first, true).ok());
  const std::string second = call_.Create(Config("a")).value();
  EXPECT_EQ(ErrorReason(call_.Start(first)), kContainerNotFound);
  EXPECT_TRUE(call_.Start(second).ok());
  EXPECT_TRUE(call_.Kill(second, SIGKILL).ok());
  EXPECT_EQ(call_.Wait(second)->exit_code, 137);
  EXPECT_TRUE(call_.Remove(second, false).ok());
  EXPECT_EQ(runtime_.State("a"), std::nullopt);
}

TEST_F(FakeRuntimeTest, SignalsEndIt) {
  ASSERT_TRUE(call_.Create(Config("a")).ok());
  ASSERT_TRUE(call_.Start("a").ok());
  runtime_.SetSignalsEnd(false);
  ASSERT_TRUE(call_.Kill("a", SIGTERM).ok());
  EXPECT_EQ(runtime_.State("a"), ContainerState::kRunning);
  ASSERT_TRUE(call_.Kill("a", SIGKILL).ok());
  EXPECT_EQ(call_.Wait("a")->exit_code, 137);
}

TEST_F(FakeRuntimeTest, FailsWhenAsked) {
  runtime_.FailNext(Method::kListOurs, absl::UnavailableError("away"), 2);
  EXPECT_FALSE(call_.List({}).ok());
  EXPECT_FALSE(call_.List({}).ok());
  EXPECT_TRUE(call_.List({}).ok());
}

TEST_F(FakeRuntimeTest, HoldsACallUntilReleased) {
  runtime_.Hold(Method::kCreate);
  Answer<absl::StatusOr<std::string>> create;
  runtime_.Create(Config("a"), create.Done());
  EXPECT_TRUE(call_.Ping().ok());
  EXPECT_FALSE(create.Ready());
  runtime_.Release(Method::kCreate);
  EXPECT_TRUE(create.Get().ok());
}

TEST_F(FakeRuntimeTest, ContainersOutliveTheRuntime) {
  Answer<absl::StatusOr<ExitInfo>> first_wait;
  auto first = std::make_unique<FakeRuntime>(runtime_.engine());
  ASSERT_TRUE(Blocking(first.get()).Create(Config("a")).ok());
  ASSERT_TRUE(Blocking(first.get()).Start("a").ok());
  first->Wait("a", first_wait.Done());
  first.reset();
  EXPECT_EQ(first_wait.Get().status().code(), absl::StatusCode::kCancelled);
  const auto list = call_.List({{"node", "n"}});
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->front().state, ContainerState::kRunning);
  runtime_.Exit("a", {});
  EXPECT_TRUE(call_.Wait("a").ok());
}

TEST_F(FakeRuntimeTest, MissesImagesAsAnEngineDoes) {
  ContainerConfig config = Config("a");
  config.image = "far";
  EXPECT_EQ(ErrorReason(call_.Create(config).status()), kImageNotFound);
  EXPECT_EQ(ErrorReason(call_.PrepareImage("far")), kImageNotFound);
  runtime_.AddRemoteImage("far");
  EXPECT_TRUE(call_.PrepareImage("far").ok());
  EXPECT_TRUE(call_.Create(config).ok());
}

TEST_F(FakeRuntimeTest, CancelEndsAWait) {
  ASSERT_TRUE(call_.Create(Config("a")).ok());
  ASSERT_TRUE(call_.Start("a").ok());
  Answer<absl::StatusOr<ExitInfo>> wait;
  const CallId id = runtime_.Wait("a", wait.Done());
  runtime_.Cancel(id);
  EXPECT_EQ(wait.Get().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace cronium::agent
