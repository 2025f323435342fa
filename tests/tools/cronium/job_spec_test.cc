// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/job_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/tools/cronium/fake_process.h"
#include "tools/cronium/format.h"

namespace cronium::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class JobSpecTest : public testing::Test {
 protected:
  JobSpecTest() {
    folder_ = testing::TempDir() + "cronium-spec-" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
  }
  ~JobSpecTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, const std::string& content) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
    return folder_ + "/" + name;
  }
  absl::StatusOr<v1::JobSpec> Build(const RunFlags& flags, const std::string& path = "x.sh",
                                    const std::string& script = "true\n") {
    const Environment environment = [](const char* name) -> std::optional<std::string> {
      if (std::string(name) == "HERE") return "its value";
      return std::nullopt;
    };
    return BuildJobSpec(flags, path, script, {"--arg", "[1,2]"}, environment, &streams_);
  }
  std::string Error(const RunFlags& flags) { return std::string(Build(flags).status().message()); }

  std::string folder_;
  FakeStreams streams_;
};

TEST_F(JobSpecTest, AMissingScriptIsNamedAsShellsDo) {
  EXPECT_EQ(ReadScript("nosuch.sh", &streams_).status().message(),
            "nosuch.sh: No such file or directory");
  EXPECT_EQ(ReadScript(folder_, &streams_).status().message(), folder_ + ": Is a directory");
}

TEST_F(JobSpecTest, AScriptThatCannotBeOneIsRefusedWithTheReason) {
  EXPECT_THAT(
      ReadScript(File("big", std::string((1 << 20) + 1, 'x')), &streams_).status().message(),
      HasSubstr("a script has at most 1MiB"));
  EXPECT_THAT(ReadScript(File("binary",
                              "\x7f"
                              "ELF\xff\xfe"),
                         &streams_)
                  .status()
                  .message(),
              HasSubstr("is not UTF-8"));
  EXPECT_THAT(ReadScript(File("empty", ""), &streams_).status().message(), HasSubstr("is empty"));
}

TEST_F(JobSpecTest, AScriptMayComeFromStdin) {
  streams_.set_stdin("echo hello\n");
  EXPECT_EQ(*ReadScript("-", &streams_), "echo hello\n");
}

TEST_F(JobSpecTest, TheFirstLineChoosesTheImage) {
  EXPECT_EQ(DefaultsForScript("x", "#!/usr/bin/python3\n").image, "cronium/python");
  EXPECT_EQ(DefaultsForScript("x", "#!/usr/bin/env -S python3.11 -u\n").image, "cronium/python");
  EXPECT_EQ(DefaultsForScript("x", "#!/usr/bin/env node\r\n").image, "cronium/node");
  EXPECT_EQ(DefaultsForScript("x", "#! /bin/bash -e\n").image, "cronium/bash");
  EXPECT_EQ(DefaultsForScript("x.py", "#!/bin/sh\n").image, "cronium/bash");
  EXPECT_THAT(DefaultsForScript("x.py", "#!/bin/sh\n").interpreter, IsEmpty());
}

TEST_F(JobSpecTest, ElseTheExtensionDoesWithTheProgramThatRunsIt) {
  EXPECT_EQ(DefaultsForScript("dir.d/x.py", "print()\n").image, "cronium/python");
  EXPECT_THAT(DefaultsForScript("x.py", "print()\n").interpreter, ElementsAre("python3"));
  EXPECT_EQ(DefaultsForScript("x.mjs", "1\n").image, "cronium/node");
  EXPECT_THAT(DefaultsForScript("x.mjs", "1\n").interpreter,
              ElementsAre("node", EndsWith("/cronium/run-module.mjs")));
  EXPECT_THAT(DefaultsForScript("x.js", "1\n").interpreter, ElementsAre("node"));
  EXPECT_EQ(DefaultsForScript("x.py/run", "true\n").image, "cronium/bash");
  EXPECT_THAT(DefaultsForScript("-", "true\n").interpreter, ElementsAre("bash"));
}

TEST_F(JobSpecTest, InAnImageOfTheUsersOwnBashIsNotAssumed) {
  RunFlags flags;
  flags.image = "busybox";
  EXPECT_THAT(Build(flags)->container().script().interpreter(), IsEmpty());
  EXPECT_THAT(Build(flags, "x.py")->container().script().interpreter(), ElementsAre("python3"));
  flags.interpreter = {"ash", "-e"};
  EXPECT_THAT(Build(flags)->container().script().interpreter(), ElementsAre("ash", "-e"));
}

