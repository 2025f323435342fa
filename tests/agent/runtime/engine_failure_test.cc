// SPDX-License-Identifier: Apache-2.0
// What the Docker runtime makes of an engine that is away, breaks off, lies or is silent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/docker/docker_runtime.h"
#include "common/error.h"
#include "scripted_engine.h"
#include "tests/agent/runtime/answers.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Exchange = ScriptedEngine::Exchange;

constexpr char kExited[] =
    R"({"Id":"i","State":{"Status":"exited","ExitCode":3,"FinishedAt":"2026-01-01T00:00:00Z"}})";

class EngineFailureTest : public testing::Test {
 protected:
  void SetUp() override { Connect({}); }

  void Connect(DockerRuntimeOptions options) {
    options.socket_path = folder_.path("engine.sock");
    options.state_dir = folder_.path("state");
    options.min_retry_delay = absl::Milliseconds(1);
    options.max_retry_delay = absl::Milliseconds(20);
    auto runtime = DockerRuntime::Create(options);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
  }

  // Answers GET /version by itself, and the rest as `handler` says.
  void Serve(std::function<void(Exchange&)> handler) {
    engine_.reset();
    engine_ = std::make_unique<ScriptedEngine>(
        folder_.path("engine.sock"), [handler = std::move(handler)](Exchange& exchange) {
          if (exchange.path == "/version") {
            exchange.Reply(200, ScriptedEngine::Version("1.24", "1.41"));
          } else {
            handler(exchange);
          }
        });
  }

  ContainerConfig Config() {
    ContainerConfig config;
    config.name = "exec_1";
    config.image = "bash";
    config.entrypoint = {"/bin/true"};
    config.labels = {{"cronium.node", "n"}};
    return config;
  }

  TempFolder folder_;
  // Before the runtime, whose destructor may need it to close connections.
  std::unique_ptr<ScriptedEngine> engine_;
  std::unique_ptr<DockerRuntime> runtime_;
};

TEST_F(EngineFailureTest, EveryCallSaysThatTheEngineIsAway) {
  Blocking call(runtime_.get());
  for (const absl::Status& status :
       {call.Ping().status(), call.List({}).status(), call.Create(Config()).status(),
        call.Start("x"), call.Kill("x", 15), call.Remove("x", true), call.PrepareImage("x")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ErrorReason(status), kEngineUnreachable);
    EXPECT_THAT(status.message(), HasSubstr("engine.sock does not answer: No such file"));
  }
}

