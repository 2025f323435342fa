// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_HTTP_JOBS_ANSWER_JSON_H_
#define CRONIUM_CONTROLLER_HTTP_JOBS_ANSWER_JSON_H_

#include <string>

#include "controller/outbound/http_client.h"

namespace cronium::controller {

// How much of a body is in the JSON; the log has all of it.
inline constexpr size_t kMaxJsonBodyBytes = 128 << 10;

// The answer as output_json has it:
//
//   {"status": 200, "headers": {"content-type": "text/plain"}, "body": "...",
//    "body_truncated": false, "response_truncated": false, "url": "https://...", "tries": 1}
//
// Names of headers are in lower case; values of one that came more than once are joined by ", ". A
// body that is not UTF-8 is "body_base64" instead. body_truncated: the body here is not all of the
// answer's; response_truncated: nor is the log's, since it is over max_response_bytes.
std::string AnswerJson(const HttpResponse& response, int tries);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_HTTP_JOBS_ANSWER_JSON_H_
