// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_MAIL_H_
#define CRONIUM_CONTROLLER_ACTIONS_MAIL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Mails as RFC 5322 and MIME (RFC 2045 to 2047) have them.
namespace cronium::controller {

// `Ada Lovelace <ada@example.org>`.
struct MailAddress {
  // Text; empty where the address is alone.
  std::string name;
  // local@domain, ASCII.
  std::string address;
};

// An address alone, or behind a name as `Name <address>`, the name in quotes or not.
// INVALID_ARGUMENT: what is wrong with it. Nothing that could begin another header line passes.
absl::StatusOr<MailAddress> ParseMailAddress(absl::string_view text);

struct Mail {
  MailAddress from;
  std::vector<MailAddress> to;
  std::vector<MailAddress> cc;
  std::vector<MailAddress> reply_to;
  std::string subject;
  // With both the mail is multipart/alternative.
  std::string text;
  std::string html;
  absl::Time date;
  // Without its angle brackets.
  std::string message_id;
};

// The whole message, lines of at most 78 characters that end with CRLF. Text is UTF-8.
std::string FormatMail(const Mail& mail);

// How it gets to the server.
struct MailJob {
  // smtp://host:port or smtps://host:port.
  std::string url;
  // Where the URL is smtp: whether STARTTLS is demanded, else nothing is encrypted.
  bool starttls = true;
  // Empty where the server wants none.
  std::string user;
  std::string password;
  // The envelope: addresses alone.
  std::string sender;
  std::vector<std::string> recipients;
  std::string content;
  // For messages: host:port.
  std::string target;
  std::string message_id;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_MAIL_H_
