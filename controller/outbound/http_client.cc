// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error.h"
#include "common/http_syntax.h"
#include "controller/outbound/transfer_error.h"
#include "controller/outbound/url.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxHeaderBytes = 64 << 10;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What says nothing about who asks, and so may go to another origin.
bool MayCrossOrigins(absl::string_view header) {
  for (const absl::string_view harmless :
       {"accept", "accept-language", "content-type", "user-agent"}) {
    if (absl::EqualsIgnoreCase(header, harmless)) return true;
  }
  return false;
}

// One request with its redirects.
class Exchange final : public Transfer {
 public:
  Exchange(HttpRequest request, HttpClient::Done done)
      : request_(std::move(request)), done_(std::move(done)) {}
  ~Exchange() override { curl_slist_free_all(header_list_); }

  absl::Status SetUp(void* curl) override {
    if (redirects_ == 0) {
      if (absl::Status status = Check(); !status.ok()) return status;
    }
    response_ = HttpResponse();
    header_bytes_ = 0;
    headers_too_large_ = body_too_large_ = false;
    curl_ = curl;
    SetRequest();
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Exchange::OnHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Exchange::OnBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    return absl::OkStatus();
  }

  bool Finish(const TransferEnd& end) override {
    if (absl::Status status = Outcome(end); !status.ok()) {
      done_(std::move(status));
      return false;
    }
    if (MayFollow()) {
      absl::Status status = Follow();
      if (status.ok()) return true;
      done_(std::move(status));
      return false;
    }
    response_.url = url_.text;
    response_.redirects = redirects_;
    done_(std::move(response_));
    return false;
  }

  std::string Target() const override { return url_.origin.empty() ? "the URL" : url_.origin; }

 private:
  absl::Status Check() {
    absl::StatusOr<HttpUrl> url = ParseHttpUrl(request_.url);
    if (!url.ok()) return url.status();
    const auto bad = [](absl::string_view what) {
      return MakeError(absl::StatusCode::kInvalidArgument, kOutboundBadRequest, what);
    };
    if (url->has_userinfo) return bad("the URL has credentials in it; put them into a header");
    if (!IsHttpToken(request_.method)) return bad("the method is not one");
    for (const auto& [name, value] : request_.headers) {
      if (!IsHttpToken(name)) return bad(absl::StrCat("\"", name, "\" is no name of a header"));
      if (IsReservedHttpHeader(name)) {
        return bad(absl::StrCat("header ", name, " is set by the controller"));
      }
      if (!IsHttpFieldValue(value)) {
        return bad(absl::StrCat("the value of header ", name, " has control characters"));
      }
    }
    url_ = *std::move(url);
    return absl::OkStatus();
  }

