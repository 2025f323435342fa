// SPDX-License-Identifier: Apache-2.0
// What each step of a container's life costs through the Docker runtime, beside `docker run` of the
// same image, in turns so that what else the machine does falls on both.
//
//   agent_runtime_bench IMAGE [ROUNDS]        the image needs /bin/true
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/runtime/docker/docker_runtime.h"
#include "common/ids.h"
#include "tests/agent/runtime/answers.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

using Clock = std::chrono::steady_clock;

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Bench {
 public:
  Bench(const std::string& image, ContainerRuntime* runtime, const TempFolder* folder)
      : image_(image), runtime_(runtime), folder_(folder) {
    for (const char* name : {"inject", "job", "api"}) mkdir(folder->path(name).c_str(), 0755);
  }

  void Round() {
    Engine("docker run --rm --network none", "--network none");
    Engine("docker run --rm", "");
    Job("network none", ContainerNetwork::kNone);
    Job("network bridge", ContainerNetwork::kBridge);
  }

  void Print() {
    std::printf("%-40s %8s %8s\n", "ms", "median", "least");
    for (auto& [what, times] : times_) {
      std::sort(times.begin(), times.end());
      std::printf("%-40s %8.1f %8.1f\n", what.c_str(), times[times.size() / 2], times[0]);
    }
  }

 private:
  void Engine(const std::string& what, const std::string& options) {
    const auto start = Clock::now();
    const std::string command =
        absl::StrCat("docker run --rm ", options, " --entrypoint /bin/true ", image_);
    if (std::system(command.c_str()) != 0) exit(1);
    times_[what].push_back(MsSince(start));
  }

  // All that a job's container has.
  void Job(const std::string& what, ContainerNetwork network) {
    ContainerConfig config;
    config.name = absl::StrCat("cronium-test-runtime-", RandomBase62(8));
    config.image = image_;
    config.entrypoint = {"/bin/true"};
    for (int i = 0; i < 12; ++i) config.env.push_back(absl::StrCat("CRONIUM_NAME_", i, "=value"));
    config.binds = {{folder_->path("inject"), "/opt/cronium"},
                    {folder_->path("job"), "/run/cronium/job"},
                    {folder_->path("api"), "/run/cronium/api"}};
    config.tmpfs = {{"/tmp", "exec,mode=1777,size=67108864"},
                    {"/workspace", "exec,mode=1777,size=268435456"}};
    config.extra_hosts = {{"runtime-api", "127.0.0.1"}};
    config.labels = {{"cronium.cluster", "c"}, {"cronium.node", "n"}, {"cronium.execution", "e"}};
    config.network = network;

    Blocking call(runtime_);
    auto start = Clock::now();
    const auto begin = start;
    const auto step = [&](const char* name, const absl::Status& status) {
      if (!status.ok()) {
        std::fprintf(stderr, "%s: %s\n", name, status.ToString().c_str());
        exit(1);
      }
      times_[absl::StrCat(what, ": ", name)].push_back(MsSince(start));
      start = Clock::now();
    };
    step("1 create", call.Create(config).status());
    step("2 start", call.Start(config.name));
    step("3 wait", call.Wait(config.name).status());
    times_[absl::StrCat(what, ": create to exit")].push_back(MsSince(begin));
    step("4 remove", call.Remove(config.name, false));
    step("5 inspect of the image (not needed)", call.PrepareImage(image_));
  }

  const std::string image_;
  ContainerRuntime* const runtime_;
  const TempFolder* const folder_;
  std::map<std::string, std::vector<double>> times_;
};

}  // namespace
}  // namespace cronium::agent

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: agent_runtime_bench IMAGE [ROUNDS]\n");
    return 2;
  }
  cronium::agent::TempFolder folder;
  auto runtime = cronium::agent::DockerRuntime::Create({.state_dir = folder.path("state")});
  if (!runtime.ok()) return 1;
  cronium::agent::Bench bench(argv[1], runtime->get(), &folder);
  for (int rounds = argc > 2 ? atoi(argv[2]) : 20; rounds > 0; --rounds) bench.Round();
  bench.Print();
}
