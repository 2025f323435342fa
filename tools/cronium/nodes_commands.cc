// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/nodes_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "tools/cronium/views.h"

namespace cronium::cli {
namespace {

int ListNodes(CommandContext& context) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::ListNodesResponse all;
  v1::ListNodesRequest request;
  request.set_page_size(kPageSize);
  do {
    absl::StatusOr<v1::ListNodesResponse> page = (*client)->ListNodes(request);
    if (!page.ok()) return context.Fail(page.status());
    for (v1::Node& node : *page->mutable_nodes()) *all.add_nodes() = std::move(node);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(all)
          : context.streams->Out(NodesTable(all, context.process.clock->Now()));
  return printed.ok() ? 0 : context.Fail(printed);
}

int GetNode(CommandContext& context, const std::string& name) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::GetNodeRequest request;
  request.set_name(name);
  const absl::StatusOr<v1::GetNodeResponse> response = (*client)->GetNode(request);
  if (!response.ok()) return context.Fail(response.status());
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(response->node())
          : context.streams->Out(NodeDetails(response->node(), context.process.clock->Now()));
  return printed.ok() ? 0 : context.Fail(printed);
}

}  // namespace

void AddNodesCommands(CLI::App* app, Command* chosen) {
  CLI::App* nodes = app->add_subcommand("nodes", "See the hosts that run jobs");
  nodes->require_subcommand(1);

  CLI::App* list = nodes->add_subcommand("list", "All hosts, by name");
  list->callback([=] { *chosen = ListNodes; });

  CLI::App* get = nodes->add_subcommand("get", "One host and its conditions");
  auto name = std::make_shared<std::string>();
  get->add_option("NODE", *name, "Its name")->required();
  get->callback([=] { *chosen = [=](CommandContext& c) { return GetNode(c, *name); }; });
}

}  // namespace cronium::cli