TEST_F(EngineFailureTest, AWaitOutlivesAnEngineThatIsAwayAndCanBeCancelled) {
  Answer<absl::StatusOr<ExitInfo>> answer;
  const CallId id = runtime_->Wait("exec_1", answer.Done());
  EXPECT_FALSE(Blocking(runtime_.get()).Ping().ok());
  EXPECT_FALSE(answer.Ready());
  runtime_->Cancel(id);
  EXPECT_EQ(answer.Get().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(EngineFailureTest, DestroyingTheRuntimeAnswersWhatIsOutstanding) {
  Serve([](Exchange& exchange) { exchange.AwaitClose(); });
  Answer<absl::StatusOr<ExitInfo>> wait;
  Answer<absl::StatusOr<std::string>> create;
  Answer<absl::Status> prepare;
  ASSERT_TRUE(Blocking(runtime_.get()).Ping().ok());
  runtime_->Wait("exec_1", wait.Done());
  runtime_->Create(Config(), create.Done());
  runtime_->PrepareImage("bash", nullptr, prepare.Done());
  runtime_.reset();
  EXPECT_TRUE(wait.Ready() && create.Ready() && prepare.Ready());
  EXPECT_EQ(wait.Get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(create.Get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(prepare.Get().code(), absl::StatusCode::kCancelled);
}

TEST_F(EngineFailureTest, AWaitThatBreaksOffIsAskedAgainAndSaysSo) {
  std::atomic<int> waits = 0;
  Serve([&waits](Exchange& exchange) {
    if (!absl::StrContains(exchange.path, "/wait")) return exchange.Reply(200, kExited);
    switch (++waits) {
      case 1:  // Before any answer.
        return exchange.Break();
      case 2:  // After the head, as an engine that is being stopped does.
        exchange.Head(200);
        return exchange.Break();
      case 3:  // A whole answer of nothing.
        exchange.Head(200);
        return exchange.End();
      case 4:
        return exchange.Reply(500, R"({"message":"starting"})");
      default:
        return exchange.Reply(200, R"({"StatusCode":3,"Error":null})");
    }
  });
  const auto exit = Blocking(runtime_.get()).Wait("exec_1");
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_code, 3);
  EXPECT_TRUE(exit->engine_lost);
}

TEST_F(EngineFailureTest, AWaitGoesOnWithTheEngineThatCameBack) {
  Serve([](Exchange& exchange) { exchange.AwaitClose(); });
  Answer<absl::StatusOr<ExitInfo>> answer;
  runtime_->Wait("exec_1", answer.Done());
  while (!testing::Value(engine_->Requests(),
                         Contains("POST /v1.41/containers/exec_1/wait?condition=not-running"))) {
    std::this_thread::yield();
  }
  engine_.reset();
  Serve([](Exchange& exchange) {
    exchange.Reply(200,
                   absl::StrContains(exchange.path, "/wait") ? R"({"StatusCode":3})" : kExited);
  });
  const auto exit = answer.Get();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_code, 3);
  EXPECT_TRUE(exit->engine_lost);
}

TEST_F(EngineFailureTest, AWaitForWhatNeverRanIsNoExitCodeZero) {
  Serve([](Exchange& exchange) {
    if (absl::StrContains(exchange.path, "/wait"))
      return exchange.Reply(200, R"({"StatusCode":0})");
    exchange.Reply(200, R"({"State":{"Status":"created","ExitCode":127,"Error":"no such file"}})");
  });
  const auto exit = Blocking(runtime_.get()).Wait("exec_1");
  EXPECT_EQ(exit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(exit.status().message(), HasSubstr("no such file"));
}

TEST_F(EngineFailureTest, AVanishedContainerEndsTheWait) {
  Serve([](Exchange& exchange) {
    exchange.Reply(404, R"({"message":"No such container: exec_1"})");
  });
  const auto exit = Blocking(runtime_.get()).Wait("exec_1");
  EXPECT_EQ(exit.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReason(exit.status()), kContainerNotFound);
}

TEST_F(EngineFailureTest, AnErrorHasTheEnginesWords) {
  Serve(
      [](Exchange& exchange) { exchange.Reply(500, R"({"message":"no space left on device"})"); });
  const auto created = Blocking(runtime_.get()).Create(Config());
  EXPECT_EQ(created.status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrorReason(created.status()), kEngineError);
  EXPECT_THAT(created.status().message(), HasSubstr("exec_1"));
  EXPECT_THAT(created.status().message(), HasSubstr("no space left on device"));
}

TEST_F(EngineFailureTest, AListingThatIsGarbageIsAnError) {
  for (const char* body : {"", "null", "{}", "[{}]", "[", "<html>"}) {
    Serve([body](Exchange& exchange) { exchange.Reply(200, body); });
    EXPECT_FALSE(Blocking(runtime_.get()).List({}).ok()) << body;
  }
}

TEST_F(EngineFailureTest, AnAnswerOverTheLimitIsRefused) {
  Serve([](Exchange& exchange) { exchange.Reply(200, std::string(2 << 20, ' ')); });
  EXPECT_EQ(Blocking(runtime_.get()).Create(Config()).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(EngineFailureTest, ASilentEngineTimesOutEverythingButWait) {
  runtime_.reset();
  Connect({.ping_timeout = absl::Milliseconds(50),
           .call_timeout = absl::Milliseconds(50),
           .slow_call_timeout = absl::Milliseconds(50)});
  Serve([](Exchange& exchange) { exchange.AwaitClose(); });
  Blocking call(runtime_.get());
  Answer<absl::StatusOr<ExitInfo>> wait;
  runtime_->Wait("exec_1", wait.Done());
  for (const absl::Status& status : {call.List({}).status(), call.Create(Config()).status(),
                                     call.Start("x"), call.Kill("x", 15), call.Remove("x", true)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_EQ(ErrorReason(status), kEngineTimeout);
  }
  EXPECT_FALSE(wait.Ready());
}

TEST_F(EngineFailureTest, SpeaksTheVersionThatBothKnowAndAgreesAnewWithAnotherEngine) {
  Serve([](Exchange& exchange) { exchange.Reply(200, "[]"); });
  Blocking call(runtime_.get());
  ASSERT_TRUE(call.List({}).ok());
  EXPECT_EQ(engine_->Requests().front(), "GET /version");
  EXPECT_THAT(engine_->Requests().back(), HasSubstr("GET /v1.41/containers/json?all=1"));

  engine_.reset();
  EXPECT_FALSE(call.List({}).ok());
  engine_ = std::make_unique<ScriptedEngine>(folder_.path("engine.sock"), [](Exchange& exchange) {
    exchange.Reply(200,
                   exchange.path == "/version" ? ScriptedEngine::Version("1.44", "1.52") : "[]");
  });
  ASSERT_TRUE(call.List({}).ok());
  EXPECT_THAT(engine_->Requests().back(), HasSubstr("GET /v1.47/containers/json"));
}

TEST_F(EngineFailureTest, AnEngineThatIsTooOldIsNamedAsSuch) {
  engine_ = std::make_unique<ScriptedEngine>(folder_.path("engine.sock"), [](Exchange& exchange) {
    exchange.Reply(200, ScriptedEngine::Version("1.12", "1.39"));
  });
  const absl::Status status = Blocking(runtime_.get()).List({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("1.39"));
}

TEST_F(EngineFailureTest, PullsOnlyWhatIsNotThereAndTellsItsProgress) {
  Serve([](Exchange& exchange) {
    if (exchange.method == "GET") return exchange.Reply(404, R"({"message":"No such image"})");
    exchange.Head(200);
    exchange.Chunk(
        R"({"status":"Downloading","id":"a","progressDetail":{"current":10,"total":100}})"
        "\r\n");
    exchange.Chunk("{\"status\":\"Pull complete\",\"id\":\"a\",\"progressDetail\":{}}\r\n");
    exchange.End();
  });
  Answer<absl::Status> answer;
  std::vector<ImageProgress> seen;
  runtime_->PrepareImage(
      "host:5000/team/tool:1.2", [&seen](const ImageProgress& p) { seen.push_back(p); },
      answer.Done());
  const absl::Status status = answer.Get();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(engine_->Requests().back(),
            "POST /v1.41/images/create?fromImage=host%3A5000%2Fteam%2Ftool&tag=1.2");
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen[0].total_bytes, 100);
}

TEST_F(EngineFailureTest, APullThatFailsSaysWhetherTheImageExists) {
  const auto pull = [this](int code, const std::string& body) {
    Serve([=](Exchange& exchange) {
      if (exchange.method == "GET") return exchange.Reply(404, R"({"message":"No such image"})");
      exchange.Reply(code, body);
    });
    return Blocking(runtime_.get()).PrepareImage("nosuch/image");
  };
  for (const absl::Status& status :
       {pull(404, R"({"message":"pull access denied for nosuch/image"})"),
        pull(200,
             "{\"status\":\"Pulling\"}\n{\"error\":\"manifest for nosuch/image not found\"}\n"),
        pull(200, "{\"error\":\"manifest unknown\"}")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_EQ(ErrorReason(status), kImageNotFound);
    EXPECT_THAT(status.message(), HasSubstr("nosuch/image"));
  }
  const absl::Status offline = pull(500, R"({"message":"dial tcp: lookup registry: i/o timeout"})");
  EXPECT_EQ(offline.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(offline.message(), HasSubstr("nosuch/image"));
  EXPECT_THAT(offline.message(), HasSubstr("dial tcp"));
}

TEST_F(EngineFailureTest, CancellingAPullClosesItsConnection) {
  std::promise<void> pulling, closed;
  Serve([&](Exchange& exchange) {
    if (exchange.method == "GET") return exchange.Reply(404, R"({"message":"No such image"})");
    exchange.Head(200);
    pulling.set_value();
    exchange.AwaitClose();
    closed.set_value();
  });
  Answer<absl::Status> answer;
  const CallId id = runtime_->PrepareImage("big", nullptr, answer.Done());
  pulling.get_future().wait();
  runtime_->Cancel(id);
  EXPECT_EQ(answer.Get().code(), absl::StatusCode::kCancelled);
  closed.get_future().wait();  // The engine ends a pull whose last client has gone.
}

TEST_F(EngineFailureTest, ARepeatedCreateTakesOurOwnContainerAndNoOther) {
  std::string labels = R"({"cronium.node":"n","more":"x"})";
  Serve([&labels](Exchange& exchange) {
    if (exchange.method == "POST") {
      return exchange.Reply(409, R"({"message":"Conflict. The container name is in use"})");
    }
    exchange.Reply(
        200, absl::StrCat(R"({"Id":"old","State":{"Status":"created"},"Config":{"Labels":)", labels,
                          "}}"));
  });
  const auto ours = Blocking(runtime_.get()).Create(Config());
  ASSERT_TRUE(ours.ok()) << ours.status();
  EXPECT_EQ(*ours, "old");
  labels = "{}";
  EXPECT_EQ(Blocking(runtime_.get()).Create(Config()).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(EngineFailureTest, WhatIsDoneAlreadyIsNoError) {
  Blocking call(runtime_.get());
  Serve([](Exchange& exchange) { exchange.Reply(304, ""); });
  EXPECT_TRUE(call.Start("exec_1").ok());
  Serve([](Exchange& exchange) {
    exchange.Reply(409, R"({"message":"Cannot kill container: x: Container x is not running"})");
  });
  EXPECT_TRUE(call.Kill("exec_1", 15).ok());
  Serve([](Exchange& exchange) { exchange.Reply(404, R"({"message":"No such container"})"); });
  EXPECT_TRUE(call.Remove("exec_1", true).ok());
  Serve([](Exchange& exchange) {
    if (exchange.method == "DELETE") {
      return exchange.Reply(409, R"({"message":"removal of container x is already in progress"})");
    }
    exchange.Reply(200, R"({"StatusCode":0})");
  });
  EXPECT_TRUE(call.Remove("exec_1", true).ok());
  EXPECT_THAT(engine_->Requests().back(), HasSubstr("condition=removed"));
}

TEST_F(EngineFailureTest, RefusesOptionsThatCannotWork) {
  EXPECT_EQ(DockerRuntime::Create({.socket_path = std::string(108, 'x'), .state_dir = "/tmp"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DockerRuntime::Create({.state_dir = "relative"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace cronium::agent
