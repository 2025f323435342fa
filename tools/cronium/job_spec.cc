// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/job_spec.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/json.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/format.h"
#include "tools/cronium/parse.h"

namespace cronium::cli {
namespace {

constexpr char kBashImage[] = "cronium/bash";
constexpr char kPythonImage[] = "cronium/python";
constexpr char kNodeImage[] = "cronium/node";
// Runs the script as an ES module in any version of Node.js: runtime-gateway/helpers/node.
constexpr char kRunModule[] = "/opt/cronium/lib/node/node_modules/cronium/run-module.mjs";

// "/usr/bin/env -S python3 -u" names python3, "/bin/bash -e" bash.
std::string ProgramOfFirstLine(absl::string_view content) {
  if (!absl::ConsumePrefix(&content, "#!")) return "";
  const absl::string_view line = content.substr(0, content.find('\n'));
  for (const absl::string_view word :
       absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty())) {
    const absl::string_view name = word.substr(word.rfind('/') + 1);
    if (name != "env" && !absl::StartsWith(name, "-") && !absl::StrContains(name, '=')) {
      return std::string(name);
    }
  }
  return "";
}

std::string Extension(absl::string_view path) {
  const absl::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  return dot == absl::string_view::npos ? "" : std::string(name.substr(dot));
}

const char* ImageOfProgram(absl::string_view program) {
  if (absl::StartsWith(program, "python")) return kPythonImage;
  if (program == "node" || program == "nodejs") return kNodeImage;
  return kBashImage;
}

absl::StatusOr<std::string> ReadInput(const std::string& flag, Streams* streams) {
  absl::StatusOr<std::string> text = flag;
  if (flag == "-") {
    text = streams->ReadStdin(kMaxInputBytes);
  } else if (absl::StartsWith(flag, "@")) {
    text = ReadFile(flag.substr(1), kMaxInputBytes);
  }
  if (!text.ok()) return text.status();
  if (absl::Status status = ValidateJson(*text); !status.ok()) {
    return Annotate(status, "is not JSON (a string needs its quotes)");
  }
  return text;
}

// Collects the parts of a spec; the first error stays, with its flag's name.
class SpecBuilder {
 public:
  explicit SpecBuilder(v1::JobSpec* spec) : spec_(spec) {}

  const absl::Status& status() const { return status_; }

  void Fail(absl::string_view flag, const absl::Status& status) {
    if (status_.ok() && !status.ok()) status_ = Annotate(status, flag);
  }
  void Duration(absl::string_view flag, const std::string& text,
                google::protobuf::Duration* (v1::Timeouts::*field)()) {
    if (text.empty()) return;
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    if (!duration.ok()) return Fail(flag, duration.status());
    SetDuration(*duration, (spec_->mutable_timeouts()->*field)());
  }
  template <typename Map>
  void KeyValues(absl::string_view flag, const std::vector<std::string>& texts, Map* map) {
    for (const std::string& text : texts) {
      const auto pair = ParseKeyValue(text);
      if (!pair.ok()) return Fail(flag, pair.status());
      (*map)[pair->first] = pair->second;
    }
  }

 private:
  v1::JobSpec* const spec_;
  absl::Status status_;
};

// protobuf strings are UTF-8; the controller would refuse the whole message without a word on which
// part is not.
void CheckUtf8(absl::string_view what, absl::string_view text, SpecBuilder* builder) {
  if (!IsUtf8(text)) {
    builder->Fail(
        what, absl::InvalidArgumentError(absl::StrCat("\"", ToUtf8Lossy(text), "\" is not UTF-8")));
  }
}

// K=V, or K alone for the value that it has here.
void AddEnvironment(const std::vector<std::string>& words, const Environment& environment,
                    v1::ContainerSpec* container, SpecBuilder* builder) {
  for (const std::string& word : words) {
    if (absl::StrContains(word, '=')) {
      CheckUtf8("--env", word, builder);
      builder->KeyValues("--env", {word}, container->mutable_env());
    } else if (const auto value = environment(word.c_str())) {
      CheckUtf8(absl::StrCat("--env ", word), *value, builder);
      (*container->mutable_env())[word] = *value;
    } else {
      builder->Fail("--env", absl::InvalidArgumentError(absl::StrCat(
                                 word, " is not set here: give its value as ", word, "=VALUE")));
    }
  }
}

void AddResources(const RunFlags& flags, v1::ContainerSpec* container, SpecBuilder* builder) {
  if (!flags.memory.empty()) {
    const absl::StatusOr<int64_t> bytes = ParseSize(flags.memory);
    if (!bytes.ok()) return builder->Fail("--memory", bytes.status());
    container->mutable_resources()->set_memory_bytes(*bytes);
  }
  if (!flags.cpus.empty()) {
    const absl::StatusOr<int32_t> millis = ParseCpuMillis(flags.cpus);
    if (!millis.ok()) return builder->Fail("--cpus", millis.status());
    container->mutable_resources()->set_cpu_millis(*millis);
  }
}

void AddNetwork(const std::string& word, v1::ContainerSpec* container, SpecBuilder* builder) {
  if (word == "none") {
    container->set_network(v1::NETWORK_MODE_NONE);
  } else if (word == "bridge") {
    container->set_network(v1::NETWORK_MODE_BRIDGE);
  } else if (!word.empty()) {
    builder->Fail("--network",
                  absl::InvalidArgumentError(absl::StrCat("\"", word, "\": is none or bridge")));
  }
}

void AddLoss(const RunFlags& flags, v1::JobSpec* spec, SpecBuilder* builder) {
  if (!flags.lost_after.empty()) {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(flags.lost_after);
    if (!duration.ok()) return builder->Fail("--lost-after", duration.status());
    SetDuration(*duration, spec->mutable_lost_after());
  }
  if (flags.on_lost == "retry") {
    spec->set_on_lost(v1::LOST_ACTION_RETRY);
  } else if (flags.on_lost == "keep") {
    spec->set_on_lost(v1::LOST_ACTION_KEEP);
  } else if (!flags.on_lost.empty()) {
    builder->Fail("--on-lost", absl::InvalidArgumentError(
                                   absl::StrCat("\"", flags.on_lost, "\": is retry or keep")));
  }
  if (flags.max_attempts.has_value()) spec->set_max_attempts(*flags.max_attempts);
}

}  // namespace

