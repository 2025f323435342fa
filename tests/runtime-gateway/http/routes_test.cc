// SPDX-License-Identifier: Apache-2.0
// What each route does when all goes well, over both transports.
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class RoutesTest : public GatewayFixture, public testing::WithParamInterface<bool> {
 protected:
  RoutesTest() {
    over_loopback_ = GetParam();
    Start();
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, RoutesTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Loopback" : "UnixSocket"; });

TEST_P(RoutesTest, HealthNeedsNoToken) {
  const RawReply reply = AskRaw(RequestText("GET", "/health", {}));
  EXPECT_EQ(reply.status, 200);
  const Json body = Json::parse(reply.body);
  EXPECT_EQ(body["status"], "healthy");
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, body["time"].get<std::string>(), &time, &error))
      << error;
}

TEST_P(RoutesTest, ReadyTurnsTrueOnceTheControllerAnswered) {
  ASSERT_EQ(Ask("GET", "input").status, 200);
  EXPECT_EQ(AskRaw(RequestText("GET", "/ready", {})).status, 200);
}

TEST_P(RoutesTest, InputComesAsItIs) {
  EXPECT_EQ(Ask("GET", "input").body, R"({"success":true,"data":null})");
  service_->SetInput("{ \"b\": 1e2, \"a\": [ ] }");
  EXPECT_EQ(Ask("GET", "input").body, "{\"success\":true,\"data\":{ \"b\": 1e2, \"a\": [ ] }}");
}

TEST_P(RoutesTest, OutputIsStoredAsItCame) {
  const RawReply reply = Ask("POST", "output", "{\"data\": {\"n\" : 1.0} }");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"success":true})");
  EXPECT_EQ(service_->output(), "{\"n\" : 1.0}");
}

TEST_P(RoutesTest, ContextHasEveryFieldOfTheContract) {
  const RawReply reply = Ask("GET", "context");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-type"), "application/json");
  EXPECT_EQ(Json::parse(reply.body), Json::parse(R"({"success":true,"data":{
      "executionId":"exec_0aZ9zA0aZ9zA","jobId":"job_0aZ9zA0aZ9zA","eventId":"event-1",
      "eventName":"nightly \"report\"","eventType":"script","userId":"default",
      "startTime":"2023-11-14T22:13:20.250Z","attempt":2,"metadata":{"team":"ops"},
      "namespace":"default","node":"web-1",
      "id":"event-1","name":"nightly \"report\"","type":"script"}})"));
}

TEST_P(RoutesTest, ConditionIsNullUntilItIsSet) {
  EXPECT_EQ(Ask("GET", "condition").body, R"({"success":true,"data":null})");
  for (const char* value : {"true", "false"}) {
    EXPECT_EQ(Ask("POST", "condition", absl::StrCat("{\"condition\":", value, "}")).body,
              R"({"success":true})");
    EXPECT_EQ(Ask("GET", "condition").body, absl::StrCat(R"({"success":true,"data":)", value, "}"));
    EXPECT_EQ(service_->condition(), std::string(value) == "true");
  }
}

TEST_P(RoutesTest, AVariableIsSetReadAndDeleted) {
  EXPECT_EQ(Ask("PUT", "variables/color", R"({"value":"blue"})").body, R"({"success":true})");
  const RawReply reply = Ask("GET", "variables/color");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"success":true,"data":{"key":"color","value":"blue"}})");
  EXPECT_EQ(Ask("DELETE", "variables/color").body, R"({"success":true})");
  ExpectError(Ask("GET", "variables/color"), 404, "VARIABLE_NOT_FOUND",
              testing::Eq("variable not found"));
  ExpectError(Ask("DELETE", "variables/color"), 404, "VARIABLE_NOT_FOUND",
              testing::Eq("variable not found"));
}

TEST_P(RoutesTest, NullIsAValue) {
  EXPECT_EQ(Ask("PUT", "variables/none", R"({"value":null})").status, 200);
  EXPECT_EQ(Ask("GET", "variables/none").body,
            R"({"success":true,"data":{"key":"none","value":null}})");
}

