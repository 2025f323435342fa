// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_OUTBOUND_TRANSFER_ERROR_H_
#define CRONIUM_CONTROLLER_OUTBOUND_TRANSFER_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Reasons why an outbound transfer came to nothing, beside kOutboundAddressRefused. Messages name
// the target (scheme, host and port), never path, query, headers or body.
namespace cronium::controller {

// UNAVAILABLE: the name has no address, or no name server answered.
inline constexpr absl::string_view kOutboundUnresolved = "OUTBOUND_UNRESOLVED";
// UNAVAILABLE: no connection, or none within the connect timeout.
inline constexpr absl::string_view kOutboundConnectFailed = "OUTBOUND_CONNECT_FAILED";
// FAILED_PRECONDITION: the certificate is not one of a trusted CA for this name.
inline constexpr absl::string_view kOutboundTlsUntrusted = "OUTBOUND_TLS_UNTRUSTED";
// UNAVAILABLE: TLS could not be agreed upon.
inline constexpr absl::string_view kOutboundTlsFailed = "OUTBOUND_TLS_FAILED";
// UNAVAILABLE: the connection broke after the request may have been sent.
inline constexpr absl::string_view kOutboundConnectionLost = "OUTBOUND_CONNECTION_LOST";
// DEADLINE_EXCEEDED: not done within the timeout; the request may have been sent.
inline constexpr absl::string_view kOutboundTimeout = "OUTBOUND_TIMEOUT";
// RESOURCE_EXHAUSTED: the answer is over its limit.
inline constexpr absl::string_view kOutboundBodyTooLarge = "OUTBOUND_BODY_TOO_LARGE";
inline constexpr absl::string_view kOutboundHeadersTooLarge = "OUTBOUND_HEADERS_TOO_LARGE";
// RESOURCE_EXHAUSTED, retryable: too many transfers wait already.
inline constexpr absl::string_view kOutboundQueueFull = "OUTBOUND_QUEUE_FULL";
// FAILED_PRECONDITION: too many redirects, or one to where none may lead.
inline constexpr absl::string_view kOutboundRedirectRefused = "OUTBOUND_REDIRECT_REFUSED";
// INVALID_ARGUMENT: the URL, or the method or a header, is not well formed.
inline constexpr absl::string_view kOutboundBadUrl = "OUTBOUND_BAD_URL";
inline constexpr absl::string_view kOutboundBadRequest = "OUTBOUND_BAD_REQUEST";
// UNAVAILABLE: anything else, in curl's words.
inline constexpr absl::string_view kOutboundFailed = "OUTBOUND_FAILED";

// The status of a CURLcode that is not CURLE_OK. detail: curl's error buffer, may be empty.
// os_error: CURLINFO_OS_ERRNO.
absl::Status TransferError(int curl_code, absl::string_view target, absl::string_view detail,
                           int os_error);
absl::Status TransferTimeout(absl::string_view target, absl::Duration timeout);

// Whether the peer cannot have acted on the request, since it never went out.
bool NothingWasSent(const absl::Status& status);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_OUTBOUND_TRANSFER_ERROR_H_
