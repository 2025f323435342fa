// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/error.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxUrlBytes = 8192;

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

absl::Status BadUrl(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "OUTBOUND_BAD_URL",
                   absl::StrCat("the URL cannot be used: ", why));
}

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

// curl would send what is not ASCII, and control characters of old servers' liking, as it is.
bool IsPlain(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

absl::Status SetUrl(CURLU* url, absl::string_view text) {
  if (text.empty()) return BadUrl("it is empty");
  if (text.size() > kMaxUrlBytes) {
    return BadUrl(
        absl::StrCat("it has ", text.size(), " bytes; at most ", kMaxUrlBytes, " are allowed"));
  }
  if (!IsPlain(text)) {
    return BadUrl("it has characters that a URL must write as %XX (spaces, umlauts)");
  }
  const CURLUcode code = curl_url_set(url, CURLUPART_URL, std::string(text).c_str(), 0);
  return code == CURLUE_OK ? absl::OkStatus() : BadUrl(curl_url_strerror(code));
}

absl::StatusOr<HttpUrl> Read(CURLU* url) {
  HttpUrl read;
  read.scheme = absl::AsciiStrToLower(Part(url, CURLUPART_SCHEME));
  if (read.scheme != "http" && read.scheme != "https") {
    return BadUrl(absl::StrCat("it begins with ", read.scheme,
                               "://; only http and https are "
                               "allowed"));
  }
  read.host = absl::AsciiStrToLower(Part(url, CURLUPART_HOST));
  if (read.host.empty()) return BadUrl("it names no host");
  curl_url_set(url, CURLUPART_HOST, read.host.c_str(), 0);
  read.origin = absl::StrCat(read.scheme, "://", read.host, ":",
                             Part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
  read.has_userinfo = !Part(url, CURLUPART_USER).empty() || !Part(url, CURLUPART_PASSWORD).empty();
  for (const CURLUPart part :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT}) {
    curl_url_set(url, part, nullptr, 0);
  }
  read.text = Part(url, CURLUPART_URL);
  return read;
}

}  // namespace

absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view text) {
  const UrlHandle url(curl_url(), &curl_url_cleanup);
  if (text.find("://") == absl::string_view::npos) {
    return BadUrl("it must begin with https:// or http://");
  }
  if (absl::Status status = SetUrl(url.get(), text); !status.ok()) return status;
  return Read(url.get());
}

absl::StatusOr<HttpUrl> ResolveLocation(const HttpUrl& base, absl::string_view location) {
  const UrlHandle url(curl_url(), &curl_url_cleanup);
  if (absl::Status status = SetUrl(url.get(), base.text); !status.ok()) return status;
  if (absl::Status status = SetUrl(url.get(), location); !status.ok()) return status;
  return Read(url.get());
}

std::string LoggableUrl(absl::string_view text) {
  absl::StatusOr<HttpUrl> url = ParseHttpUrl(text);
  if (!url.ok()) return "(no URL)";
  const size_t question = url->text.find('?');
  if (question == std::string::npos) return url->text;
  std::vector<std::string> fields;
  for (const absl::string_view field :
       absl::StrSplit(absl::string_view(url->text).substr(question + 1), '&')) {
    const size_t equals = field.find('=');
    // A field without a name may be a secret as a whole.
    fields.push_back(
        equals == absl::string_view::npos ? "***" : absl::StrCat(field.substr(0, equals), "=***"));
  }
  return absl::StrCat(url->text.substr(0, question), "?", absl::StrJoin(fields, "&"));
}

}  // namespace cronium::controller
