// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/answer_json.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "common/json.h"

namespace cronium::controller {
namespace {

HttpResponse Response(std::string body) {
  HttpResponse response;
  response.status = 200;
  response.headers = {{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
  response.body = std::move(body);
  response.url = "https://example.com/";
  return response;
}

TEST(AnswerJson, HasStatusHeadersAndBody) {
  EXPECT_EQ(AnswerJson(Response("say \"hi\"\n"), 2),
            R"({"status":200,"headers":{"content-type":"text/plain","x-a":"1, 2"},)"
            R"("body":"say \"hi\"\n","body_truncated":false,"response_truncated":false,)"
            R"("url":"https://example.com/","tries":2})");
}

TEST(AnswerJson, CarriesBytesThatAreNotTextAsBase64) {
  const std::string json = AnswerJson(Response("\xff\xfe\x00ok"), 1);
  EXPECT_TRUE(absl::StrContains(json, R"("body_base64":"//4=")")) << json;
  EXPECT_FALSE(absl::StrContains(json, R"("body":)"));
}

TEST(AnswerJson, CutsALongBodyBetweenCharactersAndSaysSo) {
  std::string body;
  while (body.size() <= kMaxJsonBodyBytes) body += "\xe2\x82\xac";  // Three bytes each.
  const std::string json = AnswerJson(Response(body), 1);
  EXPECT_TRUE(ValidateJson(json).ok());
  EXPECT_TRUE(absl::StrContains(json, R"("body_truncated":true,"response_truncated":false)"));
  EXPECT_FALSE(absl::StrContains(json, "body_base64"));
}

TEST(AnswerJson, TellsABodyThatWasCutWhenItWasRead) {
  HttpResponse cut = Response("price: 5 \xe2\x82");
  cut.body_cut = true;
  const std::string json = AnswerJson(cut, 1);
  EXPECT_TRUE(absl::StrContains(json, R"("body":"price: 5 ","body_truncated":true)")) << json;
  EXPECT_TRUE(absl::StrContains(json, R"("response_truncated":true)")) << json;
}

TEST(AnswerJson, IsJsonWhateverTheHeadersHold) {
  HttpResponse response = Response("");
  response.headers = {{"X-\xff", "\x01\"\\\xfe"}, {"X-Long", std::string(64 << 10, 'x')}};
  const std::string json = AnswerJson(response, 1);
  EXPECT_TRUE(ValidateJson(json).ok()) << json;
  EXPECT_LT(json.size(), 1000u);
}

}  // namespace
}  // namespace cronium::controller
