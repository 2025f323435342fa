// SPDX-License-Identifier: Apache-2.0
// The Docker runtime against the engine of this machine. Skipped where none answers.
#include "agent/runtime/docker/docker_runtime.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/runtime/docker/engine_client.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"
#include "tests/agent/runtime/answers.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

using ::testing::HasSubstr;

// The tag grows with the content: an image that is there is used as it is.
constexpr char kRepository[] = "cronium-test-runtime-busybox";
constexpr char kTag[] = "2";
constexpr char kImage[] = "cronium-test-runtime-busybox:2";
constexpr char kSocket[] = "/var/run/docker.sock";

// One member of a tar archive (POSIX ustar).
std::string TarMember(const std::string& name, char type, const std::string& link,
                      const std::string& content) {
  std::string header(512, '\0');
  const auto put = [&header](size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  put(0, name);
  put(100, "0000755");
  put(108, "0000000");
  put(116, "0000000");
  put(124, absl::StrFormat("%011o", content.size()));
  put(136, "00000000000");
  put(148, "        ");
  header[156] = type;
  put(157, link);
  put(257, "ustar");
  header.replace(263, 2, "00");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, absl::StrFormat("%06o", sum));
  header[154] = '\0';
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

// An image of nothing but a static busybox; empty where the machine has none.
std::string BusyboxTar() {
  const auto busybox = ReadFile("/bin/busybox");
  if (!busybox.ok()) return "";
  std::string tar = TarMember("bin/", '5', "", "") + TarMember("bin/busybox", '0', "", *busybox);
  for (const char* name : {"sh", "true", "sleep", "cat", "id", "dd", "head", "touch", "ls"}) {
    tar += TarMember(absl::StrCat("bin/", name), '2', "busybox", "");
  }
  // A folder of root's, as images have them.
  tar += TarMember("workspace/", '5', "", "");
  return tar + std::string(1024, '\0');
}

// "": the image is there. Else why the tests cannot run.
std::string PrepareEngine() {
  EngineClient client(kSocket);
  Answer<absl::StatusOr<EngineResponse>> ping;
  client.Send({.path = "/_ping", .timeout = absl::Seconds(10)}, ping.Done());
  if (const auto response = ping.Get(); !response.ok()) {
    return absl::StrCat("no container engine here: ", response.status().message());
  }
  // CTest runs each case as a process of its own, several at a time: one of them imports.
  const UniqueFd lock(open("/tmp/cronium-test-runtime.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock.valid() || flock(lock.get(), LOCK_EX) != 0) return "cannot lock in /tmp";
  Answer<absl::StatusOr<EngineResponse>> inspect;
  client.Send({.path = absl::StrCat("/images/", kImage, "/json")}, inspect.Done());
  if (const auto response = inspect.Get(); response.ok() && response->code == 200) return "";
  const std::string tar = BusyboxTar();
  if (tar.empty()) return "no /bin/busybox here (package busybox-static)";
  Answer<absl::StatusOr<EngineResponse>> import;
  client.Send({.method = "POST",
               .path = absl::StrCat("/images/create?fromSrc=-&repo=", kRepository, "&tag=", kTag),
               .body = tar,
               .timeout = absl::Minutes(1)},
              import.Done());
  const auto response = import.Get();
  if (!response.ok()) return std::string(response.status().message());
  return response->code == 200 ? "" : response->body;
}

class DockerRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    static const std::string kWhyNot = PrepareEngine();
    if (!kWhyNot.empty()) GTEST_SKIP() << kWhyNot;
    auto runtime =
        DockerRuntime::Create({.socket_path = kSocket, .state_dir = folder_.path("state")});
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
    call_ = std::make_unique<Blocking>(runtime_.get());
    ASSERT_EQ(mkdir(folder_.path("out").c_str(), 0777), 0);
    ASSERT_EQ(chmod(folder_.path("out").c_str(), 0777), 0);
  }

  void TearDown() override {
    if (call_ == nullptr) return;
    const auto left = call_->List(Labels());
    if (!left.ok()) return;
    for (const ContainerInfo& container : *left) (void)call_->Remove(container.name, true);
  }

  // Of this test alone.
  std::map<std::string, std::string> Labels() const { return {{"cronium.test", run_}}; }

  // Runs a shell script; what it puts into /out is in folder_/out.
  ContainerConfig Config(const std::string& script) {
    ContainerConfig config;
    config.name = absl::StrCat("cronium-test-runtime-", run_, "-", ++made_);
    config.image = kImage;
    config.entrypoint = {"/bin/sh", "-c", script};
    config.labels = Labels();
    config.binds = {{folder_.path("out"), "/out", /*read_only=*/false}};
    config.tmpfs = {{"/tmp", "exec,mode=1777,size=16777216"}};
    config.extra_hosts = {{"runtime-api", "127.0.0.1"}};
    return config;
  }

  absl::StatusOr<ExitInfo> Run(const ContainerConfig& config) {
    if (const auto id = call_->Create(config); !id.ok()) return id.status();
    if (absl::Status status = call_->Start(config.name); !status.ok()) return status;
    return call_->Wait(config.name);
  }

  std::string Out(const std::string& file) {
    const auto content = ReadFile(folder_.path("out/" + file));
    return content.ok() ? *content : content.status().ToString();
  }

  const std::string run_ = RandomBase62(8);
  int made_ = 0;
  TempFolder folder_;
  std::unique_ptr<DockerRuntime> runtime_;
  std::unique_ptr<Blocking> call_;
};

TEST_F(DockerRuntimeTest, SaysWhichEngineAnswers) {
  const auto engine = call_->Ping();
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_THAT(engine->name, testing::AnyOf("docker", "podman"));
  EXPECT_FALSE(engine->version.empty());
}

TEST_F(DockerRuntimeTest, RunsToItsExitCode) {
  const ContainerConfig config = Config("exit 3");
  const auto exit = Run(config);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_code, 3);
  EXPECT_FALSE(exit->oom_killed);
  EXPECT_FALSE(exit->engine_lost);
  EXPECT_LE(exit->started_at, exit->finished_at);
  EXPECT_EQ(call_->Wait(config.name)->exit_code, 3) << "a second wait answers at once";
  EXPECT_TRUE(call_->Remove(config.name, false).ok());
  EXPECT_TRUE(call_->Remove(config.name, false).ok()) << "removing what is gone is no error";
  EXPECT_EQ(ErrorReason(call_->Wait(config.name).status()), kContainerNotFound);
}

