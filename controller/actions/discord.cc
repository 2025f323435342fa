// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/discord.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/json_members.h"
#include "controller/actions/http_answer.h"
#include "controller/actions/json_object.h"

namespace cronium::controller {
namespace {

// Discord counts 2000 characters; one is at most 4 bytes of UTF-8.
constexpr size_t kMaxCharacters = 2000;
constexpr size_t kMaxDiscordText = 1000;
constexpr size_t kMaxDiscordJson = 200'000;
constexpr size_t kMaxEmbeds = 10;

size_t CountCharacters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

bool IsSnowflake(absl::string_view id) {
  return !id.empty() && id.size() <= 20 &&
         std::all_of(id.begin(), id.end(), [](char c) { return absl::ascii_isdigit(c); });
}

ActionResult ReadDiscordAnswer(const HttpResponse& response) {
  std::string said;
  std::optional<absl::Duration> retry_after;
  if (const auto members = JsonMembers(response.body); members.ok()) {
    for (const JsonMember& member : *members) {
      double seconds = 0;
      if (member.name == "message") said = JsonStringText(member.value).value_or("");
      if (member.name == "retry_after" && absl::SimpleAtod(member.value, &seconds)) {
        retry_after = absl::Seconds(std::clamp(seconds, 0.0, 1e6));
      }
    }
  }
  ActionResult result = ResultOfStatus(response, "Discord", said);
  // More exact than the header, and there where that is not.
  if (response.status == 429 && retry_after.has_value()) result.retry_after = retry_after;
  return result;
}

// The channel of a bot's message. `channelId` is what the helpers send.
std::string ReadChannel(Params* params, bool required) {
  const char* name = params->Has("channel_id") ? "channel_id" : "channelId";
  std::string id = required ? params->RequiredText(name, kMaxDiscordText)
                            : params->Text(name, kMaxDiscordText).value_or("");
  if (required && !id.empty() && !IsSnowflake(id)) {
    params->Wrong(name, "is not a channel's id, which has only digits");
  }
  return id;
}

std::string ReadMessage(Params* params, bool bot) {
  JsonObject body;
  const std::optional<std::string> content = params->Text("content", 4 * kMaxCharacters);
  if (content.has_value() && CountCharacters(*content) > kMaxCharacters) {
    params->Wrong("content", absl::StrCat("has ", CountCharacters(*content),
                                          " characters; Discord "
                                          "allows ",
                                          kMaxCharacters));
  }
  const absl::string_view embeds = params->Json("embeds", '[', kMaxDiscordJson);
  if (!embeds.empty() && JsonElements(embeds)->size() > kMaxEmbeds) {
    params->Wrong("embeds", absl::StrCat("has more than the ", kMaxEmbeds, " that Discord allows"));
  }
  if (content.value_or("").empty() && embeds.empty()) {
    params->Wrong("content", "is required where there are no embeds");
  }
  body.TextIf("content", content).RawIf("embeds", embeds);
  body.FlagIf("tts", params->Flag("tts"));
  const absl::string_view mentions = params->Json("allowed_mentions", '{', kMaxDiscordJson);
  body.Raw("allowed_mentions", mentions.empty() ? R"({"parse":[]})" : mentions);
  // A bot has its name and picture; a webhook may be given others.
  if (bot) {
    body.RawIf("message_reference", params->Json("message_reference", '{', kMaxDiscordJson));
  } else {
    body.TextIf("username", params->Text("username", kMaxDiscordText));
    body.TextIf("avatar_url", params->Text("avatar_url", kMaxDiscordText));
  }
  return body.Build();
}

}  // namespace

absl::StatusOr<ActionPlan> PlanDiscordMessage(Params* params, const v1::DiscordSecret& secret) {
  const bool bot = !secret.bot_token().empty();
  HttpRequest request;
  request.method = "POST";
  const std::string channel = ReadChannel(params, bot);
  request.body = ReadMessage(params, bot);
  std::optional<std::string> thread;
  if (!bot) thread = params->Text("thread_id", kMaxDiscordText);
  if (thread.has_value() && !IsSnowflake(*thread)) {
    params->Wrong("thread_id", "is not a thread's id, which has only digits");
  }
  if (absl::Status status = params->Finish(); !status.ok()) return status;

  request.headers.emplace_back("Content-Type", "application/json");
  // Discord turns away bots whose agent does not have this form.
  request.headers.emplace_back("User-Agent", "DiscordBot (cronium-controller, 1)");
  ActionPlan plan;
  if (bot) {
    const absl::string_view api =
        secret.api_url().empty() ? kDiscordApiUrl : absl::StripSuffix(secret.api_url(), "/");
    request.url = absl::StrCat(api, "/channels/", channel, "/messages");
    request.headers.emplace_back("Authorization", absl::StrCat("Bot ", secret.bot_token()));
    plan.secrets = {secret.bot_token()};
  } else {
    // Without wait the answer would come before Discord has looked at the message.
    request.url = absl::StrCat(secret.webhook_url(), "?wait=true");
    if (thread.has_value()) absl::StrAppend(&request.url, "&thread_id=", *thread);
    plan.secrets = {secret.webhook_url(),
                    secret.webhook_url().substr(secret.webhook_url().rfind('/') + 1)};
  }
  plan.read = ReadDiscordAnswer;
  plan.target = TargetOfUrl(request.url);
  plan.message = std::move(request);
  return plan;
}

}  // namespace cronium::controller
