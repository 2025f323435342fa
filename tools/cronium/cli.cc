// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cronium/credentials_commands.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/exit_code.h"
#include "tools/cronium/http_command.h"
#include "tools/cronium/jobs_commands.h"
#include "tools/cronium/logs_command.h"
#include "tools/cronium/nodes_commands.h"
#include "tools/cronium/parse.h"
#include "tools/cronium/run_command.h"
#include "tools/cronium/variables_commands.h"

namespace cronium::cli {
namespace {

// Global flags as they were typed.
struct GlobalFlags {
  std::string controller, ca, token, token_file, name_space, output = "text", retry_for;
  bool dev = false;
};

void AddGlobalFlags(CLI::App* app, GlobalFlags* flags) {
  app->add_option("--controller", flags->controller,
                  absl::StrCat("Where it listens (default ", kDefaultController, ")"))
      ->type_name("HOST:PORT");
  app->add_option("--ca", flags->ca,
                  absl::StrCat("The cluster's CA, PEM (default ", kDefaultCa, ")"))
      ->type_name("FILE");
  app->add_option("--token-file", flags->token_file,
                  absl::StrCat("File with an API token (default ", kDefaultTokenFile, ")"))
      ->type_name("FILE");
  app->add_option("--token", flags->token, "The token itself; others on this host can see it in ps")
      ->type_name("TOKEN");
  app->add_option("-n,--namespace", flags->name_space,
                  absl::StrCat("Whose jobs and variables (default \"", kDefaultNamespace, "\")"))
      ->type_name("NAME");
  app->add_flag("--dev", flags->dev,
                "Clear text, without a token: a controller with --dev on this host");
  app->add_option("-o,--output", flags->output,
                  "text, or json: one object, or one on each line where there is more to come")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  app->add_option(
         "--retry-for", flags->retry_for,
         "How long to try a controller that does not answer (default 10s; 5m once a job runs)")
      ->type_name("TIME");
  app->footer(
      "These options go before or after the command's name. For each one the first place that has\n"
      "it wins:\n"
      "  1. the option itself\n"
      "  2. environment: CRONIUM_CONTROLLER, CRONIUM_CA, CRONIUM_TOKEN, CRONIUM_TOKEN_FILE,\n"
      "     CRONIUM_NAMESPACE\n"
      "  3. ~/.config/cronium/cli.toml (or the file that CRONIUM_CLI_CONFIG names): controller, "
      "ca,\n"
      "     token, token-file, namespace, dev\n"
      "  4. the defaults, which are what `cronium-controller init` made on this host\n"
      "Exit status: 0, or 125 with one line on stderr; `run`, `http` and `jobs wait` give that of "
      "the job.");
}

absl::Status ApplyGlobalFlags(const CLI::App& app, const GlobalFlags& flags,
                              CommandContext* context) {
  const auto given = [&](const char* name, const std::string& value) {
    return app.count(name) > 0 ? std::optional<std::string>(value) : std::nullopt;
  };
  context->connection_flags.controller = given("--controller", flags.controller);
  context->connection_flags.ca = given("--ca", flags.ca);
  context->connection_flags.token = given("--token", flags.token);
  context->connection_flags.token_file = given("--token-file", flags.token_file);
  context->connection_flags.name_space = given("--namespace", flags.name_space);
  if (app.count("--dev") > 0) context->connection_flags.dev = flags.dev;
  context->output = flags.output == "json" ? OutputFormat::kJson : OutputFormat::kText;
  if (!flags.retry_for.empty()) {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(flags.retry_for);
    if (!duration.ok()) return Annotate(duration.status(), "--retry-for");
    context->retry_for = *duration;
  }
  return absl::OkStatus();
}

// Whether the word is an option of one of the apps that takes the next word as its value.
bool TakesNextWord(const std::vector<const CLI::App*>& apps, const std::string& word) {
  std::string name = word;
  if (!absl::StartsWith(word, "--")) {
    // -q, -e K=V, -eK=V, -qe K=V: a value follows where the last letter wants one and is the first
    // that does.
    for (size_t i = 1; i < word.size(); ++i) {
      name = absl::StrCat("-", word.substr(i, 1));
      if (TakesNextWord(apps, absl::StrCat("-", name))) return i + 1 == word.size();
    }
    return false;
  }
  if (absl::StrContains(word, '=')) return false;
  if (word.size() == 3) name = word.substr(1);
  for (const CLI::App* app : apps) {
    const CLI::Option* option = app->get_option_no_throw(name);
    if (option != nullptr) return option->get_items_expected_max() > 0;
  }
  return false;
}

// Index of the first word from `begin` on that is neither an option nor an option's value;
// args.size() where there is none.
size_t FirstPlainWord(const std::vector<const CLI::App*>& apps,
                      const std::vector<std::string>& args, size_t begin) {
  for (size_t i = begin; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word.size() < 2 || word[0] != '-' || word == "--") return i;
    if (TakesNextWord(apps, word)) ++i;
  }
  return args.size();
}

// Cuts what is the script's, or a variable's key and value, off the end of args. CLI11 must not see
// these: it would take the script's options for ours, and a JSON array for a list of values.
std::vector<std::string> TakeWords(const CLI::App& app, const CLI::App* run, const CLI::App* set,
                                   std::vector<std::string>* args) {
  size_t end = FirstPlainWord({&app}, *args, 0);
  const CLI::App* command = nullptr;
  if (end < args->size() && (*args)[end] == "run") {
    command = run;
  } else if (end < args->size() && (*args)[end] == "variables") {
    end = FirstPlainWord({&app}, *args, end + 1);
    if (end < args->size() && (*args)[end] == "set") command = set;
  }
  if (command == nullptr) return {};
  const size_t first = FirstPlainWord({command, &app}, *args, end + 1);
  std::vector<std::string> words(args->begin() + static_cast<ptrdiff_t>(first), args->end());
  args->resize(first);
  if (!words.empty() && words[0] == "--") words.erase(words.begin());
  return words;
}

int PrintVersion(CommandContext& context) {
  const absl::Status printed = context.streams->Out("cronium " CRONIUM_VERSION "\n");
  return printed.ok() ? 0 : context.Fail(printed);
}

}  // namespace

