// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_HTTP_ANSWER_H_
#define CRONIUM_CONTROLLER_ACTIONS_HTTP_ANSWER_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/actions/action.h"

// What the HTTP actions share.
namespace cronium::controller {

// Of the header Retry-After in seconds; nothing where it is absent or a date.
std::optional<absl::Duration> RetryAfterOf(const HttpResponse& response);

// The body as JSON: itself where it is JSON, else as a string, with U+FFFD for what is no UTF-8;
// `null` where it is empty.
std::string BodyAsJson(absl::string_view body);

// A success with this body where the status is 2xx. 429 and 503 with Retry-After may be sent again.
// `peer` begins the error: `Slack`; `said`, where it is not empty, is its reason.
ActionResult ResultOfStatus(const HttpResponse& response, absl::string_view peer,
                            absl::string_view said);

// `host:port` of a URL of http or https; empty where it is none.
std::string TargetOfUrl(absl::string_view url);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_HTTP_ANSWER_H_
