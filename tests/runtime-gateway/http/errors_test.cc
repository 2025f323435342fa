// SPDX-License-Identifier: Apache-2.0
// What each route says when something is wrong, over both transports.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

using ::testing::_;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct RouteCase {
  std::string method;
  std::string rest;
  std::string body;
};

// Every route that speaks for an execution.
std::vector<RouteCase> ExecutionRoutes() {
  return {{"GET", "input", ""},
          {"POST", "output", R"({"data":1})"},
          {"GET", "context", ""},
          {"GET", "condition", ""},
          {"POST", "condition", R"({"condition":true})"},
          {"GET", "variables", ""},
          {"GET", "variables/k", ""},
          {"PUT", "variables/k", R"({"value":1})"},
          {"DELETE", "variables/k", ""},
          {"POST", "variables/n/increment", R"({"by":1})"},
          {"POST", "variables/s/append", R"({"text":"x"})"}};
}

class ErrorsTest : public GatewayFixture, public testing::WithParamInterface<bool> {
 protected:
  ErrorsTest() {
    over_loopback_ = GetParam();
    service_->SetVariable("k", "1");
  }

  void ExpectEveryRouteSays(int status, const std::string& code,
                            const testing::Matcher<const std::string&>& message) {
    for (const RouteCase& route : ExecutionRoutes()) {
      SCOPED_TRACE(route.method + " " + route.rest);
      ExpectError(Ask(route.method, route.rest, route.body), status, code, message);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, ErrorsTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Loopback" : "UnixSocket"; });

TEST_P(ErrorsTest, UnknownRoutesAreNotFound) {
  Start();
  for (const char* target :
       {"/", "/x", "/health/", "/healthz", "/Health", "/executions", "/executions/",
        "/executions/exec_0aZ9zA0aZ9zA", "/executions/exec_0aZ9zA0aZ9zA/",
        "/executions/exec_0aZ9zA0aZ9zA/inputs", "/executions/exec_0aZ9zA0aZ9zA/input/",
        "/executions//input", "//executions/exec_0aZ9zA0aZ9zA/input",
        "/v1/executions/exec_0aZ9zA0aZ9zA/input", "*"}) {
    SCOPED_TRACE(target);
    ExpectError(AskRaw(RequestText("GET", target, {Bearer(Token())})), 404, "ROUTE_NOT_FOUND",
                Eq("not found"));
  }
  ExpectError(AskRaw(RequestText("POST", "/tool-actions", {Bearer(Token())}, "{}")), 404,
              "ROUTE_NOT_FOUND", "not found");
}

TEST_P(ErrorsTest, WrongMethodsAreToldTheRightOnes) {
  Start();
  const auto expect = [&](const std::string& method, const std::string& target,
                          const std::string& allow) {
    SCOPED_TRACE(method + " " + target);
    const RawReply reply = AskRaw(RequestText(method, target, {Bearer(Token())}));
    ExpectError(reply, 405, "METHOD_NOT_ALLOWED", HasSubstr(method));
    EXPECT_EQ(reply.headers.at("allow"), allow);
  };
  expect("POST", "/health", "GET, HEAD");
  expect("POST", "/ready", "GET, HEAD");
  expect("POST", Path("input"), "GET, HEAD");
  expect("GET", Path("output"), "POST");
  expect("PUT", Path("output"), "POST");
  expect("DELETE", Path("context"), "GET, HEAD");
  expect("PUT", Path("condition"), "GET, HEAD, POST");
  expect("POST", Path("variables"), "GET, HEAD");
  expect("POST", Path("variables/k"), "GET, HEAD, PUT, DELETE");
  expect("POST", Path("variables/increment"), "GET, HEAD, PUT, DELETE");
  expect("PATCH", Path("variables/k/increment"), "GET, HEAD, PUT, DELETE");
  expect("PATCH", Path("variables/k"), "GET, HEAD, PUT, DELETE");
  expect("OPTIONS", Path("variables/k"), "GET, HEAD, PUT, DELETE");
  expect("BREW", Path("variables/k"), "GET, HEAD, PUT, DELETE");
  // Methods are spelled one way.
  expect("get", Path("variables/k"), "GET, HEAD, PUT, DELETE");
}

TEST_P(ErrorsTest, EveryRouteAsksForAToken) {
  Start();
  for (const RouteCase& route : ExecutionRoutes()) {
    for (const std::vector<std::string>& headers : {std::vector<std::string>{},
                                                    {"Authorization:"},
                                                    {"Authorization: Bearer"},
                                                    {"Authorization: Bearer "},
                                                    {"Authorization: Basic dXNlcjpwYXNz"},
                                                    {"Authorization: " + Token()},
                                                    {"X-Token: " + Token()}}) {
      SCOPED_TRACE(route.method + " " + route.rest);
      const RawReply reply =
          AskRaw(RequestText(route.method, Path(route.rest), headers, route.body));
      ExpectError(reply, 401, "TOKEN_MISSING", HasSubstr("Authorization: Bearer"));
      EXPECT_EQ(reply.headers.at("www-authenticate"), "Bearer");
    }
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ErrorsTest, NoRouteSpeaksForAnotherExecution) {
  Start();
  for (const RouteCase& route : ExecutionRoutes()) {
    for (const char* id : {"exec_AAAAAAAAAAAA", "exec_0aZ9zA0aZ9z", "exec_0aZ9zA0aZ9zAA", "x",
                           "exec_0aZ9zA0aZ9zA%00", "exec_0az9za0az9za", "%zz"}) {
      SCOPED_TRACE(absl::StrCat(route.method, " ", route.rest, " ", id));
      ExpectError(
          AskRaw(RequestText(route.method, absl::StrCat("/executions/", id, "/", route.rest),
                             {Bearer(Token())}, route.body)),
          403, "EXECUTION_ID_MISMATCH", Eq("execution ID mismatch"));
    }
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ErrorsTest, AnEndedExecutionIsForbiddenOnEveryRoute) {
  Start();
  service_->FailNext(100, MakeError(absl::StatusCode::kPermissionDenied, "EXECUTION_ENDED",
                                    "execution exec_0aZ9zA0aZ9zA has ended"));
  ExpectEveryRouteSays(403, "EXECUTION_ENDED", HasSubstr("has ended"));
}

TEST_P(ErrorsTest, WhatTheControllerSaysBecomesStatusMessageAndCode) {
  Start();
  struct Case {
    absl::StatusCode code;
    std::string reason;
    int status;
  };
  for (const Case& c : {Case{absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", 400},
                        {absl::StatusCode::kUnauthenticated, "TOKEN_INVALID", 401},
                        {absl::StatusCode::kPermissionDenied, "WRONG_NODE", 403},
                        {absl::StatusCode::kNotFound, "EXECUTION_NOT_FOUND", 404},
                        {absl::StatusCode::kAlreadyExists, "EXISTS", 409},
                        {absl::StatusCode::kAborted, "CONFLICT", 409},
                        {absl::StatusCode::kAborted, "ETAG_MISMATCH", 412},
                        {absl::StatusCode::kFailedPrecondition, "NOT_NOW", 409},
                        {absl::StatusCode::kOutOfRange, "VARIABLE_OUT_OF_RANGE", 409},
                        {absl::StatusCode::kOutOfRange, "VARIABLE_TOO_LARGE", 413},
                        {absl::StatusCode::kResourceExhausted, "QUOTA", 429},
                        {absl::StatusCode::kInternal, "STORE_FAILED", 500},
                        {absl::StatusCode::kDataLoss, "STORE_FAILED", 500},
                        {absl::StatusCode::kUnimplemented, "LATER", 501},
                        // The gateway's own standing, not the script's.
                        {absl::StatusCode::kUnauthenticated, "NODE_CERTIFICATE_REQUIRED", 503}}) {
    SCOPED_TRACE(c.reason);
    service_->FailNext(1, MakeError(c.code, c.reason, "that went wrong"));
    ExpectError(Ask("GET", "input"), c.status, c.reason, HasSubstr("that went wrong"));
  }
  service_->FailNext(1, absl::InternalError("no reason given"));
  ExpectError(Ask("GET", "input"), 500, "INTERNAL", Eq("no reason given"));
}

TEST_P(ErrorsTest, TheControllersRetryInfoBecomesRetryAfter) {
  Start();
  service_->FailNext(1, MakeRetryableError(absl::StatusCode::kResourceExhausted, "QUOTA", "later",
                                           absl::Milliseconds(6500)));
  EXPECT_EQ(Ask("GET", "input").headers.at("retry-after"), "7");
}

TEST_P(ErrorsTest, BodiesOfTheWrongShapeNameTheField) {
  Start();
  struct Case {
    std::string method;
    std::string rest;
    std::string field;
  };
  for (const Case& c :
       {Case{"POST", "output", "data"}, Case{"POST", "condition", "condition"},
        Case{"PUT", "variables/k", "value"}, Case{"POST", "variables/k/increment", "by"},
        Case{"POST", "variables/k/append", "text"}}) {
    SCOPED_TRACE(c.rest);
    const auto expect = [&](const std::string& body,
                            const testing::Matcher<const std::string&>& message) {
      ExpectError(Ask(c.method, c.rest, body), 400, "INVALID_REQUEST", message);
    };
    expect("", StartsWith("body: is empty"));
    for (const char* junk : {"x", "{", "{]", "{\"a\":1}x", "\xFF", "\"unterminated", "{'a':1}"}) {
      expect(junk, StartsWith("body: not valid JSON"));
    }
    expect(std::string("{}\0", 3), StartsWith("body: not valid JSON"));
    for (const char* other : {"[]", "1", "null", "\"text\"", "true"}) {
      expect(other, StartsWith("body: is not a JSON object with the field " + c.field));
    }
    expect("{}", Eq(c.field + ": is required"));
    expect("{\"Value\":1,\"Data\":1,\"Condition\":true}", Eq(c.field + ": is required"));
    expect(absl::StrCat("{\"x\":{\"", c.field, "\":1}}"), Eq(c.field + ": is required"));
    expect(absl::StrCat("{\"", c.field, "\":1,\"", c.field, "\":2}"),
           Eq(c.field + ": is there more than once"));
    expect(absl::StrCat("{\"", c.field, "\":1e999}"), StartsWith("body: holds a number"));
    expect(absl::StrCat("{\"", c.field, "\":", std::string(600, '['), std::string(600, ']'), "}"),
           HasSubstr("nested deeper than"));
  }
  for (const char* value : {"1", "\"true\"", "null", "[true]"}) {
    ExpectError(Ask("POST", "condition", absl::StrCat("{\"condition\":", value, "}")), 400,
                "INVALID_REQUEST", Eq("condition: is not true or false"));
  }
  for (const char* by : {"\"1\"", "null", "true", "[1]", "{}"}) {
    ExpectError(Ask("POST", "variables/k/increment", absl::StrCat("{\"by\":", by, "}")), 400,
                "INVALID_REQUEST", Eq("by: is not a number"));
  }
  for (const char* text : {"1", "null", "true", "[\"x\"]", "{}"}) {
    ExpectError(Ask("POST", "variables/k/append", absl::StrCat("{\"text\":", text, "}")), 400,
                "INVALID_REQUEST", Eq("text: is not a string"));
    ExpectError(Ask("POST", "variables/k/append",
                    absl::StrCat("{\"text\":\"x\",\"separator\":", text, "}")),
                400, "INVALID_REQUEST", Eq("separator: is not a string"));
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ErrorsTest, AnIdempotencyKeyThatIsNoneIsNamed) {
  Start();
  for (const std::string& key : {std::string(129, 'k'), std::string("a\tb"),
                                 std::string("\xC3\xA9"), std::string("a\x7F")}) {
    for (const RouteCase& route : ExecutionRoutes()) {
      if (route.method == "GET") continue;
      SCOPED_TRACE(absl::StrCat(route.method, " ", route.rest, " ", key));
      ExpectError(Ask(route.method, route.rest, route.body, {"Idempotency-Key: " + key}), 400,
                  "INVALID_REQUEST", StartsWith("Idempotency-Key: "));
    }
  }
  EXPECT_EQ(service_->calls(), 0);
}

TEST_P(ErrorsTest, MalformedKeysNameTheKey) {
  Start();
  for (const char* method : {"GET", "PUT", "DELETE"}) {
    for (const std::string& key :
         {std::string(), std::string("%"), std::string("a%2"), std::string("a%zz"),
          std::string("%FF"), std::string("%C3"), std::string("%ED%A0%80"), std::string("a%00b"),
          std::string("a%0Ab"), std::string("a%7F"), std::string(257, 'k'),
          std::string("%C3%A9") + std::string(255, 'k')}) {
      SCOPED_TRACE(absl::StrCat(method, " ", key));
      const std::string body = std::string(method) == "PUT" ? R"({"value":1})" : "";
      ExpectError(Ask(method, "variables/" + key, body), 400, "INVALID_REQUEST",
                  StartsWith("key: "));
    }
  }
}

TEST_P(ErrorsTest, MalformedIfMatchIsNamed) {
  Start();
  for (const char* value : {"\"*\"", "\"a\", \"b\"", "W/\"a\"", "\"a", "a\"", "\"\"", "a,b"}) {
    SCOPED_TRACE(value);
    ExpectError(Ask("PUT", "variables/k", R"({"value":1})", {absl::StrCat("If-Match: ", value)}),
                400, "INVALID_REQUEST", StartsWith("If-Match: "));
  }
}

TEST_P(ErrorsTest, MalformedQueriesNameTheParameter) {
  Start();
  for (const char* page_size : {"0", "-1", "1001", "ten", "1.5", "99999999999"}) {
    ExpectError(Ask("GET", absl::StrCat("variables?page_size=", page_size)), 400, "INVALID_REQUEST",
                StartsWith("page_size: "));
  }
  ExpectError(Ask("GET", "variables?prefix=%zz"), 400, "INVALID_REQUEST", StartsWith("prefix: "));
  ExpectError(Ask("GET", "variables?prefix=%FF"), 400, "INVALID_REQUEST", StartsWith("prefix: "));
  ExpectError(Ask("GET", "variables?page_token=%C3"), 400, "INVALID_REQUEST",
              StartsWith("page_token: "));
}

TEST_P(ErrorsTest, TooManyCallsAreToldWhenToComeBack) {
  options_.rate_limit_per_minute = 3;
  Start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask("GET", "input").status, 200);
  ExpectEveryRouteSays(429, "RATE_LIMITED", HasSubstr("calls a minute"));
  const RawReply reply = Ask("GET", "input");
  EXPECT_EQ(reply.headers.at("retry-after"), "20");
  EXPECT_EQ(service_->calls(), 3);
  // Another execution has its own share, and no token is needed for these.
  const std::string other = Token([](TokenClaims* c) { c->execution_id = "exec_BBBBBBBBBBBB"; });
  EXPECT_EQ(
      AskRaw(RequestText("GET", "/executions/exec_BBBBBBBBBBBB/input", {Bearer(other)})).status,
      200);
  EXPECT_EQ(AskRaw(RequestText("GET", "/health", {})).status, 200);
}

TEST_P(ErrorsTest, ANamespacesOwnRateComesInItsTokens) {
  options_.rate_limit_per_minute = 1;
  Start();
  const auto ask = [&](int64_t limit) {
    const std::string id = absl::StrCat("exec_limit", limit);
    const std::string token = Token([&](TokenClaims* c) {
      c->execution_id = id;
      c->calls_per_minute = limit;
    });
    return AskRaw(RequestText("GET", absl::StrCat("/executions/", id, "/input"), {Bearer(token)}));
  };
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask(2).status, 200);
  ExpectError(ask(2), 429, "RATE_LIMITED", _);
  EXPECT_EQ(ask(2).headers.at("retry-after"), "30");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(0).status, 200);
}

TEST_P(ErrorsTest, OnlyARightfulCallerUsesUpAnExecutionsShare) {
  options_.rate_limit_per_minute = 1;
  Start();
  std::string tampered = Token();
  tampered.back() = tampered.back() == 'A' ? 'B' : 'A';
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(AskRaw(RequestText("GET", Path("input"), {Bearer(tampered)})).status, 401);
    EXPECT_EQ(
        AskRaw(RequestText("GET", "/executions/exec_AAAAAAAAAAAA/input", {Bearer(Token())})).status,
        403);
  }
  EXPECT_EQ(Ask("GET", "input").status, 200);
}

TEST_P(ErrorsTest, LimitsOfTheControllersMessagesAreNotTheScriptsFault) {
  Start();
  service_->FailNext(1, absl::ResourceExhaustedError("Received message larger than max"));
  ExpectError(Ask("GET", "variables"), 500, "RESOURCE_EXHAUSTED", _);
}

}  // namespace
}  // namespace cronium::gateway
