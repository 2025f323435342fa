// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/http_answer.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "controller/outbound/url.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxSaid = 300;

bool MayBeSentAgain(int status) { return status == 429 || status == 503; }

}  // namespace

std::optional<absl::Duration> RetryAfterOf(const HttpResponse& response) {
  double seconds = 0;
  const absl::string_view header = FindHeader(response.headers, "Retry-After");
  if (!absl::SimpleAtod(header, &seconds) || !(seconds >= 0) || seconds > 1e6) return std::nullopt;
  return absl::Seconds(seconds);
}

std::string BodyAsJson(absl::string_view body) {
  if (absl::StripAsciiWhitespace(body).empty()) return "null";
  return ValidateJson(body).ok() ? std::string(body) : QuoteJson(ToUtf8Lossy(body));
}

ActionResult ResultOfStatus(const HttpResponse& response, absl::string_view peer,
                            absl::string_view said) {
  ActionResult result;
  result.status = response.status;
  result.data_json = BodyAsJson(response.body);
  result.success = response.status >= 200 && response.status < 300;
  if (result.success) return result;
  result.code = response.status == 429 ? "ACTION_RATE_LIMITED" : "ACTION_REFUSED";
  result.error = absl::StrCat(peer, " answered ", response.status);
  if (!said.empty()) absl::StrAppend(&result.error, ": ", ToUtf8Lossy(said.substr(0, kMaxSaid)));
  if (MayBeSentAgain(response.status)) result.retry_after = RetryAfterOf(response);
  return result;
}

std::string TargetOfUrl(absl::string_view url) {
  const absl::StatusOr<HttpUrl> parsed = ParseHttpUrl(url);
  if (!parsed.ok()) return "";
  return parsed->origin.substr(parsed->scheme.size() + 3);
}

}  // namespace cronium::controller
