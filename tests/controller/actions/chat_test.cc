// SPDX-License-Identifier: Apache-2.0
// Slack and Discord: what goes out, and what answers mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/actions/discord.h"
#include "controller/actions/http_answer.h"
#include "controller/actions/slack.h"
#include "tests/controller/actions/plan_parts.h"

namespace cronium::controller {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

v1::SlackSecret SlackBot() {
  v1::SlackSecret secret;
  secret.set_bot_token("xoxb-secret");
  return secret;
}
v1::SlackSecret SlackWebhook() {
  v1::SlackSecret secret;
  secret.set_webhook_url("https://hooks.slack.com/services/T0/B0/x");
  return secret;
}
v1::DiscordSecret DiscordBot() {
  v1::DiscordSecret secret;
  secret.set_bot_token("bot-secret");
  return secret;
}
v1::DiscordSecret DiscordWebhook() {
  v1::DiscordSecret secret;
  secret.set_webhook_url("https://discord.com/api/webhooks/12/token");
  return secret;
}

absl::StatusOr<ActionPlan> Slack(absl::string_view params, const v1::SlackSecret& secret) {
  absl::StatusOr<Params> parsed = Params::Parse(params);
  if (!parsed.ok()) return parsed.status();
  return PlanSlackMessage(&*parsed, secret);
}
absl::StatusOr<ActionPlan> Discord(absl::string_view params, const v1::DiscordSecret& secret) {
  absl::StatusOr<Params> parsed = Params::Parse(params);
  if (!parsed.ok()) return parsed.status();
  return PlanDiscordMessage(&*parsed, secret);
}

HttpResponse Answer(int status, std::string body, HttpHeaders headers = {}) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  return response;
}

