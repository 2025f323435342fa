// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/variables_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/views.h"

namespace cronium::cli {
namespace {

// As of Variable.value_json.
constexpr int64_t kMaxValueBytes = 1 << 20;

int GetVariable(CommandContext& context, const std::string& key) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::GetVariableRequest request;
  request.set_namespace_(context.name_space);
  request.set_key(key);
  const absl::StatusOr<v1::GetVariableResponse> response = (*client)->GetVariable(request);
  if (!response.ok()) return context.Fail(response.status());
  const v1::Variable& variable = response->variable();
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(variable)
          : context.streams->Out(absl::StrCat(RawValue(variable.value_json()), "\n"));
  return printed.ok() ? 0 : context.Fail(printed);
}

int ListVariables(CommandContext& context, const std::string& prefix) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::ListVariablesResponse all;
  v1::ListVariablesRequest request;
  request.set_namespace_(context.name_space);
  request.set_prefix(prefix);
  request.set_page_size(kPageSize);
  do {
    absl::StatusOr<v1::ListVariablesResponse> page = (*client)->ListVariables(request);
    if (!page.ok()) return context.Fail(page.status());
    for (v1::Variable& variable : *page->mutable_variables()) {
      *all.add_variables() = std::move(variable);
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(all)
          : context.streams->Out(VariablesTable(all, context.process.clock->Now()));
  return printed.ok() ? 0 : context.Fail(printed);
}

int SetVariable(CommandContext& context, const std::string& etag, bool as_string) {
  if (context.words.size() != 2) {
    return context.Fail(
        absl::InvalidArgumentError("variables set: takes KEY and VALUE, after the options"));
  }
  std::string typed = context.words[1];
  if (typed == "-") {
    absl::StatusOr<std::string> read = context.streams->ReadStdin(kMaxValueBytes + 1);
    if (!read.ok()) return context.Fail(read.status());
    // The newline that echo and editors put at the end is none of the value's.
    typed = std::string(absl::StripSuffix(*read, "\n"));
  }
  const absl::StatusOr<std::string> value = ValueToJson(typed, as_string);
  if (!value.ok()) return context.Fail(Annotate(value.status(), "VALUE"));
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::SetVariableRequest request;
  request.set_namespace_(context.name_space);
  request.set_key(context.words[0]);
  request.set_value_json(*value);
  request.set_etag(etag);
  const absl::StatusOr<v1::SetVariableResponse> response = (*client)->SetVariable(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.output == OutputFormat::kText) return 0;
  const absl::Status printed = context.PrintJson(response->variable());
  return printed.ok() ? 0 : context.Fail(printed);
}

int DeleteVariable(CommandContext& context, const std::string& key, const std::string& etag) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::DeleteVariableRequest request;
  request.set_namespace_(context.name_space);
  request.set_key(key);
  request.set_etag(etag);
  const auto response = (*client)->DeleteVariable(request);
  return response.ok() ? 0 : context.Fail(response.status());
}

}  // namespace

absl::StatusOr<std::string> ValueToJson(absl::string_view typed, bool as_string) {
  if (!IsUtf8(typed)) return absl::InvalidArgumentError("is not UTF-8");
  if (!as_string && ValidateJson(typed).ok()) return std::string(typed);
  return QuoteJson(typed);
}

CLI::App* AddVariablesCommands(CLI::App* app, Command* chosen) {
  CLI::App* variables =
      app->add_subcommand("variables", "Read and write the namespace's variables");
  variables->require_subcommand(1);

  CLI::App* get = variables->add_subcommand(
      "get", "A variable's value: a string as it is, anything else as JSON");
  auto get_key = std::make_shared<std::string>();
  get->add_option("KEY", *get_key, "Its key")->required();
  get->callback([=] { *chosen = [=](CommandContext& c) { return GetVariable(c, *get_key); }; });

  CLI::App* list = variables->add_subcommand("list", "All variables, by key");
  auto prefix = std::make_shared<std::string>();
  list->add_option("--prefix", *prefix, "Only keys that begin with this");
  list->callback([=] { *chosen = [=](CommandContext& c) { return ListVariables(c, *prefix); }; });

  CLI::App* set =
      variables->add_subcommand("set", "Create or replace a variable; the options come first");
  // For --help alone: these words never reach CLI11.
  auto help_only = std::make_shared<std::string>();
  set->add_option("KEY", *help_only, "Its key")->type_name("");
  set->add_option("VALUE", *help_only,
                  "JSON is taken as JSON, anything else as a string; - reads it from stdin")
      ->type_name("");
  auto set_etag = std::make_shared<std::string>();
  auto as_string = std::make_shared<bool>(false);
  set->add_option("--if-etag", *set_etag,
                  "Only if this is its present etag (variables get --output json); * if it exists");
  set->add_flag("--string", *as_string, "A string, even where VALUE is JSON");
  set->callback([=] {
    *chosen = [=, keep = help_only](CommandContext& c) {
      return SetVariable(c, *set_etag, *as_string);
    };
  });

  CLI::App* remove = variables->add_subcommand("delete", "Remove a variable");
  auto delete_key = std::make_shared<std::string>();
  auto delete_etag = std::make_shared<std::string>();
  remove->add_option("KEY", *delete_key, "Its key")->required();
  remove->add_option("--if-etag", *delete_etag, "Only if this is its present etag");
  remove->callback([=] {
    *chosen = [=](CommandContext& c) { return DeleteVariable(c, *delete_key, *delete_etag); };
  });
  return set;
}

}  // namespace cronium::cli
