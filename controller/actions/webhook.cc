// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/webhook.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/http_syntax.h"
#include "common/json.h"
#include "common/json_members.h"
#include "controller/actions/http_answer.h"
#include "controller/actions/json_object.h"
#include "controller/outbound/url.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxUrl = 8192;
constexpr size_t kMaxCallHeaders = 50;
constexpr size_t kMaxAnswerBytes = 256 << 10;

bool IsMethod(absl::string_view method) {
  for (const char* known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (method == known) return true;
  }
  return false;
}

// Whether a path, as it goes out, is below the base's. The URLs are normalised, so no `..` is left
// in them; an encoded one could still be resolved by the peer.
bool IsBelow(const HttpUrl& base, const HttpUrl& url) {
  if (base.origin != url.origin) return false;
  const std::string lower = absl::AsciiStrToLower(url.text);
  const absl::string_view path = absl::string_view(lower).substr(0, lower.find('?'));
  if (absl::StrContains(path, "%2e") || absl::StrContains(path, "%2f") ||
      absl::StrContains(path, "%5c") || absl::StrContains(path, "\\")) {
    return false;
  }
  const absl::string_view prefix = absl::StripSuffix(base.text, "/");
  if (!absl::StartsWith(url.text, prefix)) return false;
  const absl::string_view rest = absl::string_view(url.text).substr(prefix.size());
  return rest.empty() || rest[0] == '/' || rest[0] == '?';
}

std::string JoinPath(absl::string_view base, absl::string_view path) {
  return absl::StrCat(absl::StripSuffix(base, "/"),
                      absl::StartsWith(path, "/") || absl::StartsWith(path, "?") ? "" : "/", path);
}

// The address that the parameters lead to; says what is wrong with them.
std::string ReadUrl(Params* params, const v1::WebhookSecret* secret) {
  const std::optional<std::string> url = params->Text("url", kMaxUrl);
  const std::optional<std::string> path = params->Text("path", kMaxUrl);
  if (url.has_value() && path.has_value()) {
    params->Wrong("path", "is there beside url: give one of them");
    return "";
  }
  if (secret == nullptr) {
    if (!url.has_value()) {
      params->Wrong(path.has_value() ? "path" : "url",
                    path.has_value() ? "needs a credential of the kind webhook, whose base URL it "
                                       "goes on from; else give url"
                                     : "is required where no credential is used");
    }
    return url.value_or("");
  }
  return url.has_value() ? *url : JoinPath(secret->base_url(), path.value_or(""));
}

void CheckCallUrl(Params* params, const std::string& text, const v1::WebhookSecret* secret) {
  if (text.empty()) return;
  const char* name = params->Has("url") ? "url" : "path";
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(text);
  if (!url.ok()) {
    params->Wrong(name, url.status().message());
  } else if (url->has_userinfo) {
    params->Wrong(name, "holds a user or password: those belong into a credential");
  } else if (secret != nullptr) {
    const absl::StatusOr<HttpUrl> base = ParseHttpUrl(secret->base_url());
    if (!base.ok() || !IsBelow(*base, *url)) {
      params->Wrong(name,
                    "does not lead below the credential's base URL, and its headers are sent "
                    "nowhere else");
    }
  }
}

// The body, and the content type that it has unless the headers say another.
std::string ReadBody(Params* params, std::string* content_type) {
  const absl::string_view body = params->AnyJson("body");
  if (body.empty()) return "";
  if (std::optional<std::string> text = JsonStringText(body); text.has_value()) {
    *content_type = "text/plain; charset=utf-8";
    return *std::move(text);
  }
  *content_type = "application/json";
  return std::string(body);
}

ActionResult ReadWebhookAnswer(const HttpResponse& response) {
  ActionResult result = ResultOfStatus(response, "the webhook", "");
  JsonObject headers;
  for (const auto& [name, value] : response.headers) {
    headers.Text(absl::AsciiStrToLower(name), ToUtf8Lossy(value));
  }
  JsonObject data;
  data.Number("status", response.status)
      .Raw("headers", headers.Build())
      .Raw("body",
           response.body_cut ? QuoteJson(ToUtf8Lossy(response.body)) : BodyAsJson(response.body));
  if (response.body_cut) data.Raw("truncated", "true");
  result.data_json = data.Build();
  return result;
}

bool HasHeader(const HttpHeaders& headers, absl::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    return absl::EqualsIgnoreCase(header.first, name);
  });
}

// The script's, and the credential's, which win.
HttpHeaders ReadHeaders(Params* params, const v1::WebhookSecret* secret, ActionPlan* plan) {
  HttpHeaders headers;
  if (secret != nullptr) {
    for (const auto& [name, value] : secret->headers()) {
      headers.emplace_back(name, value);
      plan->secrets.push_back(value);
      // Of `Bearer TOKEN`, the token is what matters.
      const size_t space = value.rfind(' ');
      if (space != std::string::npos) plan->secrets.push_back(value.substr(space + 1));
    }
  }
  for (auto& [name, value] : params->TextMap("headers", kMaxCallHeaders)) {
    const std::string field = absl::StrCat("headers.", ToUtf8Lossy(name));
    if (HasHeader(headers, name)) {
      params->Wrong(field, "is there more than once, or is set by the credential");
    } else if (!IsHttpToken(name) || IsReservedHttpHeader(name)) {
      params->Wrong(field, "is no name of a header, or one that the controller sets itself");
    } else if (!IsHttpFieldValue(value)) {
      params->Wrong(field, "has a value with a line end or another control character");
    } else {
      headers.emplace_back(std::move(name), std::move(value));
    }
  }
  return headers;
}

}  // namespace

absl::StatusOr<ActionPlan> PlanWebhookRequest(Params* params, const v1::WebhookSecret* secret) {
  ActionPlan plan;
  HttpRequest request;
  request.method = absl::AsciiStrToUpper(params->Text("method", 16).value_or("POST"));
  if (!IsMethod(request.method)) {
    params->Wrong("method", "is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS");
  }
  request.url = ReadUrl(params, secret);
  CheckCallUrl(params, request.url, secret);
  request.headers = ReadHeaders(params, secret, &plan);
  std::string content_type;
  request.body = ReadBody(params, &content_type);
  if (!content_type.empty() && !HasHeader(request.headers, "Content-Type")) {
    request.headers.emplace_back("Content-Type", content_type);
  }
  if (absl::Status status = params->Finish(); !status.ok()) return status;
  plan.safe = request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
  plan.read = ReadWebhookAnswer;
  plan.target = TargetOfUrl(request.url);
  request.max_body_bytes = kMaxAnswerBytes;
  request.cut_body = true;
  plan.message = std::move(request);
  return plan;
}

}  // namespace cronium::controller
