// SPDX-License-Identifier: Apache-2.0
// POST /tool-actions/execute.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ToolActionTest : public GatewayFixture {
 protected:
  ToolActionTest() {
    v1::ExecuteToolActionResponse answer;
    answer.set_success(true);
    answer.set_data_json(R"({"ok": true, "n":1.0})");
    answer.set_metadata_json(R"({"tries":1})");
    service_->SetActionAnswer(answer);
    Start();
  }

  RawReply Execute(const std::string& body, std::vector<std::string> headers = {}) const {
    headers.push_back(Bearer(Token()));
    return AskRaw(RequestText("POST", "/tool-actions/execute", headers, body));
  }
};

constexpr char kBody[] =
    R"({"tool":"slack","action":"send_message","params":{"text": "\u00e9", "n":1.50}})";

TEST_F(ToolActionTest, TheParametersGoToTheControllerAsTheyCame) {
  const RawReply reply = Execute(kBody, {"Idempotency-Key: key-1"});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"success":true,"data":{"ok": true, "n":1.0},"metadata":{"tries":1}})");
  const v1::ExecuteToolActionRequest asked = service_->last_action();
  EXPECT_EQ(asked.tool(), "slack");
  EXPECT_EQ(asked.action(), "send_message");
  EXPECT_EQ(asked.params_json(), R"({"text": "\u00e9", "n":1.50})");
  EXPECT_EQ(asked.idempotency_key(), "key-1");
}

TEST_F(ToolActionTest, ConfigIsTheOldNameOfParamsAndBothMayBeAbsent) {
  Execute(R"({"config":{"a":1},"action":"b","tool":"t","more":[]})");
  EXPECT_EQ(service_->last_action().params_json(), R"({"a":1})");
  Execute(R"({"action":"b","tool":"t"})");
  EXPECT_EQ(service_->last_action().params_json(), "{}");
}

TEST_F(ToolActionTest, ACallWithoutAKeyGetsOneOfItsOwn) {
  Execute(kBody);
  const std::string first = service_->last_action().idempotency_key();
  EXPECT_THAT(first, StartsWith("gateway-"));
  Execute(kBody);
  EXPECT_NE(service_->last_action().idempotency_key(), first);
}

TEST_F(ToolActionTest, ACallThatBrokeOffIsMadeAgainWithTheSameKey) {
  service_->FailNext(1, absl::UnavailableError("connection lost"), /*after_effect=*/true);
  EXPECT_EQ(Execute(kBody).status, 200);
  EXPECT_THAT(service_->last_action().idempotency_key(), StartsWith("gateway-"));
}

TEST_F(ToolActionTest, WhatTheOtherSideRefusedIsAnAnswer) {
  v1::ExecuteToolActionResponse answer;
  answer.set_data_json("null");
  answer.set_error("Slack said \"no\"");
  answer.set_code("ACTION_REFUSED");
  service_->SetActionAnswer(answer);
  const RawReply reply = Execute(kBody);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"success":false,"data":null,"error":"Slack said \"no\"",)"
                        R"("message":"Slack said \"no\"","code":"ACTION_REFUSED","metadata":{}})");
}

TEST_F(ToolActionTest, ErrorsOfTheControllerKeepTheirReason) {
  const auto fail = [&](absl::StatusCode code, absl::string_view reason) {
    service_->FailNext(1, MakeError(code, reason, "because"));
    return Execute(kBody);
  };
  ExpectError(fail(absl::StatusCode::kNotFound, "TOOL_NOT_FOUND"), 404, "TOOL_NOT_FOUND",
              "because");
  ExpectError(fail(absl::StatusCode::kPermissionDenied, "CREDENTIAL_NOT_GRANTED"), 403,
              "CREDENTIAL_NOT_GRANTED", "because");
  ExpectError(fail(absl::StatusCode::kFailedPrecondition, "CREDENTIAL_REQUIRED"), 409,
              "CREDENTIAL_REQUIRED", "because");
  ExpectError(fail(absl::StatusCode::kAborted, "OUTCOME_UNKNOWN"), 409, "OUTCOME_UNKNOWN",
              "because");
  ExpectError(fail(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED"), 409,
              "IDEMPOTENCY_KEY_REUSED", "because");
  const RawReply busy = fail(absl::StatusCode::kResourceExhausted, "TOO_MANY_ACTIONS");
  ExpectError(busy, 429, "TOO_MANY_ACTIONS", "because");
  EXPECT_EQ(busy.headers.at("retry-after"), "1");
}

TEST_F(ToolActionTest, WrongBodiesAreRefusedAndTheFieldIsNamed) {
  const auto wrong = [&](const std::string& body, const std::string& message) {
    ExpectError(Execute(body), 400, "INVALID_REQUEST", HasSubstr(message));
  };
  wrong("", "body: is empty");
  wrong("{", "body: not valid JSON");
  wrong("[]", "body: is not a JSON object");
  wrong(R"({"action":"a"})", "tool: is required");
  wrong(R"({"tool":"t"})", "action: is required");
  wrong(R"({"tool":7,"action":"a"})", "tool: is not a string");
  wrong(R"({"tool":"","action":"a"})", "tool: is not a string");
  wrong(R"({"tool":"t","action":"a","params":[]})", "params: is not a JSON object");
  wrong(R"({"tool":"t","action":"a","config":null})", "config: is not a JSON object");
  wrong(R"({"tool":"t","action":"a","params":{},"config":{}})", "config: is another name");
  wrong(R"({"tool":"t","tool":"t","action":"a"})", "tool: is there more than once");
  EXPECT_EQ(service_->last_action().tool(), "");
}

TEST_F(ToolActionTest, TheRouteTakesAPostWithATokenAndALimit) {
  const RawReply method = AskRaw(RequestText("GET", "/tool-actions/execute", {Bearer(Token())}));
  ExpectError(method, 405, "METHOD_NOT_ALLOWED", HasSubstr("POST"));
  EXPECT_EQ(method.headers.at("allow"), "POST");
  ExpectError(AskRaw(RequestText("POST", "/tool-actions/execute", {}, kBody)), 401, "TOKEN_MISSING",
              testing::_);
  EXPECT_EQ(Execute(std::string((1 << 20) + 1, ' ')).status, 413);
  EXPECT_EQ(AskRaw(RequestText("POST", "/tool-actions", {Bearer(Token())}, kBody)).status, 404);
}

}  // namespace
}  // namespace cronium::gateway