absl::StatusOr<std::string> ReadScript(const std::string& path, Streams* streams) {
  absl::StatusOr<std::string> content;
  if (path == "-") {
    content = streams->ReadStdin(kMaxScriptBytes);
    if (!content.ok()) return content.status();
  } else {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) {
      return absl::NotFoundError(absl::StrCat(path, ": ", strerror(errno)));
    }
    if (S_ISDIR(info.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", strerror(EISDIR)));
    }
    if (info.st_size > kMaxScriptBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": is ", Size(info.st_size), "; a script has at most ",
                       Size(kMaxScriptBytes), ": put data into the image or the input"));
    }
    // Not info.st_size: a pipe has none.
    content = ReadFile(path, kMaxScriptBytes);
    if (!content.ok()) return content.status();
  }
  const std::string name = path == "-" ? "stdin" : path;
  if (content->empty()) return absl::InvalidArgumentError(absl::StrCat(name, ": is empty"));
  if (!IsUtf8(*content)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": is not UTF-8 text: a script must be (is this a program?)"));
  }
  return content;
}

ScriptDefaults DefaultsForScript(absl::string_view path, absl::string_view content) {
  if (absl::StartsWith(content, "#!")) {
    return {.image = ImageOfProgram(ProgramOfFirstLine(content)), .because = "by its first line"};
  }
  const std::string extension = Extension(path);
  if (extension == ".py") {
    return {.image = kPythonImage, .interpreter = {"python3"}, .because = "for .py"};
  }
  if (extension == ".mjs") {
    return {.image = kNodeImage, .interpreter = {"node", kRunModule}, .because = "for .mjs"};
  }
  if (extension == ".js" || extension == ".cjs") {
    return {
        .image = kNodeImage, .interpreter = {"node"}, .because = absl::StrCat("for ", extension)};
  }
  return {.image = kBashImage, .interpreter = {"bash"}, .because = "the default"};
}

absl::StatusOr<v1::JobSpec> BuildJobSpec(const RunFlags& flags, const std::string& script_path,
                                         std::string script, std::vector<std::string> args,
                                         const Environment& environment, Streams* streams) {
  v1::JobSpec spec;
  SpecBuilder builder(&spec);
  v1::ContainerSpec& container = *spec.mutable_container();

  const ScriptDefaults defaults = DefaultsForScript(script_path, script);
  container.set_image(flags.image.empty() ? defaults.image : flags.image);
  // In an image of the user's own choice nothing says that bash is there: the controller's rule
  // holds (first line, else /bin/sh).
  const bool known_interpreter = flags.image.empty() || defaults.image != kBashImage;
  for (const std::string& word : !flags.interpreter.empty() ? flags.interpreter
                                 : known_interpreter        ? defaults.interpreter
                                                            : std::vector<std::string>()) {
    container.mutable_script()->add_interpreter(word);
  }
  container.mutable_script()->set_content(std::move(script));
  for (std::string& arg : args) {
    CheckUtf8("script argument", arg, &builder);
    container.mutable_script()->add_args(std::move(arg));
  }

  AddEnvironment(flags.env, environment, &container, &builder);
  AddResources(flags, &container, &builder);
  AddNetwork(flags.network, &container, &builder);
  container.set_user(flags.user);
  container.set_working_dir(flags.working_dir);
  container.set_writable_root(flags.writable_root);

  if (!flags.node.empty()) spec.mutable_placement()->set_node(flags.node);
  if (!flags.node_labels.empty()) {
    builder.KeyValues("--node-label", flags.node_labels,
                      spec.mutable_placement()->mutable_node_labels());
  }
  builder.KeyValues("--label", flags.labels, spec.mutable_labels());
  builder.Duration("--timeout", flags.timeout, &v1::Timeouts::mutable_run);
  builder.Duration("--queue-timeout", flags.queue_timeout, &v1::Timeouts::mutable_queue);
  builder.Duration("--prepare-timeout", flags.prepare_timeout, &v1::Timeouts::mutable_prepare);
  builder.Duration("--stop-grace", flags.stop_grace, &v1::Timeouts::mutable_stop_grace);
  if (flags.priority.has_value()) spec.set_priority(*flags.priority);
  AddLoss(flags, &spec, &builder);

  if (!flags.input.empty()) {
    if (flags.input == "-" && script_path == "-") {
      builder.Fail("--input", absl::InvalidArgumentError("the script comes from stdin already"));
    } else {
      absl::StatusOr<std::string> input = ReadInput(flags.input, streams);
      if (input.ok()) {
        spec.set_input_json(*std::move(input));
      } else {
        builder.Fail("--input", input.status());
      }
    }
  }
  if (!builder.status().ok()) return builder.status();
  return spec;
}

}  // namespace cronium::cli