TEST_F(JobSpecTest, FlagsBecomeFields) {
  RunFlags flags;
  flags.env = {"A=1=2", "HERE", "EMPTY="};
  flags.node = "web-1";
  flags.node_labels = {"zone=a"};
  flags.input = "{\"a\": 1}";
  flags.timeout = "90s";
  flags.queue_timeout = "1.5h";
  flags.memory = "1G";
  flags.cpus = "0.25";
  flags.network = "bridge";
  flags.labels = {"team=blue"};
  flags.priority = -5;
  flags.on_lost = "keep";
  const auto spec = Build(flags);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->container().env().at("A"), "1=2");
  EXPECT_EQ(spec->container().env().at("HERE"), "its value");
  EXPECT_EQ(spec->container().env().at("EMPTY"), "");
  EXPECT_EQ(spec->placement().node(), "web-1");
  EXPECT_EQ(spec->placement().node_labels().at("zone"), "a");
  EXPECT_EQ(spec->input_json(), "{\"a\": 1}");
  EXPECT_EQ(spec->timeouts().run().seconds(), 90);
  EXPECT_EQ(spec->timeouts().queue().seconds(), 5400);
  EXPECT_EQ(spec->container().resources().memory_bytes(), 1 << 30);
  EXPECT_EQ(spec->container().resources().cpu_millis(), 250);
  EXPECT_EQ(spec->container().network(), v1::NETWORK_MODE_BRIDGE);
  EXPECT_EQ(spec->labels().at("team"), "blue");
  EXPECT_EQ(spec->priority(), -5);
  EXPECT_EQ(spec->on_lost(), v1::LOST_ACTION_KEEP);
  EXPECT_THAT(spec->container().script().args(), ElementsAre("--arg", "[1,2]"));
}

TEST_F(JobSpecTest, WhatIsNotGivenIsLeftToTheController) {
  const auto spec = Build({});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_FALSE(spec->has_timeouts());
  EXPECT_FALSE(spec->has_placement());
  EXPECT_FALSE(spec->container().has_resources());
  EXPECT_EQ(spec->container().network(), v1::NETWORK_MODE_UNSPECIFIED);
  EXPECT_EQ(spec->input_json(), "");
}

TEST_F(JobSpecTest, TheInputComesFromAFileOrStdinToo) {
  RunFlags flags;
  flags.input = "@" + File("input.json", "[1, 2]\n");
  EXPECT_EQ(Build(flags)->input_json(), "[1, 2]\n");
  streams_.set_stdin("null");
  flags.input = "-";
  EXPECT_EQ(Build(flags)->input_json(), "null");
  EXPECT_THAT(Build(flags, "-").status().message(), HasSubstr("comes from stdin already"));
}

TEST_F(JobSpecTest, EachBadFlagIsNamed) {
  RunFlags flags;
  flags.env = {"NOT_SET_HERE"};
  EXPECT_THAT(Error(flags), HasSubstr("--env: NOT_SET_HERE is not set here"));
  flags = {};
  flags.timeout = "soon";
  EXPECT_THAT(Error(flags), HasSubstr("--timeout: \"soon\" is not a duration"));
  flags = {};
  flags.memory = "much";
  EXPECT_THAT(Error(flags), HasSubstr("--memory: "));
  flags = {};
  flags.network = "host";
  EXPECT_THAT(Error(flags), HasSubstr("--network: \"host\": is none or bridge"));
  flags = {};
  flags.input = "hello";
  EXPECT_THAT(Error(flags), HasSubstr("--input: is not JSON"));
  flags = {};
  flags.input = "@/nosuch/file";
  EXPECT_THAT(Error(flags), HasSubstr("/nosuch/file"));
  flags = {};
  flags.labels = {"team"};
  EXPECT_THAT(Error(flags), HasSubstr("--label: \"team\" is not KEY=VALUE"));
  flags = {};
  flags.env = {"A=\xff"};
  EXPECT_THAT(Error(flags), HasSubstr("--env: "));
}

}  // namespace
}  // namespace cronium::cli
