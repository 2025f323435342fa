// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/tools.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/json.h"
#include "controller/actions/credential_choice.h"
#include "controller/actions/credential_rules.h"
#include "controller/actions/discord.h"
#include "controller/actions/email.h"
#include "controller/actions/params.h"
#include "controller/actions/slack.h"
#include "controller/actions/webhook.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxCredentialName = 63;

struct Tool {
  const char* name;
  const char* action;
  v1::CredentialKind kind;
};

constexpr Tool kTools[] = {
    {"email", "send_message", v1::CREDENTIAL_KIND_SMTP},
    {"slack", "send_message", v1::CREDENTIAL_KIND_SLACK},
    {"discord", "send_message", v1::CREDENTIAL_KIND_DISCORD},
    {"webhook", "request", v1::CREDENTIAL_KIND_WEBHOOK},
};

absl::StatusOr<const Tool*> FindTool(const std::string& name, const std::string& action) {
  for (const Tool& tool : kTools) {
    if (name != tool.name) continue;
    if (action == tool.action) return &tool;
    return MakeError(
        absl::StatusCode::kNotFound, "TOOL_NOT_FOUND",
        absl::StrCat("the tool ", name, " has no action ", QuoteJson(action.substr(0, 100)),
                     "; its action is ", tool.action));
  }
  return MakeError(absl::StatusCode::kNotFound, "TOOL_NOT_FOUND",
                   absl::StrCat("there is no tool ", QuoteJson(name.substr(0, 100)),
                                "; the tools are email, slack, discord and webhook"));
}

// A webhook to a whole URL may go without a credential.
bool NeedsCredential(const Tool& tool, const Params& params, const CredentialWish& wish) {
  return tool.kind != v1::CREDENTIAL_KIND_WEBHOOK || wish.name.has_value() || !params.Has("url");
}

absl::StatusOr<ActionPlan> PlanTool(const Tool& tool, const ActionRequest& request, Params* params,
                                    const v1::CredentialSecret* secret) {
  switch (tool.kind) {
    case v1::CREDENTIAL_KIND_SMTP:
      return PlanEmail(params, secret->smtp(), request.now, request.unique);
    case v1::CREDENTIAL_KIND_SLACK:
      return PlanSlackMessage(params, secret->slack());
    case v1::CREDENTIAL_KIND_DISCORD:
      return PlanDiscordMessage(params, secret->discord());
    default:
      return PlanWebhookRequest(params, secret == nullptr ? nullptr : &secret->webhook());
  }
}

}  // namespace

absl::StatusOr<PlannedAction> PlanAction(Store* store, const Sealer& sealer,
                                         const ActionRequest& request) {
  absl::StatusOr<const Tool*> tool = FindTool(request.tool, request.action);
  if (!tool.ok()) return tool.status();
  absl::StatusOr<Params> params = Params::Parse(request.params_json);
  if (!params.ok()) return params.status();
  CredentialWish wish;
  wish.name_space = request.name_space;
  wish.tool = request.tool;
  wish.kind = (*tool)->kind;
  wish.name = params->Text("credential", kMaxCredentialName);
  PlannedAction planned;
  std::optional<v1::CredentialSecret> secret;
  if (NeedsCredential(**tool, *params, wish)) {
    absl::StatusOr<StoredCredential> stored = ChooseCredential(store, wish);
    if (!stored.ok()) return stored.status();
    absl::StatusOr<v1::CredentialSecret> opened = OpenSecret(sealer, *stored);
    if (!opened.ok()) return opened.status();
    secret = *std::move(opened);
    planned.credential = stored->credential.name();
  }
  absl::StatusOr<ActionPlan> plan =
      PlanTool(**tool, request, &*params, secret.has_value() ? &*secret : nullptr);
  if (!plan.ok()) return plan.status();
  planned.plan = *std::move(plan);
  return planned;
}

}  // namespace cronium::controller