TEST_P(RoutesTest, EachReadIsFresh) {
  for (int i = 0; i < 20; ++i) {
    service_->SetVariable("n", absl::StrCat(i));
    EXPECT_THAT(Ask("GET", "variables/n").body, HasSubstr(absl::StrCat("\"value\":", i, "}")));
  }
}

TEST_P(RoutesTest, AnEtagGuardsAgainstALostUpdate) {
  const RawReply first = Ask("PUT", "variables/n", R"({"value":1})");
  const std::string etag = first.headers.at("etag");
  EXPECT_THAT(etag, StartsWith("\""));
  EXPECT_EQ(Ask("GET", "variables/n").headers.at("etag"), etag);
  const RawReply second = Ask("PUT", "variables/n", R"({"value":2})", {"If-Match: " + etag});
  EXPECT_EQ(second.status, 200);
  EXPECT_NE(second.headers.at("etag"), etag);
  ExpectError(Ask("PUT", "variables/n", R"({"value":3})", {"If-Match: " + etag}), 412,
              "ETAG_MISMATCH", testing::_);
  ExpectError(Ask("DELETE", "variables/n", "", {"If-Match: " + etag}), 412, "ETAG_MISMATCH",
              testing::_);
  EXPECT_EQ(service_->variable("n"), "2");
  // Without its quotes too, as a shell may pass it on.
  const std::string bare =
      second.headers.at("etag").substr(1, second.headers.at("etag").size() - 2);
  EXPECT_EQ(Ask("DELETE", "variables/n", "", {"If-Match: " + bare}).status, 200);
}

TEST_P(RoutesTest, AKeyIsWhateverFollowsHoweverItIsEncoded) {
  service_->SetVariable("a/b", "1");
  EXPECT_EQ(Ask("GET", "variables/a/b").body, Ask("GET", "variables/a%2Fb").body);
  EXPECT_EQ(Ask("GET", "variables/a%2fb").status, 200);
  for (const auto& [encoded, key] : {std::pair<std::string, std::string>{"a%20b", "a b"},
                                     {"a+b", "a+b"},
                                     {"100%25", "100%"},
                                     {"%C3%A9", "\xC3\xA9"},
                                     {"a%3Fb%23c", "a?b#c"},
                                     {"..%2F..", "../.."},
                                     {"x/", "x/"},
                                     {"x//y", "x//y"},
                                     {"condition", "condition"},
                                     {"variables/x", "variables/x"},
                                     {"n/increment", "n/increment"},
                                     {"%252F", "%2F"},
                                     {std::string(256, 'k'), std::string(256, 'k')}}) {
    EXPECT_EQ(Ask("PUT", "variables/" + encoded, R"({"value":7})").status, 200) << encoded;
    EXPECT_EQ(service_->variable(key), "7") << key;
    EXPECT_EQ(Json::parse(Ask("GET", "variables/" + encoded).body)["data"]["key"], key);
  }
}

TEST_P(RoutesTest, AVariableIsCountedUpAndAppendedTo) {
  const RawReply counted = Ask("POST", "variables/a/n/increment", R"({"by": 41})");
  EXPECT_EQ(counted.status, 200);
  EXPECT_EQ(counted.body, R"({"success":true,"data":{"key":"a/n","value":41}})");
  EXPECT_EQ(Ask("GET", "variables/a%2Fn").headers.at("etag"), counted.headers.at("etag"));
  EXPECT_EQ(Ask("POST", "variables/a%2Fn/increment", R"({"by":1})").body,
            R"({"success":true,"data":{"key":"a/n","value":42}})");
  EXPECT_EQ(Ask("POST", "variables/a%2Fn%2fincrement", R"({"by":-2})").body,
            R"({"success":true,"data":{"key":"a/n","value":40}})");

  for (const char* body : {R"({"text":"one"})", R"({"separator":", ","text":"tw\u006f"})"}) {
    const RawReply appended = Ask("POST", "variables/s/append", body);
    EXPECT_EQ(appended.body, R"({"success":true})");
    EXPECT_EQ(Ask("GET", "variables/s").headers.at("etag"), appended.headers.at("etag"));
  }
  EXPECT_EQ(service_->variable("s"), R"("one, tw\u006f")");
  // A key that ends as the verb does.
  EXPECT_EQ(Ask("POST", "variables/x/append/append", R"({"text":"y"})").status, 200);
  EXPECT_EQ(service_->variable("x/append"), R"("y")");
}

