// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_ACTION_H_
#define CRONIUM_CONTROLLER_ACTIONS_ACTION_H_

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "controller/actions/mail.h"
#include "controller/outbound/http_client.h"

// What every tool action comes down to.
namespace cronium::controller {

// What came of it.
struct ActionResult {
  bool success = false;
  // JSON text: what the other side answered.
  std::string data_json = "null";
  // Of a failure: for people, and the stable reason.
  std::string error;
  std::string code;
  // Whether the other side may have acted although this is a failure.
  bool outcome_unknown = false;
  // Set where the same may be sent again: nothing has happened, and this long is to be waited.
  std::optional<absl::Duration> retry_after;
  // HTTP status or SMTP reply code; 0 where there was no answer.
  int status = 0;
};

// One message to another side, ready to be sent, and what its answer means. Made by pure functions.
struct ActionPlan {
  std::variant<HttpRequest, MailJob> message;
  // Of an HttpRequest.
  std::function<ActionResult(const HttpResponse&)> read;
  // Whether sending it twice does no harm.
  bool safe = false;
  // Host and port it goes to, for the audit record.
  std::string target;
  // Of an email.
  int recipients = 0;
  // What must not be in any answer or message.
  std::vector<std::string> secrets;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_ACTION_H_
