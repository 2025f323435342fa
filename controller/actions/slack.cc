// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/slack.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "common/json_members.h"
#include "controller/actions/http_answer.h"
#include "controller/actions/json_object.h"

namespace cronium::controller {
namespace {

// Slack cuts texts beyond 40,000 characters, and refuses larger calls.
constexpr size_t kMaxText = 160'000;
constexpr size_t kMaxSlackText = 1000;
constexpr size_t kMaxSlackJson = 200'000;

// A webhook answers `ok`, or a status and a word.
ActionResult ReadWebhookAnswer(const HttpResponse& response) {
  ActionResult result = ResultOfStatus(response, "Slack", response.body);
  if (result.success) result.data_json = R"({"ok":true})";
  return result;
}

// The Web API answers 200 to what it refuses, too, and says so in the body.
ActionResult ReadApiAnswer(const HttpResponse& response) {
  bool ok = false;
  std::string error;
  if (const auto members = JsonMembers(response.body); members.ok()) {
    for (const JsonMember& member : *members) {
      if (member.name == "ok") ok = member.value == "true";
      if (member.name == "error") error = JsonStringText(member.value).value_or("");
    }
  }
  ActionResult result = ResultOfStatus(response, "Slack", error);
  if (!result.success || ok) return result;
  result.success = false;
  result.code = error == "ratelimited" ? "ACTION_RATE_LIMITED" : "ACTION_REFUSED";
  result.error = error.empty() ? "Slack's answer is none of its Web API"
                               : absl::StrCat("Slack refused the message: ", ToUtf8Lossy(error));
  return result;
}

}  // namespace

absl::StatusOr<ActionPlan> PlanSlackMessage(Params* params, const v1::SlackSecret& secret) {
  const bool bot = !secret.bot_token().empty();
  JsonObject body;
  if (bot) {
    body.Text("channel", params->RequiredText("channel", kMaxSlackText));
  } else {
    body.TextIf("channel", params->Text("channel", kMaxSlackText));
  }
  // `message` is what some scripts of the first generation call it.
  const bool old_name = !params->Has("text") && params->Has("message");
  const std::optional<std::string> text = params->Text(old_name ? "message" : "text", kMaxText);
  const absl::string_view blocks = params->Json("blocks", '[', kMaxSlackJson);
  const absl::string_view attachments = params->Json("attachments", '[', kMaxSlackJson);
  if (text.value_or("").empty() && blocks.empty() && attachments.empty()) {
    params->Wrong("text", "is required where there are neither blocks nor attachments");
  }
  body.TextIf("text", text).RawIf("blocks", blocks).RawIf("attachments", attachments);
  for (const char* name : {"username", "icon_emoji", "icon_url", "thread_ts"}) {
    body.TextIf(name, params->Text(name, kMaxSlackText));
  }
  for (const char* name : {"mrkdwn", "unfurl_links", "unfurl_media", "reply_broadcast"}) {
    body.FlagIf(name, params->Flag(name));
  }
  if (absl::Status status = params->Finish(); !status.ok()) return status;

  HttpRequest request;
  request.method = "POST";
  request.body = body.Build();
  request.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  ActionPlan plan;
  if (bot) {
    const absl::string_view api =
        secret.api_url().empty() ? kSlackApiUrl : absl::StripSuffix(secret.api_url(), "/");
    request.url = absl::StrCat(api, "/chat.postMessage");
    request.headers.emplace_back("Authorization", absl::StrCat("Bearer ", secret.bot_token()));
    plan.secrets = {secret.bot_token()};
    plan.read = ReadApiAnswer;
  } else {
    request.url = secret.webhook_url();
    plan.secrets = {secret.webhook_url(),
                    secret.webhook_url().substr(secret.webhook_url().rfind('/') + 1)};
    plan.read = ReadWebhookAnswer;
  }
  plan.target = TargetOfUrl(request.url);
  plan.message = std::move(request);
  return plan;
}

}  // namespace cronium::controller