int RunCli(const std::vector<std::string>& args, const Process& process) {
  CommandContext context(process);
  Command chosen;
  GlobalFlags flags;
  CLI::App app("Runs scripts in containers on a fleet of hosts.", "cronium");
  app.require_subcommand(1);
  app.fallthrough();
  AddGlobalFlags(&app, &flags);
  const CLI::App* run = AddRunCommand(&app, &chosen);
  AddHttpCommand(&app, &chosen);
  AddLogsCommand(&app, &chosen);
  AddJobsCommands(&app, &chosen);
  AddNodesCommands(&app, &chosen);
  const CLI::App* set = AddVariablesCommands(&app, &chosen);
  AddCredentialsCommands(&app, &chosen);
  AddAuditCommands(&app, &chosen);
  app.add_subcommand("version", "The version of this client")->callback([&] {
    chosen = PrintVersion;
  });

  std::vector<std::string> options = args;
  if (options.empty()) options = {"--help"};
  context.words = TakeWords(app, run, set, &options);
  std::reverse(options.begin(), options.end());  // As CLI11 wants them.
  try {
    app.parse(options);
  } catch (const CLI::Success& success) {
    std::ostringstream out;
    app.exit(success, out, out);
    const absl::Status printed = process.streams->Out(out.str());
    return printed.ok() ? 0 : context.Fail(printed);
  } catch (const CLI::ParseError& error) {
    return context.Fail(absl::InvalidArgumentError(
        absl::StrCat(error.what(), "; --help after a command shows its usage")));
  }
  if (absl::Status status = ApplyGlobalFlags(app, flags, &context); !status.ok()) {
    return context.Fail(status);
  }
  return chosen(context);
}

}  // namespace cronium::cli
