// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_OUTBOUND_URL_H_
#define CRONIUM_CONTROLLER_OUTBOUND_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::controller {

// A URL of http or https, as curl's own parser reads it, so that what is checked is what is
// connected to.
struct HttpUrl {
  // Normalised, without fragment and userinfo.
  std::string text;
  // `https://example.com:443`: scheme, host and port, all lower case.
  std::string origin;
  std::string scheme;
  std::string host;
  bool has_userinfo = false;
};

// INVALID_ARGUMENT (OUTBOUND_BAD_URL) that does not repeat the URL, which may hold secrets.
absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view text);

// The URL that a Location header leads to, seen from `base`. The same errors.
absl::StatusOr<HttpUrl> ResolveLocation(const HttpUrl& base, absl::string_view location);

// For logs and people: without userinfo, values of the query masked.
std::string LoggableUrl(absl::string_view url);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_OUTBOUND_URL_H_
