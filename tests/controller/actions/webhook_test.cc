// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/actions/plan_parts.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::WebhookSecret DeploySecret() {
  v1::WebhookSecret secret;
  secret.set_base_url("https://hooks.example.org/deploy");
  (*secret.mutable_headers())["Authorization"] = "Bearer deep-secret";
  return secret;
}

absl::StatusOr<ActionPlan> Plan(absl::string_view params, const v1::WebhookSecret* secret) {
  absl::StatusOr<Params> parsed = Params::Parse(params);
  if (!parsed.ok()) return parsed.status();
  return PlanWebhookRequest(&*parsed, secret);
}

TEST(Webhook, AUrlAloneNeedsNoCredential) {
  const auto plan = Plan(
      R"({"method":"post","url":"https://example.org/a?b=c","body":{"v": 1.50, "a":[]}})", nullptr);
  const HttpRequest request = Request(plan);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://example.org/a?b=c");
  // As it came, digit for digit.
  EXPECT_EQ(request.body, R"({"v": 1.50, "a":[]})");
  EXPECT_EQ(FindHeader(request.headers, "content-type"), "application/json");
  EXPECT_EQ(plan->target, "example.org:443");
  EXPECT_FALSE(plan->safe);
}

TEST(Webhook, ATextIsSentAsItIsAndHeadersAreTheScripts) {
  const HttpRequest request = Request(Plan(
      R"({"url":"http://example.org","body":"a=b\nc","headers":{"Content-Type":"text/x","X-N":5}})",
      nullptr));
  EXPECT_EQ(request.body, "a=b\nc");
  EXPECT_EQ(FindHeader(request.headers, "content-type"), "text/x");
  EXPECT_EQ(FindHeader(request.headers, "X-N"), "5");
}

TEST(Webhook, APathGoesOnFromTheCredentialsBase) {
  const v1::WebhookSecret secret = DeploySecret();
  const auto plan = Plan(R"({"method":"GET","path":"v1/run?x=1"})", &secret);
  const HttpRequest request = Request(plan);
  EXPECT_EQ(request.url, "https://hooks.example.org/deploy/v1/run?x=1");
  EXPECT_EQ(FindHeader(request.headers, "authorization"), "Bearer deep-secret");
  EXPECT_TRUE(plan->safe);
  EXPECT_THAT(plan->secrets, ElementsAre("Bearer deep-secret", "deep-secret"));
  EXPECT_EQ(Request(Plan("{}", &secret)).url, "https://hooks.example.org/deploy/");
}

TEST(Webhook, ACredentialIsSentNowhereElse) {
  const v1::WebhookSecret secret = DeploySecret();
  for (const char* url :
       {"https://evil.example/deploy", "http://hooks.example.org/deploy",
        "https://hooks.example.org:444/deploy", "https://hooks.example.org/deployment",
        "https://hooks.example.org/other", "https://hooks.example.org.evil.example/deploy",
        "https://hooks.example.org@evil.example/deploy",
        "https://hooks.example.org/deploy/../other", "https://hooks.example.org/deploy/%2e%2E/x",
        "https://hooks.example.org/deploy/..%2fx"}) {
    EXPECT_FALSE(Plan(std::string("{\"url\":\"") + url + "\"}", &secret).ok()) << url;
  }
  for (const char* path : {"../other", "/../../other", "%2e%2e/other", "..%5cother"}) {
    EXPECT_FALSE(Plan(std::string("{\"path\":\"") + path + "\"}", &secret).ok()) << path;
  }
  EXPECT_TRUE(Plan(R"({"url":"https://hooks.example.org/deploy/x?u=a%2fb"})", &secret).ok());
}

TEST(Webhook, WrongParametersAreNamed) {
  const v1::WebhookSecret secret = DeploySecret();
  EXPECT_THAT(Error(Plan("{}", nullptr)), HasSubstr("params.url: is required"));
  EXPECT_THAT(Error(Plan(R"({"path":"x"})", nullptr)),
              HasSubstr("params.path: needs a credential"));
  EXPECT_THAT(Error(Plan(R"({"url":"ftp://x"})", nullptr)), HasSubstr("params.url: "));
  EXPECT_THAT(Error(Plan(R"({"url":"https://u:p@x"})", nullptr)),
              HasSubstr("params.url: holds a user or password"));
  EXPECT_THAT(Error(Plan(R"({"url":"https://x","method":"BREW"})", nullptr)),
              HasSubstr("params.method: is none of"));
  EXPECT_THAT(Error(Plan(R"({"url":"https://x","headers":{"a":"b\r\nc: d"}})", nullptr)),
              HasSubstr("params.headers.a: has a value with a line end"));
  EXPECT_THAT(Error(Plan(R"({"url":"https://x","headers":{"Host":"y"}})", nullptr)),
              HasSubstr("params.headers.Host: "));
  EXPECT_THAT(Error(Plan(R"({"path":"x","headers":{"AUTHORIZATION":"y"}})", &secret)),
              HasSubstr("set by the credential"));
  EXPECT_THAT(Error(Plan(R"({"url":"https://x","path":"y"})", &secret)),
              HasSubstr("give one of them"));
}

TEST(Webhook, TheAnswerIsStatusHeadersAndBody) {
  const auto plan = Plan(R"({"url":"https://x"})", nullptr);
  HttpResponse response;
  response.status = 201;
  response.headers = {{"Content-Type", "application/json"}, {"X-Id", "7"}};
  response.body = R"({"n": 1.0})";
  ActionResult result = plan->read(response);
  EXPECT_TRUE(result.success);
  EXPECT_EQ(
      result.data_json,
      R"({"status":201,"headers":{"content-type":"application/json","x-id":"7"},"body":{"n": 1.0}})");
  response.status = 404;
  response.headers.clear();
  response.body = "gone \xff";
  result = plan->read(response);
  EXPECT_FALSE(result.success);
  EXPECT_EQ(result.error, "the webhook answered 404");
  EXPECT_EQ(result.data_json, "{\"status\":404,\"headers\":{},\"body\":\"gone \xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace cronium::controller
