// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/credentials_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/views.h"

namespace cronium::cli {
namespace {

constexpr int64_t kMaxSecretBytes = 64 << 10;

// What create and update are told.
struct SecretFlags {
  std::string name;
  std::string kind;
  // A file, or - for stdin; never the secret itself, which others on this host could see in the
  // list of processes.
  std::string source;
  std::vector<std::string> grant;
  std::vector<std::string> revoke;
  std::string etag;
};

absl::StatusOr<v1::CredentialSecret> ReadSecret(CommandContext& context, const std::string& kind,
                                                const std::string& source) {
  if (source == "-" && context.process.stdin_is_terminal) {
    context.streams->Notice("reading the secret's JSON from the terminal; end it with Ctrl-D");
  }
  absl::StatusOr<std::string> json = source == "-" ? context.streams->ReadStdin(kMaxSecretBytes)
                                                   : ReadFile(source, kMaxSecretBytes);
  if (!json.ok()) return json.status();
  return ParseSecret(kind, *json);
}

int PrintCredential(CommandContext& context, const v1::Credential& credential) {
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(credential)
          : context.streams->Out(CredentialDetails(credential, context.process.clock->Now()));
  return printed.ok() ? 0 : context.Fail(printed);
}

int CreateCredential(CommandContext& context, const SecretFlags& flags) {
  const absl::StatusOr<v1::CredentialSecret> secret = ReadSecret(context, flags.kind, flags.source);
  if (!secret.ok()) return context.Fail(secret.status());
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::CreateCredentialRequest request;
  request.set_name(flags.name);
  for (const std::string& name_space : flags.grant) request.add_namespaces(name_space);
  *request.mutable_secret() = *secret;
  const absl::StatusOr<v1::CreateCredentialResponse> response =
      (*client)->CreateCredential(request);
  if (!response.ok()) return context.Fail(response.status());
  if (flags.grant.empty()) {
    context.streams->Notice(
        absl::StrCat("no namespace may use it yet: `cronium credentials update ", flags.name,
                     " --grant NAMESPACE`"));
  }
  return PrintCredential(context, response->credential());
}

absl::StatusOr<v1::Credential> Fetch(Client* client, const std::string& name) {
  v1::GetCredentialRequest request;
  request.set_name(name);
  absl::StatusOr<v1::GetCredentialResponse> response = client->GetCredential(request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_credential());
}

int Update(CommandContext& context, const SecretFlags& flags) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const absl::StatusOr<v1::Credential> present = Fetch(client->get(), flags.name);
  if (!present.ok()) return context.Fail(present.status());
  v1::UpdateCredentialRequest request;
  request.set_name(flags.name);
  // What was read is what is changed.
  request.set_etag(flags.etag.empty() ? present->etag() : flags.etag);
  if (!flags.source.empty()) {
    const absl::StatusOr<v1::CredentialSecret> secret =
        ReadSecret(context, KindWord(present->kind()), flags.source);
    if (!secret.ok()) return context.Fail(secret.status());
    *request.mutable_secret() = *secret;
    request.mutable_update_mask()->add_paths("secret");
  }
  if (!flags.grant.empty() || !flags.revoke.empty()) {
    std::set<std::string> namespaces(present->namespaces().begin(), present->namespaces().end());
    namespaces.insert(flags.grant.begin(), flags.grant.end());
    for (const std::string& name_space : flags.revoke) namespaces.erase(name_space);
    for (const std::string& name_space : namespaces) request.add_namespaces(name_space);
    request.mutable_update_mask()->add_paths("namespaces");
  }
  if (request.update_mask().paths().empty()) {
    return context.Fail(absl::InvalidArgumentError(
        "credentials update: give --grant, --revoke or --secret, or nothing would change"));
  }
  const absl::StatusOr<v1::UpdateCredentialResponse> response =
      (*client)->UpdateCredential(request);
  if (!response.ok()) return context.Fail(response.status());
  return PrintCredential(context, response->credential());
}

int ListCredentials(CommandContext& context, const std::string& granted_to) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::ListCredentialsResponse all;
  v1::ListCredentialsRequest request;
  request.set_namespace_(granted_to);
  request.set_page_size(kPageSize);
  do {
    absl::StatusOr<v1::ListCredentialsResponse> page = (*client)->ListCredentials(request);
    if (!page.ok()) return context.Fail(page.status());
    for (v1::Credential& item : *page->mutable_credentials()) {
      *all.add_credentials() = std::move(item);
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(all)
          : context.streams->Out(CredentialsTable(all, context.process.clock->Now()));
  return printed.ok() ? 0 : context.Fail(printed);
}

int GetCredential(CommandContext& context, const std::string& name) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const absl::StatusOr<v1::Credential> credential = Fetch(client->get(), name);
  if (!credential.ok()) return context.Fail(credential.status());
  return PrintCredential(context, *credential);
}

int DeleteCredential(CommandContext& context, const std::string& name, const std::string& etag) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::DeleteCredentialRequest request;
  request.set_name(name);
  request.set_etag(etag);
  const auto response = (*client)->DeleteCredential(request);
  return response.ok() ? 0 : context.Fail(response.status());
}

}  // namespace

