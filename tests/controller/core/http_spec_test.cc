// SPDX-License-Identifier: Apache-2.0
#include "controller/core/http_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/error.h"
#include "controller/core/spec.h"
#include "controller/core/status_ranges.h"
#include "google/rpc/error_details.pb.h"

namespace cronium::controller {
namespace {

v1::JobSpec Valid() {
  v1::JobSpec spec;
  spec.mutable_http()->set_url("https://example.com/path?a=b");
  return spec;
}

std::string Fields(const absl::Status& status) {
  std::string fields;
  const google::rpc::Status proto = ToProto(status);
  for (const auto& detail : proto.details()) {
    google::rpc::BadRequest bad;
    if (!detail.UnpackTo(&bad)) continue;
    for (const auto& violation : bad.field_violations()) fields += violation.field() + ";";
  }
  return fields;
}

TEST(HttpSpec, NeedsNoMoreThanAUrl) {
  EXPECT_TRUE(ValidateSpec(Valid(), "spec").ok()) << ValidateSpec(Valid(), "spec");
  v1::JobSpec spec;
  spec.mutable_http();
  EXPECT_EQ(Fields(ValidateSpec(spec, "spec")), "spec.http.url;");
}

struct Case {
  const char* field;
  std::function<void(v1::JobSpec*)> spoil;
};

class BadHttpSpec : public testing::TestWithParam<Case> {};

TEST_P(BadHttpSpec, NamesItsField) {
  v1::JobSpec spec = Valid();
  GetParam().spoil(&spec);
  const absl::Status status = ValidateSpec(spec, "spec");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Fields(status), std::string(GetParam().field) + ";") << status;
}

Case Url(const char* url) {
  return {"spec.http.url", [url](v1::JobSpec* s) { s->mutable_http()->set_url(url); }};
}
Case Header(const char* name, const char* value) {
  return {"spec.http.headers[0]", [name, value](v1::JobSpec* s) {
            s->mutable_http()->add_headers()->set_name(name);
            s->mutable_http()->mutable_headers(0)->set_value(value);
          }};
}
Case Statuses(const char* text) {
  return {"spec.http.expected_statuses",
          [text](v1::JobSpec* s) { s->mutable_http()->set_expected_statuses(text); }};
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadHttpSpec,
    testing::Values(
        Url("example.com"), Url("ftp://example.com/"), Url("file:///etc/passwd"), Url("https://"),
        Url("https:///path"), Url("https://user:secret@example.com/"), Url("https://a b/"),
        Url("https://example.com/\r\nX: y"), Url("https://example.com/\xc3\xa4"),
        Url("https://good.example\\@evil.example/\x7f"), Header("", "x"), Header("X Key", "x"),
        Header("X-Key", "a\r\nb"), Header("Host", "x"), Header("content-length", "1"),
        Header("Proxy-Authorization", "x"), Statuses("99"), Statuses("600"), Statuses("299-200"),
        Statuses("2xx"), Statuses(","), Statuses("200-"),
        Case{"spec.http.method", [](auto* s) { s->mutable_http()->set_method("GET /"); }},
        Case{"spec.http.method", [](auto* s) { s->mutable_http()->set_method("CONNECT"); }},
        Case{"spec.http.method", [](auto* s) { s->mutable_http()->set_method("TRACE"); }},
        Case{"spec.http.method",
             [](auto* s) {
               s->mutable_http()->set_method("HEAD");
               s->mutable_http()->set_body_text("x");
             }},
        Case{"spec.http.body_text",
             [](auto* s) { s->mutable_http()->set_body_text(std::string((1 << 20) + 1, 'x')); }},
        Case{"spec.http.body_data",
             [](auto* s) { s->mutable_http()->set_body_data(std::string((1 << 20) + 1, 'x')); }},
        Case{"spec.http.headers",
             [](auto* s) {
               for (int i = 0; i < 65; ++i) s->mutable_http()->add_headers()->set_name("X");
             }},
        Case{"spec.http.try_timeout",
             [](auto* s) { s->mutable_http()->mutable_try_timeout()->set_seconds(86401); }},
        Case{"spec.http.retry.max_tries",
             [](auto* s) { s->mutable_http()->mutable_retry()->set_max_tries(21); }},
        Case{"spec.http.retry.backoff",
             [](auto* s) {
               s->mutable_http()->mutable_retry()->mutable_backoff()->set_seconds(-1);
             }},
        Case{"spec.http.retry.statuses",
             [](auto* s) { s->mutable_http()->mutable_retry()->set_statuses("no"); }},
        Case{"spec.http.retry.errors",
             [](auto* s) {
               s->mutable_http()->mutable_retry()->set_errors(static_cast<v1::HttpRetryErrors>(9));
             }},
        Case{"spec.http.max_response_bytes",
             [](auto* s) { s->mutable_http()->set_max_response_bytes((4 << 20) + 1); }},
        Case{"spec.placement.node", [](auto* s) { s->mutable_placement()->set_node("n1"); }},
        Case{"spec.timeouts.prepare",
             [](auto* s) { s->mutable_timeouts()->mutable_prepare()->set_seconds(1); }},
        Case{"spec.timeouts.stop_grace",
             [](auto* s) { s->mutable_timeouts()->mutable_stop_grace()->set_seconds(1); }},
        Case{"spec.lost_after", [](auto* s) { s->mutable_lost_after()->set_seconds(60); }},
        Case{"spec.on_lost", [](auto* s) { s->set_on_lost(v1::LOST_ACTION_RETRY); }},
        Case{"spec.input_json", [](auto* s) { s->set_input_json("1"); }}));

TEST(HttpSpec, DoesNotRepeatAHeadersValueInItsErrors) {
  v1::JobSpec spec = Valid();
  spec.mutable_http()->add_headers()->set_name("Authorization");
  spec.mutable_http()->mutable_headers(0)->set_value("secret\n");
  const absl::Status status = ValidateSpec(spec, "spec");
  EXPECT_EQ(status.message().find("secret"), std::string::npos) << status;
}

TEST(HttpSpec, ShowsItsDefaultsOnceTheyAreFilledIn) {
  v1::JobSpec spec = Valid();
  FillSpecDefaults(&spec);
  EXPECT_FALSE(spec.has_container());
  EXPECT_EQ(spec.http().method(), "GET");
  EXPECT_EQ(spec.http().expected_statuses(), "200-299");
  EXPECT_EQ(spec.http().retry().max_tries(), 3);
  EXPECT_EQ(spec.http().retry().errors(), v1::HTTP_RETRY_ERRORS_ALL);
  EXPECT_EQ(spec.http().max_response_bytes(), 1 << 20);
  EXPECT_EQ(spec.timeouts().run().seconds(), 3600);
  const std::string once = spec.SerializeAsString();
  FillSpecDefaults(&spec);
  EXPECT_EQ(spec.SerializeAsString(), once);
  EXPECT_TRUE(ValidateSpec(spec, "spec").ok()) << ValidateSpec(spec, "spec");
}

TEST(HttpSpec, TriesAgainByItselfOnlyWhatMayBeSentTwice) {
  v1::JobSpec spec = Valid();
  spec.mutable_http()->set_method("POST");
  FillSpecDefaults(&spec);
  EXPECT_FALSE(IsRepeatable(spec.http()));
  EXPECT_EQ(spec.http().retry().max_tries(), 1);
  EXPECT_EQ(spec.http().retry().errors(), v1::HTTP_RETRY_ERRORS_NOT_SENT);

  v1::JobSpec repeatable = Valid();
  repeatable.mutable_http()->set_method("POST");
  repeatable.mutable_http()->set_repeatable(true);
  FillSpecDefaults(&repeatable);
  EXPECT_TRUE(IsRepeatable(repeatable.http()));
  EXPECT_EQ(repeatable.http().retry().max_tries(), 3);
}

TEST(StatusRanges, HoldsWhatIsWritten) {
  const StatusRanges ranges = StatusRanges::Parse(" 200-299, 404 ").value();
  EXPECT_TRUE(ranges.Contains(200));
  EXPECT_TRUE(ranges.Contains(299));
  EXPECT_TRUE(ranges.Contains(404));
  EXPECT_FALSE(ranges.Contains(300));
  EXPECT_FALSE(ranges.Contains(199));
  EXPECT_TRUE(StatusRanges::Parse("")->empty());
}

}  // namespace
}  // namespace cronium::controller
