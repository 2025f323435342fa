// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/transfer_error.h"

#include <curl/curl.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/outbound/address_rule.h"

namespace cronium::controller {
namespace {

struct Meaning {
  absl::StatusCode code;
  absl::string_view reason;
  absl::string_view text;
};

Meaning MeaningOf(int curl_code) {
  switch (curl_code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {absl::StatusCode::kUnavailable, kOutboundUnresolved,
              "its name cannot be resolved from the controller's host"};
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:  // The loop's own deadline comes before: this is the connect's.
      return {absl::StatusCode::kUnavailable, kOutboundConnectFailed, "no connection"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return {absl::StatusCode::kFailedPrecondition, kOutboundTlsUntrusted,
              "its certificate is not trusted (--outbound-ca-file adds a CA)"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_USE_SSL_FAILED:
      return {absl::StatusCode::kUnavailable, kOutboundTlsFailed, "TLS failed"};
    case CURLE_SSL_CACERT_BADFILE:
      return {absl::StatusCode::kFailedPrecondition, kOutboundTlsFailed,
              "the file of --outbound-ca-file cannot be used"};
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
      return {absl::StatusCode::kUnavailable, kOutboundConnectionLost,
              "the connection broke before the answer was whole"};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {absl::StatusCode::kInvalidArgument, kOutboundBadUrl, "the URL cannot be used"};
    default:
      return {absl::StatusCode::kUnavailable, kOutboundFailed, "the transfer failed"};
  }
}

}  // namespace

absl::Status TransferError(int curl_code, absl::string_view target, absl::string_view detail,
                           int os_error) {
  const Meaning meaning = MeaningOf(curl_code);
  absl::string_view why = detail;
  if (curl_code == CURLE_COULDNT_CONNECT && os_error != 0) why = std::strerror(os_error);
  if (why.empty()) why = curl_easy_strerror(static_cast<CURLcode>(curl_code));
  return MakeError(meaning.code, meaning.reason,
                   absl::StrCat(target, ": ", meaning.text, ": ", why), {{"target", target}});
}

absl::Status TransferTimeout(absl::string_view target, absl::Duration timeout) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, kOutboundTimeout,
                   absl::StrCat(target, ": no whole answer within ", absl::FormatDuration(timeout)),
                   {{"target", target}});
}

bool NothingWasSent(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  for (const absl::string_view before :
       {kOutboundAddressRefused, kOutboundUnresolved, kOutboundConnectFailed, kOutboundTlsUntrusted,
        kOutboundTlsFailed, kOutboundQueueFull, kOutboundBadUrl, kOutboundBadRequest}) {
    if (reason == before) return true;
  }
  return false;
}

}  // namespace cronium::controller
