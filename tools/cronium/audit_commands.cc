// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "tools/cronium/credentials_commands.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/format.h"
#include "tools/cronium/parse.h"
#include "tools/cronium/views.h"

namespace cronium::cli {
namespace {

struct AuditFlags {
  std::string job;
  std::string since;
  std::string until;
  bool all_namespaces = false;
  int limit = 50;
};

int ListRecords(CommandContext& context, const AuditFlags& flags) {
  v1::ListAuditRecordsRequest request;
  request.set_job_id(flags.job);
  const absl::Time now = context.process.clock->Now();
  for (const auto& [name, text, out] :
       {std::make_tuple("--since", &flags.since, 0), std::make_tuple("--until", &flags.until, 1)}) {
    if (text->empty()) continue;
    const absl::StatusOr<absl::Time> time = ParseSince(*text, now);
    if (!time.ok()) return context.Fail(Annotate(time.status(), name));
    SetTime(*time, out == 0 ? request.mutable_since() : request.mutable_until());
  }
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  if (!flags.all_namespaces) request.set_namespace_(context.name_space);
  v1::ListAuditRecordsResponse all;
  do {
    const int left = flags.limit == 0 ? kPageSize : flags.limit - all.records_size();
    request.set_page_size(std::min(left, kPageSize));
    absl::StatusOr<v1::ListAuditRecordsResponse> page = (*client)->ListAuditRecords(request);
    if (!page.ok()) return context.Fail(page.status());
    for (v1::AuditRecord& record : *page->mutable_records()) {
      *all.add_records() = std::move(record);
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (flags.limit == 0 || all.records_size() < flags.limit));
  const absl::Status printed = context.output == OutputFormat::kJson
                                   ? context.PrintJson(all)
                                   : context.streams->Out(AuditTable(all));
  return printed.ok() ? 0 : context.Fail(printed);
}

}  // namespace

void AddAuditCommands(CLI::App* app, Command* chosen) {
  CLI::App* audit = app->add_subcommand("audit", "See what was sent, and who changed credentials");
  audit->require_subcommand(1);
  CLI::App* list = audit->add_subcommand("list", "Records of the namespace, newest first");
  auto flags = std::make_shared<AuditFlags>();
  list->add_option("--job", flags->job, "Only what this job did");
  list->add_option("--since", flags->since, "Only since then: 10m (that long ago), or RFC 3339");
  list->add_option("--until", flags->until, "Only before then");
  list->add_flag("--all-namespaces", flags->all_namespaces, "Of all that you may see");
  list->add_option("--limit", flags->limit, "How many at most; 0 for all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  list->callback([=] { *chosen = [=](CommandContext& c) { return ListRecords(c, *flags); }; });
}

}  // namespace cronium::cli
