// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/email.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json_members.h"
#include "controller/actions/html_text.h"
#include "controller/actions/mail.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxRecipients = 100;
constexpr size_t kMaxSubject = 2000;
constexpr size_t kMaxBody = 1 << 20;

std::vector<MailAddress> ReadAddresses(Params* params, absl::string_view name) {
  std::vector<MailAddress> addresses;
  for (const std::string& text : params->List(name, kMaxRecipients)) {
    absl::StatusOr<MailAddress> address = ParseMailAddress(text);
    if (address.ok()) {
      addresses.push_back(*std::move(address));
    } else {
      params->Wrong(absl::StrCat(name, "[", addresses.size(), "]"), address.status().message());
      break;
    }
  }
  return addresses;
}

// `html` is true where the body is HTML, or is itself the HTML beside a plain body.
void ReadBodies(Params* params, Mail* mail) {
  std::string body = params->RequiredText("body", kMaxBody);
  const absl::string_view html = params->AnyJson("html");
  if (html.empty() || html == "false") {
    mail->text = std::move(body);
  } else if (html == "true") {
    mail->text = HtmlToText(body);
    mail->html = std::move(body);
  } else if (std::optional<std::string> text = JsonStringText(html); text.has_value()) {
    mail->text = std::move(body);
    mail->html = *std::move(text);
  } else {
    params->Wrong("html", "is neither true, false nor a string");
  }
}

std::string UrlOf(const v1::SmtpSecret& secret) {
  const bool v6 = absl::StrContains(secret.host(), ':');
  return absl::StrCat(secret.security() == v1::SMTP_SECURITY_TLS ? "smtps" : "smtp", "://",
                      v6 ? "[" : "", secret.host(), v6 ? "]:" : ":", SmtpPort(secret));
}

}  // namespace

int SmtpPort(const v1::SmtpSecret& secret) {
  if (secret.port() != 0) return secret.port();
  switch (secret.security()) {
    case v1::SMTP_SECURITY_TLS:
      return 465;
    case v1::SMTP_SECURITY_NONE:
      return 25;
    default:
      return 587;
  }
}

absl::StatusOr<ActionPlan> PlanEmail(Params* params, const v1::SmtpSecret& secret, absl::Time now,
                                     const std::string& unique) {
  absl::StatusOr<MailAddress> from = ParseMailAddress(secret.from());
  if (!from.ok()) {
    return absl::Status(from.status().code(),
                        absl::StrCat("the credential's sender ", from.status().message()));
  }
  Mail mail;
  mail.from = *std::move(from);
  mail.to = ReadAddresses(params, "to");
  mail.cc = ReadAddresses(params, "cc");
  const std::vector<MailAddress> bcc = ReadAddresses(params, "bcc");
  mail.reply_to = ReadAddresses(params, "reply_to");
  mail.subject = params->Text("subject", kMaxSubject).value_or("");
  ReadBodies(params, &mail);
  const size_t recipients = mail.to.size() + mail.cc.size() + bcc.size();
  if (recipients == 0) params->Wrong("to", "is required");
  if (recipients > kMaxRecipients) {
    params->Wrong("to", absl::StrCat("has with cc and bcc ", recipients, " addresses; at most ",
                                     kMaxRecipients, " are allowed"));
  }
  if (absl::Status status = params->Finish(); !status.ok()) return status;
  mail.date = now;
  const size_t at = mail.from.address.rfind('@');
  mail.message_id = absl::StrCat(unique, mail.from.address.substr(at));

  MailJob job;
  job.url = UrlOf(secret);
  job.target = absl::StrCat(secret.host(), ":", SmtpPort(secret));
  job.starttls = secret.security() != v1::SMTP_SECURITY_NONE;
  job.user = secret.user();
  job.password = secret.password();
  job.sender = mail.from.address;
  for (const auto* list : std::vector<const std::vector<MailAddress>*>{&mail.to, &mail.cc, &bcc}) {
    for (const MailAddress& address : *list) job.recipients.push_back(address.address);
  }
  job.content = FormatMail(mail);
  job.message_id = mail.message_id;
  ActionPlan plan;
  plan.target = job.target;
  plan.recipients = static_cast<int>(recipients);
  if (!secret.password().empty()) plan.secrets = {secret.password()};
  plan.message = std::move(job);
  return plan;
}

}  // namespace cronium::controller