void AddCredentialsCommands(CLI::App* app, Command* chosen) {
  CLI::App* credentials = app->add_subcommand(
      "credentials", "What scripts send mail and messages with; secrets are never shown");
  credentials->require_subcommand(1);

  CLI::App* create = credentials->add_subcommand("create", "Store a secret under a name");
  auto made = std::make_shared<SecretFlags>();
  create
      ->add_option("NAME", made->name,
                   "Its name; one that is named like a tool (email, slack, "
                   "discord, webhook) is taken where a script names none")
      ->required();
  create->add_option("SECRET", made->source, "File with the secret as JSON, or - for stdin")
      ->required();
  create->add_option("--kind", made->kind, "smtp, slack, discord or webhook")->required();
  create->add_option("--grant", made->grant, "Namespace that may use it; may be repeated");
  create->callback(
      [=] { *chosen = [=](CommandContext& c) { return CreateCredential(c, *made); }; });

  CLI::App* update = credentials->add_subcommand("update", "Change who may use it, or its secret");
  auto changed = std::make_shared<SecretFlags>();
  update->add_option("NAME", changed->name, "Its name")->required();
  update->add_option("--grant", changed->grant, "One more namespace that may use it");
  update->add_option("--revoke", changed->revoke, "Namespace that may no longer use it");
  update->add_option("--secret", changed->source,
                     "File with the new secret as JSON, or - for stdin");
  update->add_option("--if-etag", changed->etag, "Only if this is its present etag");
  update->callback([=] { *chosen = [=](CommandContext& c) { return Update(c, *changed); }; });

  CLI::App* list = credentials->add_subcommand("list", "All that you may see, by name");
  auto granted_to = std::make_shared<std::string>();
  list->add_option("--granted-to", *granted_to, "Only those that this namespace may use");
  list->callback(
      [=] { *chosen = [=](CommandContext& c) { return ListCredentials(c, *granted_to); }; });

  CLI::App* get = credentials->add_subcommand("get", "One of them, without its secret");
  auto name = std::make_shared<std::string>();
  get->add_option("NAME", *name, "Its name")->required();
  get->callback([=] { *chosen = [=](CommandContext& c) { return GetCredential(c, *name); }; });

  CLI::App* remove = credentials->add_subcommand("delete", "Forget a secret");
  auto removed = std::make_shared<SecretFlags>();
  remove->add_option("NAME", removed->name, "Its name")->required();
  remove->add_option("--if-etag", removed->etag, "Only if this is its present etag");
  remove->callback([=] {
    *chosen = [=](CommandContext& c) { return DeleteCredential(c, removed->name, removed->etag); };
  });
}

}  // namespace cronium::cli
