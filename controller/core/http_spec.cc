// SPDX-License-Identifier: Apache-2.0
#include "controller/core/http_spec.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/http_syntax.h"
#include "controller/core/status_ranges.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxUrlBytes = 8192;
constexpr int kMaxHeaders = 64;
constexpr size_t kMaxHeaderBytes = 32 << 10;
constexpr int kMaxTries = 20;

// What a glance tells; curl's own parser, which knows all rules, has the last word when it is sent.
void CheckUrl(absl::string_view url, SpecCheck* check) {
  constexpr absl::string_view kField = "http.url";
  if (url.empty()) return check->Bad(kField, "is required: what to call, https://HOST/PATH");
  check->Bytes(kField, url.size(), kMaxUrlBytes);
  if (!std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; })) {
    return check->Bad(kField, "has characters that a URL must write as %XX");
  }
  const size_t colon = url.find("://");
  const absl::string_view scheme = colon == absl::string_view::npos ? "" : url.substr(0, colon);
  if (!absl::EqualsIgnoreCase(scheme, "https") && !absl::EqualsIgnoreCase(scheme, "http")) {
    return check->Bad(kField, "must begin with https:// or http://");
  }
  absl::string_view authority = url.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#\\"));
  if (authority.empty()) return check->Bad(kField, "names no host");
  if (absl::StrContains(authority, '@')) {
    check->Bad(kField, "has credentials in it; put them into a header, such as Authorization");
  }
}

void CheckHeaders(const v1::HttpSpec& http, SpecCheck* check) {
  if (http.headers_size() > kMaxHeaders) {
    check->Bad("http.headers", absl::StrCat("has ", http.headers_size(), " headers; at most ",
                                            kMaxHeaders, " are allowed"));
  }
  size_t bytes = 0;
  for (int i = 0; i < http.headers_size(); ++i) {
    const v1::HttpHeader& header = http.headers(i);
    const std::string field = absl::StrCat("http.headers[", i, "]");
    bytes += header.name().size() + header.value().size();
    if (!IsHttpToken(header.name())) {
      check->Bad(field, "its name must have letters, digits and -, and 1 to 256 bytes");
    } else if (IsReservedHttpHeader(header.name())) {
      check->Bad(field, absl::StrCat(header.name(), " is set by the controller"));
    }
    // The value is not repeated: it may be a secret.
    if (!IsHttpFieldValue(header.value())) {
      check->Bad(field, "its value must not hold line ends or other control characters");
    }
  }
  check->Bytes("http.headers", bytes, kMaxHeaderBytes);
}

void CheckStatuses(absl::string_view field, absl::string_view text, SpecCheck* check) {
  check->Bytes(field, text.size(), 1024);
  const absl::StatusOr<StatusRanges> ranges = StatusRanges::Parse(text);
  if (!ranges.ok()) {
    check->Bad(field, ranges.status().message());
  } else if (!text.empty() && ranges->empty()) {
    check->Bad(field, "names no status");
  }
}

void CheckRetry(const v1::HttpRetry& retry, SpecCheck* check) {
  check->RangeOrDefault("http.retry.max_tries", retry.max_tries(), 1, kMaxTries);
  check->Timeout("http.retry.backoff", retry.has_backoff(), retry.backoff(), absl::Milliseconds(1),
                 absl::Hours(1));
  check->Timeout("http.retry.max_backoff", retry.has_max_backoff(), retry.max_backoff(),
                 absl::Milliseconds(1), absl::Hours(24));
  CheckStatuses("http.retry.statuses", retry.statuses(), check);
  if (!v1::HttpRetryErrors_IsValid(retry.errors())) {
    check->Bad("http.retry.errors",
               absl::StrCat(static_cast<int>(retry.errors()), " is not an HttpRetryErrors"));
  }
}

