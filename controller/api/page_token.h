// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_PAGE_TOKEN_H_
#define CRONIUM_CONTROLLER_API_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::controller {

// An opaque page token: where the page before ended, tied to what was asked, so that a token of
// another list is refused rather than misread. `query`: everything else of the request that must
// stay the same from page to page.
std::string MakePageToken(absl::string_view query, absl::string_view position);

// The position; empty for an empty token. INVALID_ARGUMENT where the token is not one of ours or
// belongs to another query.
absl::StatusOr<std::string> ReadPageToken(absl::string_view query, const std::string& token);
absl::Status NotAPageToken();

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_PAGE_TOKEN_H_