TEST(Slack, ABotPostsThroughTheWebApi) {
  const auto plan = Slack(
      R"({"channel":"#ops","text":"deployed \u00e9","username":"deploy","icon_emoji":":rocket:",)"
      R"("unfurl_links":false})",
      SlackBot());
  const HttpRequest request = Request(plan);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://slack.com/api/chat.postMessage");
  EXPECT_EQ(FindHeader(request.headers, "Authorization"), "Bearer xoxb-secret");
  EXPECT_EQ(FindHeader(request.headers, "Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(request.body,
            "{\"channel\":\"#ops\",\"text\":\"deployed \xc3\xa9\",\"username\":\"deploy\","
            "\"icon_emoji\":\":rocket:\",\"unfurl_links\":false}");
  EXPECT_EQ(plan->target, "slack.com:443");
}

TEST(Slack, AWebhookIsPostedToAsItIs) {
  const auto plan =
      Slack(R"({"text":"hi","blocks":[{"type":"divider", "n":1.0}]})", SlackWebhook());
  const HttpRequest request = Request(plan);
  EXPECT_EQ(request.url, "https://hooks.slack.com/services/T0/B0/x");
  EXPECT_EQ(FindHeader(request.headers, "Authorization"), "");
  EXPECT_EQ(request.body, R"({"text":"hi","blocks":[{"type":"divider", "n":1.0}]})");
  EXPECT_EQ(plan->target, "hooks.slack.com:443");
}

TEST(Slack, AnAnswerThatSaysNotOkIsAFailureThoughItsStatusIs200) {
  const auto plan = Slack(R"({"channel":"c","text":"t"})", SlackBot());
  const ActionResult refused =
      plan->read(Answer(200, R"({"ok":false,"error":"channel_not_found"})"));
  EXPECT_FALSE(refused.success);
  EXPECT_THAT(refused.error, HasSubstr("channel_not_found"));
  EXPECT_EQ(refused.code, "ACTION_REFUSED");
  EXPECT_FALSE(refused.retry_after.has_value());
  const std::string body = R"({"ok":true,"channel":"C1","ts":"1503435956.000247"})";
  const ActionResult sent = plan->read(Answer(200, body));
  EXPECT_TRUE(sent.success);
  EXPECT_EQ(sent.data_json, body);
  EXPECT_FALSE(plan->read(Answer(200, "<html>")).success);
}

TEST(Slack, ARateLimitSaysWhenToTryAgain) {
  const auto plan = Slack(R"({"channel":"c","text":"t"})", SlackBot());
  const ActionResult limited =
      plan->read(Answer(429, R"({"ok":false,"error":"ratelimited"})", {{"retry-after", "3"}}));
  EXPECT_FALSE(limited.success);
  EXPECT_EQ(limited.code, "ACTION_RATE_LIMITED");
  EXPECT_EQ(limited.retry_after, absl::Seconds(3));
}

TEST(Slack, AWebhooksErrorIsItsWord) {
  const auto plan = Slack(R"({"text":"t"})", SlackWebhook());
  EXPECT_THAT(plan->read(Answer(404, "no_service")).error, HasSubstr("404: no_service"));
  EXPECT_EQ(plan->read(Answer(200, "ok")).data_json, R"({"ok":true})");
}

TEST(Slack, WrongParametersAreNamed) {
  EXPECT_THAT(Error(Slack(R"({"text":"t"})", SlackBot())),
              HasSubstr("params.channel: is required"));
  EXPECT_THAT(Error(Slack(R"({"channel":"c"})", SlackBot())),
              HasSubstr("params.text: is required where"));
  EXPECT_THAT(Error(Slack(R"({"text":"7","blocks":{}})", SlackWebhook())),
              HasSubstr("params.blocks: is not a JSON array"));
  EXPECT_THAT(Error(Slack(R"({"text":"t","iconemoji":"x"})", SlackWebhook())),
              HasSubstr("params.iconemoji: is not known; "));
  EXPECT_THAT(Error(Slack("[1]", SlackWebhook())), HasSubstr("params: is not a JSON object"));
  EXPECT_THAT(Error(Slack(R"({"text":"a","text":"b"})", SlackWebhook())),
              HasSubstr("params.text: is there more than once"));
}

TEST(Discord, AWebhookWaitsForItsMessageAndPingsNobody) {
  const auto plan = Discord(
      R"({"channelId":"123","content":"@everyone hi","embeds":[{"title":"1.5"}],"thread_id":"9"})",
      DiscordWebhook());
  const HttpRequest request = Request(plan);
  EXPECT_EQ(request.url, "https://discord.com/api/webhooks/12/token?wait=true&thread_id=9");
  EXPECT_EQ(
      request.body,
      R"({"content":"@everyone hi","embeds":[{"title":"1.5"}],"allowed_mentions":{"parse":[]}})");
  EXPECT_EQ(FindHeader(request.headers, "Authorization"), "");
}

TEST(Discord, ABotPostsToTheChannel) {
  // A number is what shells and YAML make of an id.
  const auto plan =
      Discord(R"({"channelId":1234567890,"content":"hi","allowed_mentions":{"parse":["users"]}})",
              DiscordBot());
  const HttpRequest request = Request(plan);
  EXPECT_EQ(request.url, "https://discord.com/api/v10/channels/1234567890/messages");
  EXPECT_EQ(FindHeader(request.headers, "Authorization"), "Bot bot-secret");
  EXPECT_THAT(std::string(FindHeader(request.headers, "User-Agent")), StartsWith("DiscordBot ("));
  EXPECT_EQ(request.body, R"({"content":"hi","allowed_mentions":{"parse":["users"]}})");
}

TEST(Discord, AChannelCannotLeadElsewhere) {
  for (const char* id : {"12/../../users", "", "12?x", "abc"}) {
    const std::string params = std::string(R"({"content":"c","channelId":")") + id + "\"}";
    EXPECT_FALSE(Discord(params, DiscordBot()).ok()) << id;
  }
}

TEST(Discord, LimitsOfDiscordAreCheckedBeforeItIsAsked) {
  std::string umlauts;
  for (int i = 0; i < 2000; ++i) umlauts += "\xc3\xa4";
  EXPECT_TRUE(Discord("{\"content\":\"" + umlauts + "\"}", DiscordWebhook()).ok());
  EXPECT_THAT(Error(Discord("{\"content\":\"" + umlauts + "x\"}", DiscordWebhook())),
              HasSubstr("params.content: has 2001 characters; Discord allows 2000"));
  EXPECT_FALSE(Discord(R"({"embeds":[1,2,3,4,5,6,7,8,9,10,11]})", DiscordWebhook()).ok());
}

TEST(Discord, ARateLimitIsAsExactAsItsBody) {
  const auto plan = Discord(R"({"content":"c"})", DiscordWebhook());
  const ActionResult limited = plan->read(
      Answer(429, R"({"message":"You are being rate limited.","retry_after":0.25,"global":false})",
             {{"Retry-After", "1"}}));
  EXPECT_EQ(limited.retry_after, absl::Milliseconds(250));
  EXPECT_THAT(limited.error, HasSubstr("You are being rate limited."));
  const ActionResult refused =
      plan->read(Answer(403, R"({"message":"Missing Access","code":50001})"));
  EXPECT_THAT(refused.error, HasSubstr("Missing Access"));
  EXPECT_FALSE(refused.retry_after.has_value());
}

TEST(HttpAnswer, OnlyWhatSaysWhenMayBeSentAgain) {
  EXPECT_FALSE(ResultOfStatus(Answer(503, ""), "it", "").retry_after.has_value());
  EXPECT_TRUE(ResultOfStatus(Answer(503, "", {{"Retry-After", "2"}}), "it", "").retry_after);
  EXPECT_FALSE(ResultOfStatus(Answer(500, "", {{"Retry-After", "2"}}), "it", "").retry_after);
  EXPECT_FALSE(ResultOfStatus(Answer(503, "", {{"Retry-After", "soon"}}), "it", "").retry_after);
  EXPECT_FALSE(ResultOfStatus(Answer(503, "", {{"Retry-After", "-1"}}), "it", "").retry_after);
}

}  // namespace
}  // namespace cronium::controller
