// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_SMTP_H_
#define CRONIUM_CONTROLLER_ACTIONS_SMTP_H_

#include <functional>
#include <memory>

#include "controller/actions/action.h"
#include "controller/actions/mail.h"
#include "controller/outbound/transfer_loop.h"

namespace cronium::controller {

// What a server's word, or its silence, means for one mail.
struct SmtpOutcome {
  absl::Status status;
  // Code of the last reply to what the mail needed; 0 where there was none.
  int code = 0;
  // The last reply that said no.
  std::string reply;
  // Whether the server has taken DATA, so that the mail itself went out.
  bool data_begun = false;
};

// OK is a success. Before DATA nothing has been sent: what may pass (no connection, a reply 4xx)
// may be tried again. After it, a reply says that the mail was refused; without one nobody knows.
ActionResult ReadSmtpOutcome(const SmtpOutcome& outcome, const MailJob& mail);

// Sends one mail over a connection of its own. done runs once, on the loop's thread. A recipient
// that the server refuses ends it before anything is sent to the others.
std::unique_ptr<Transfer> MakeSmtpTransfer(MailJob mail, std::function<void(ActionResult)> done);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_SMTP_H_