  void SetRequest() {
    const std::string& method = request_.method;
    curl_easy_setopt(curl_, CURLOPT_URL, url_.text.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl_, CURLOPT_USERAGENT, "cronium-controller");
    if (!request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
      curl_easy_setopt(curl_, CURLOPT_POST, 1L);
      curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, request_.body.data());
      curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request_.body.size()));
    } else if (method == "HEAD") {
      curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl_, CURLOPT_FRESH_CONNECT, IsIdempotentMethod(method) ? 0L : 1L);
    curl_slist_free_all(header_list_);
    // Without it curl waits for a "100 Continue" before a large body.
    header_list_ = curl_slist_append(nullptr, "Expect:");
    if (FindHeader(request_.headers, "content-type").empty()) AddHeader("Content-Type:");
    for (const auto& [name, value] : request_.headers) {
      // curl's way to write a header without a value.
      AddHeader(value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value));
    }
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, header_list_);
  }

  void AddHeader(const std::string& line) {
    header_list_ = curl_slist_append(header_list_, line.c_str());
  }

  absl::Status Outcome(const TransferEnd& end) const {
    if (headers_too_large_) {
      return MakeError(
          absl::StatusCode::kResourceExhausted, kOutboundHeadersTooLarge,
          absl::StrCat(Target(), ": the answer's headers are over ", kMaxHeaderBytes, " bytes"));
    }
    if (!body_too_large_) return end.status;
    if (request_.cut_body || MayFollow()) return absl::OkStatus();
    return MakeError(
        absl::StatusCode::kResourceExhausted, kOutboundBodyTooLarge,
        absl::StrCat(Target(), ": the answer's body is over ", request_.max_body_bytes, " bytes"));
  }

  bool MayFollow() const {
    return request_.max_redirects > 0 && IsRedirect(response_.status) &&
           !FindHeader(response_.headers, "location").empty();
  }

  // Makes of the request the one that follows the redirect.
  absl::Status Follow() {
    const auto refuse = [&](absl::string_view why) {
      return MakeError(absl::StatusCode::kFailedPrecondition, kOutboundRedirectRefused,
                       absl::StrCat(Target(), ": ", why), {{"target", Target()}});
    };
    if (redirects_ >= request_.max_redirects) {
      return refuse(absl::StrCat("more than ", request_.max_redirects, " redirects"));
    }
    absl::StatusOr<HttpUrl> next = ResolveLocation(url_, FindHeader(response_.headers, "location"));
    if (!next.ok()) return refuse(absl::StrCat("redirected, but ", next.status().message()));
    if (url_.scheme == "https" && next->scheme != "https") {
      return refuse("redirected from https to http, which is not followed");
    }
    const int status = response_.status;
    const bool becomes_get = (status == 303 && request_.method != "HEAD") ||
                             ((status == 301 || status == 302) && request_.method == "POST");
    if (becomes_get) {
      request_.method = "GET";
      request_.body.clear();
      std::erase_if(request_.headers, [](const auto& header) {
        return absl::EqualsIgnoreCase(header.first, "content-type");
      });
    }
    if (next->origin != url_.origin) {
      std::erase_if(request_.headers,
                    [](const auto& header) { return !MayCrossOrigins(header.first); });
    }
    url_ = *std::move(next);
    ++redirects_;
    return absl::OkStatus();
  }

  static size_t OnHeader(char* data, size_t, size_t size, void* self) {
    return static_cast<Exchange*>(self)->TakeHeader(absl::string_view(data, size)) ? size : 0;
  }

  bool TakeHeader(absl::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaderBytes) {
      headers_too_large_ = true;
      return false;
    }
    if (absl::StartsWith(line, "HTTP/")) {  // Also after a 100 Continue.
      response_.headers.clear();
      long status = 0;
      curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
      response_.status = static_cast<int>(status);
      return true;
    }
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) return true;
    response_.headers.emplace_back(std::string(line.substr(0, colon)),
                                   std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
    return true;
  }

  static size_t OnBody(char* data, size_t, size_t size, void* self) {
    return static_cast<Exchange*>(self)->TakeBody(absl::string_view(data, size)) ? size : 0;
  }

  // False makes curl end the transfer.
  bool TakeBody(absl::string_view data) {
    const size_t room = request_.max_body_bytes - response_.body.size();
    const absl::string_view fits = data.substr(0, std::min(room, data.size()));
    response_.body.append(fits.data(), fits.size());
    body_too_large_ = response_.body_cut = fits.size() < data.size();
    return !body_too_large_;
  }

  HttpRequest request_;
  const HttpClient::Done done_;
  HttpUrl url_;
  int redirects_ = 0;
  void* curl_ = nullptr;
  curl_slist* header_list_ = nullptr;
  HttpResponse response_;
  size_t header_bytes_ = 0;
  bool headers_too_large_ = false;
  bool body_too_large_ = false;
};

}  // namespace

absl::string_view FindHeader(const HttpHeaders& headers, absl::string_view name) {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

HttpClient::Id HttpClient::Send(HttpRequest request, Done done) {
  TransferOptions options;
  options.timeout = request.timeout;
  options.connect_timeout = request.connect_timeout;
  return loop_->Start(std::make_unique<Exchange>(std::move(request), std::move(done)), options);
}

}  // namespace cronium::controller