TEST_P(RoutesTest, ACallIsHandedOnWithItsIdempotencyKey) {
  const std::string longest(128, 'k');
  for (const auto& [method, rest, body] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"POST", "output", R"({"data":1})"},
           {"POST", "condition", R"({"condition":true})"},
           {"PUT", "variables/k", R"({"value":1})"},
           {"DELETE", "variables/k", ""},
           {"POST", "variables/n/increment", R"({"by":1})"},
           {"POST", "variables/s/append", R"({"text":"x"})"}}) {
    SCOPED_TRACE(method + " " + rest);
    EXPECT_EQ(Ask(method, rest, body, {"idempotency-key: " + longest}).status, 200);
    EXPECT_EQ(service_->last_idempotency_key(), longest);
    EXPECT_NE(Ask(method, rest, body).status, 400);
    EXPECT_EQ(service_->last_idempotency_key(), "");
  }
}

TEST_P(RoutesTest, VariablesAreListedByPrefixAndPage) {
  for (const char* key : {"a/1", "a/2", "a/3", "b"}) {
    service_->SetVariable(key, absl::StrCat("\"", key, "\""));
  }
  EXPECT_EQ(Ask("GET", "variables").body,
            R"({"success":true,"data":{"variables":[{"key":"a/1","value":"a/1"},)"
            R"({"key":"a/2","value":"a/2"},{"key":"a/3","value":"a/3"},{"key":"b","value":"b"}],)"
            R"("next_page_token":""}})");
  const Json first = Json::parse(Ask("GET", "variables?prefix=a%2F&page_size=2").body)["data"];
  EXPECT_EQ(first["variables"].size(), 2u);
  EXPECT_EQ(first["next_page_token"], "a/2");
  const Json second =
      Json::parse(Ask("GET", "variables?page_token=a%2F2&prefix=a/&page_size=2").body)["data"];
  EXPECT_EQ(second["variables"], Json::parse(R"([{"key":"a/3","value":"a/3"}])"));
  EXPECT_EQ(second["next_page_token"], "");
  EXPECT_EQ(Ask("GET", "variables?prefix=none").body,
            R"({"success":true,"data":{"variables":[],"next_page_token":""}})");
}

TEST_P(RoutesTest, HeadIsGetWithoutTheBody) {
  service_->SetVariable("n", "1");
  const RawReply reply = Ask("HEAD", "variables/n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-length"),
            absl::StrCat(Ask("GET", "variables/n").body.size()));
  EXPECT_EQ(Ask("HEAD", "variables/none").status, 404);
}

TEST_P(RoutesTest, AnAbsoluteTargetMeansItsPath) {
  EXPECT_EQ(AskRaw(RequestText("GET", "http://runtime-api:8081/health", {})).status, 200);
  EXPECT_EQ(AskRaw(RequestText("GET", absl::StrCat("http://runtime-api:8081", Path("input")),
                               {Bearer(Token())}))
                .status,
            200);
}

TEST_P(RoutesTest, TheControllerIsToldTokenAndNode) {
  EXPECT_EQ(Ask("GET", "input").status, 200);
  EXPECT_EQ(service_->last_node(), "web-1");
}

TEST_P(RoutesTest, MetricsAreForTheLoopbackListenerOnly) {
  ASSERT_EQ(Ask("GET", "input").status, 200);
  const RawReply reply = AskRaw(RequestText("GET", "/metrics", {}));
  if (!over_loopback_) {
    ExpectError(reply, 404, "ROUTE_NOT_FOUND", testing::Eq("not found"));
    return;
  }
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_THAT(reply.body,
              HasSubstr("cronium_gateway_requests_total{route=\"input\",status=\"200\"} 1\n"));
  EXPECT_THAT(reply.body,
              HasSubstr("cronium_gateway_request_seconds_bucket{route=\"input\",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(reply.body, HasSubstr("cronium_gateway_connections "));
  EXPECT_TRUE(absl::EndsWith(reply.body, "\n# EOF\n"));
}

}  // namespace
}  // namespace cronium::gateway