// What only a container has.
void CheckUnused(const v1::JobSpec& spec, SpecCheck* check) {
  constexpr absl::string_view kWhy = "is for containers; an HTTP job runs at the controller";
  if (!spec.placement().node().empty()) check->Bad("placement.node", kWhy);
  if (!spec.placement().node_labels().empty()) check->Bad("placement.node_labels", kWhy);
  if (spec.timeouts().has_prepare()) check->Bad("timeouts.prepare", kWhy);
  if (spec.timeouts().has_stop_grace()) check->Bad("timeouts.stop_grace", kWhy);
  if (spec.has_lost_after()) check->Bad("lost_after", kWhy);
  if (spec.on_lost() != v1::LOST_ACTION_UNSPECIFIED) check->Bad("on_lost", kWhy);
  if (!spec.input_json().empty()) {
    check->Bad("input_json", "is for scripts; an HTTP job sends http.body_text or http.body_data");
  }
}

}  // namespace

void CheckHttp(const v1::JobSpec& spec, SpecCheck* check) {
  const v1::HttpSpec& http = spec.http();
  CheckUrl(http.url(), check);
  const std::string& method = http.method();
  if (!method.empty() && (!IsHttpToken(method) || method.size() > 32)) {
    check->Bad("http.method", "must be a method such as GET or POST, at most 32 letters");
  } else if (method == "CONNECT" || method == "TRACE") {
    check->Bad("http.method", absl::StrCat(method, " is not allowed"));
  }
  CheckHeaders(http, check);
  check->Bytes(http.body_case() == v1::HttpSpec::kBodyData ? "http.body_data" : "http.body_text",
               BodyOf(http).size(), kMaxHttpBodyBytes);
  if (method == "HEAD" && !BodyOf(http).empty()) {
    check->Bad("http.method", "HEAD has no body");
  }
  CheckStatuses("http.expected_statuses", http.expected_statuses(), check);
  check->Timeout("http.try_timeout", http.has_try_timeout(), http.try_timeout(),
                 absl::Milliseconds(1), absl::Hours(24));
  CheckRetry(http.retry(), check);
  check->RangeOrDefault<int64_t>("http.max_response_bytes", http.max_response_bytes(), 1,
                                 kMaxHttpResponseBytes);
  CheckUnused(spec, check);
}

void FillHttpDefaults(v1::HttpSpec* http) {
  if (http->method().empty()) http->set_method("GET");
  if (http->expected_statuses().empty()) http->set_expected_statuses("200-299");
  if (!http->has_try_timeout()) SetDuration(absl::Seconds(30), http->mutable_try_timeout());
  if (http->max_response_bytes() == 0) http->set_max_response_bytes(1 << 20);
  v1::HttpRetry* retry = http->mutable_retry();
  const bool repeatable = IsRepeatable(*http);
  if (retry->max_tries() == 0) retry->set_max_tries(repeatable ? 3 : 1);
  if (!retry->has_backoff()) SetDuration(absl::Seconds(1), retry->mutable_backoff());
  if (!retry->has_max_backoff()) SetDuration(absl::Minutes(1), retry->mutable_max_backoff());
  if (retry->statuses().empty()) {
    // By these two a server says that it did nothing; after the others it may have.
    retry->set_statuses(repeatable ? "408,429,500,502-504" : "429,503");
  }
  if (retry->errors() == v1::HTTP_RETRY_ERRORS_UNSPECIFIED) {
    retry->set_errors(repeatable ? v1::HTTP_RETRY_ERRORS_ALL : v1::HTTP_RETRY_ERRORS_NOT_SENT);
  }
}

bool IsRepeatable(const v1::HttpSpec& http) {
  return http.repeatable() || http.method().empty() || IsIdempotentMethod(http.method());
}

absl::string_view BodyOf(const v1::HttpSpec& http) {
  return http.body_case() == v1::HttpSpec::kBodyData ? http.body_data() : http.body_text();
}

}  // namespace cronium::controller
