// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_MAIL_HEADER_H_
#define CRONIUM_CONTROLLER_ACTIONS_MAIL_HEADER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/actions/mail.h"

// Header fields of a mail. All end with CRLF; a value's control characters are gone, so that it
// cannot begin a line of its own.
namespace cronium::controller {

// Text: ASCII is folded at its spaces, anything else becomes encoded words of UTF-8 (RFC 2047).
std::string MailTextField(absl::string_view name, absl::string_view value);

// Addresses, one a line; empty where there are none.
std::string MailAddressField(absl::string_view name, const std::vector<MailAddress>& addresses);

// `Tue, 24 Nov 2026 11:39:05 +0000`.
std::string MailDate(absl::Time time);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_MAIL_HEADER_H_