TEST_F(DockerRuntimeTest, CreateAndStartMayBeRepeated) {
  ContainerConfig config = Config("sleep 60");
  const auto first = call_->Create(config);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*call_->Create(config), *first);
  EXPECT_TRUE(call_->Start(config.name).ok());
  EXPECT_TRUE(call_->Start(config.name).ok());
  EXPECT_EQ(*call_->Create(config), *first);
  config.labels["cronium.other"] = "x";
  EXPECT_EQ(call_->Create(config).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(DockerRuntimeTest, AnIdMeansOneContainerAndNoLaterOneOfItsName) {
  const ContainerConfig config = Config("echo ran >> /out/file; exit 3");
  const std::string first = call_->Create(config).value();
  ASSERT_TRUE(call_->Remove(first, true).ok());
  const std::string second = call_->Create(config).value();
  const absl::Status late = call_->Start(first);
  EXPECT_EQ(ErrorReason(late), kContainerNotFound) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr(first.substr(0, 12)));
  EXPECT_TRUE(call_->Remove(first, true).ok());
  EXPECT_TRUE(call_->Start(second).ok());
  EXPECT_EQ(call_->Wait(second)->exit_code, 3);
  EXPECT_EQ(Out("file"), "ran\n");
}

TEST_F(DockerRuntimeTest, IsolatesTheJobAndLimitsIt) {
  ContainerConfig config = Config(R"(
    busybox grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status > /out/status
    busybox id -u > /out/uid
    busybox cat /etc/hosts > /out/hosts
    busybox cat /proc/net/dev > /out/net
    busybox ifconfig lo > /out/lo
    touch /root-file 2> /out/root || echo refused >> /out/root
    busybox cp /bin/busybox /tmp/busybox && /tmp/busybox echo ran > /out/tmp
    touch /etc/hosts 2> /out/hosts-write || echo refused >> /out/hosts-write
    echo "$A" > /out/env
    busybox hostname > /out/hostname
    pwd > /out/pwd
  )");
  config.env = {"A=b c=d"};
  config.hostname = "job-host";
  config.working_dir = "/bin";
  const auto exit = Run(config);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(Out("uid"), "1000\n");
  EXPECT_THAT(Out("status"), HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(Out("status"), HasSubstr("CapBnd:\t0000000000000000"));
  EXPECT_THAT(Out("status"), HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(Out("status"), HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(Out("hosts"), HasSubstr("127.0.0.1\truntime-api\n"));
  EXPECT_THAT(Out("hosts"), HasSubstr("127.0.0.1\tlocalhost\n"));
  EXPECT_THAT(Out("net"), testing::Not(HasSubstr("eth")));
  EXPECT_THAT(Out("lo"), HasSubstr("UP LOOPBACK RUNNING"));
  EXPECT_THAT(Out("root"), HasSubstr("refused"));
  EXPECT_EQ(Out("tmp"), "ran\n");
  EXPECT_THAT(Out("hosts-write"), HasSubstr("refused"));
  EXPECT_EQ(Out("env"), "b c=d\n");
  EXPECT_EQ(Out("hostname"), "job-host\n");
  EXPECT_EQ(Out("pwd"), "/bin\n");
}

TEST_F(DockerRuntimeTest, TheUserCanWriteToATmpfsWhateverTheImageHasInItsPlace) {
  ContainerConfig config = Config("echo x > /workspace/file && echo x > /tmp/file");
  config.tmpfs.push_back({"/workspace", "exec,mode=1777,size=1048576"});
  config.user = "1234:1235";
  const auto exit = Run(config);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_code, 0);
}

TEST_F(DockerRuntimeTest, ABridgeHasTheExtraHostsToo) {
  ContainerConfig config =
      Config("busybox cat /etc/hosts > /out/hosts; busybox cat /proc/net/dev > /out/net");
  config.network = ContainerNetwork::kBridge;
  const auto exit = Run(config);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_THAT(Out("hosts"), HasSubstr("127.0.0.1\truntime-api\n"));
  EXPECT_THAT(Out("net"), HasSubstr("eth"));
}

TEST_F(DockerRuntimeTest, SignalsReachPidOneAndAreNoErrorAfterwards) {
  const ContainerConfig config =
      Config("trap 'exit 7' TERM; touch /out/ready; while :; do sleep 0.01; done");
  ASSERT_TRUE(call_->Create(config).ok());
  ASSERT_TRUE(call_->Start(config.name).ok());
  while (access(folder_.path("out/ready").c_str(), F_OK) != 0) std::this_thread::yield();
  ASSERT_TRUE(call_->Kill(config.name, SIGTERM).ok());
  EXPECT_EQ(call_->Wait(config.name)->exit_code, 7);
  EXPECT_TRUE(call_->Kill(config.name, SIGTERM).ok());
  EXPECT_EQ(ErrorReason(call_->Kill("cronium-test-runtime-none", SIGTERM)), kContainerNotFound);
}

// Whether the engine notices that it was for memory depends on the kernel (ExitInfo::oom_killed).
TEST_F(DockerRuntimeTest, TheMemoryLimitKills) {
  ContainerConfig config = Config("");
  config.entrypoint = {"/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"};
  config.memory_bytes = 16 << 20;
  const auto exit = Run(config);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_code, 137);
}

TEST_F(DockerRuntimeTest, MissingImagesAreNamed) {
  ContainerConfig config = Config("true");
  config.image = "cronium-test-runtime-no-such-image:1";
  const absl::Status created = call_->Create(config).status();
  EXPECT_EQ(created.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReason(created), kImageNotFound);
  EXPECT_THAT(created.message(), HasSubstr(config.image));
  // A registry that does not exist: what the engine says of it depends on the machine's network.
  const absl::Status pulled = call_->PrepareImage("registry.invalid/cronium:1");
  EXPECT_FALSE(pulled.ok());
  EXPECT_THAT(pulled.message(), HasSubstr("registry.invalid/cronium:1"));
  EXPECT_TRUE(call_->PrepareImage(kImage).ok());
}

TEST_F(DockerRuntimeTest, WhatCannotStartSaysWhyAndHasNoExitCode) {
  ContainerConfig config = Config("");
  config.entrypoint = {"/no/such/program"};
  ASSERT_TRUE(call_->Create(config).ok());
  const absl::Status started = call_->Start(config.name);
  EXPECT_FALSE(started.ok());
  EXPECT_NE(ErrorReason(started), kContainerNotFound);
  EXPECT_THAT(started.message(), HasSubstr("/no/such/program"));
  EXPECT_EQ(call_->Wait(config.name).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DockerRuntimeTest, AMissingBindSourceIsAnErrorAndIsNotMade) {
  ContainerConfig config = Config("true");
  config.binds.push_back({folder_.path("missing"), "/missing"});
  const absl::Status created = call_->Create(config).status();
  EXPECT_FALSE(created.ok());
  EXPECT_THAT(created.message(), HasSubstr("missing"));
  EXPECT_NE(access(folder_.path("missing").c_str(), F_OK), 0);
}

TEST_F(DockerRuntimeTest, ListsOursInEveryState) {
  EXPECT_TRUE(call_->List(Labels())->empty());
  const ContainerConfig created = Config("true");
  const ContainerConfig running = Config("sleep 60");
  const ContainerConfig ended = Config("exit 1");
  ASSERT_TRUE(call_->Create(created).ok());
  ASSERT_TRUE(call_->Create(running).ok());
  ASSERT_TRUE(call_->Start(running.name).ok());
  ASSERT_TRUE(Run(ended).ok());
  const auto list = call_->List(Labels());
  ASSERT_TRUE(list.ok()) << list.status();
  std::map<std::string, ContainerState> states;
  for (const ContainerInfo& info : *list) {
    states[info.name] = info.state;
    EXPECT_EQ(info.labels.at("cronium.test"), run_);
  }
  EXPECT_EQ(states, (std::map<std::string, ContainerState>{{created.name, ContainerState::kCreated},
                                                           {running.name, ContainerState::kRunning},
                                                           {ended.name, ContainerState::kEnded}}));
  EXPECT_EQ(call_->Remove(running.name, false).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(call_->Remove(running.name, true).ok());
  EXPECT_EQ(call_->List(Labels())->size(), 2u);
}

TEST_F(DockerRuntimeTest, ManyAtOnceEachGetTheirOwnAnswer) {
  constexpr int kCount = 12;
  std::vector<std::unique_ptr<Answer<absl::StatusOr<ExitInfo>>>> answers;
  for (int i = 0; i < kCount; ++i) {
    const ContainerConfig config = Config(absl::StrCat("exit ", i));
    answers.push_back(std::make_unique<Answer<absl::StatusOr<ExitInfo>>>());
    auto done = answers.back()->Done();
    runtime_->Create(config, [this, config, done](absl::StatusOr<std::string> id) {
      if (!id.ok()) return done(id.status());
      runtime_->Start(config.name, [this, config, done](absl::Status started) {
        if (!started.ok()) return done(started);
        runtime_->Wait(config.name, done);
      });
    });
  }
  for (int i = 0; i < kCount; ++i) {
    const auto exit = answers[i]->Get();
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->exit_code, i);
  }
}

TEST_F(DockerRuntimeTest, AWaitCanBeCancelledAndLeavesTheContainer) {
  const ContainerConfig config = Config("sleep 60");
  ASSERT_TRUE(call_->Create(config).ok());
  ASSERT_TRUE(call_->Start(config.name).ok());
  Answer<absl::StatusOr<ExitInfo>> wait;
  runtime_->Cancel(runtime_->Wait(config.name, wait.Done()));
  EXPECT_EQ(wait.Get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(call_->List(Labels())->front().state, ContainerState::kRunning);
}

}  // namespace
}  // namespace cronium::agent
