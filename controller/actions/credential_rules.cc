// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/credential_rules.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/http_syntax.h"
#include "controller/actions/discord.h"
#include "controller/actions/email.h"
#include "controller/actions/http_answer.h"
#include "controller/actions/mail.h"
#include "controller/actions/slack.h"
#include "controller/outbound/url.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;
constexpr size_t kMaxField = 4096;
constexpr int kMaxHeaders = 20;

bool IsLoopbackHost(absl::string_view host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

bool HasControls(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void CheckText(const std::string& field, const std::string& value, Violations* violations) {
  if (value.size() > kMaxField) {
    violations->Add(
        field, absl::StrCat("has ", value.size(), " bytes; at most ", kMaxField, " are allowed"));
  } else if (HasControls(value)) {
    violations->Add(field, "has a line end or another control character");
  }
}

// An address that secrets go to: encrypted, unless it does not leave this host.
void CheckUrl(const std::string& field, const std::string& value, bool secret_goes_along,
              Violations* violations) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(value);
  if (!url.ok()) {
    violations->Add(field, url.status().message());
  } else if (url->has_userinfo) {
    violations->Add(field, "holds a user or password; put them into a header");
  } else if (url->scheme != "https" && secret_goes_along && !IsLoopbackHost(url->host)) {
    violations->Add(field, "must begin with https://, since the secret would go in clear text");
  } else if (absl::StrContains(url->text, '?')) {
    violations->Add(field, "must not have a query");
  }
}

void CheckSmtp(const v1::SmtpSecret& smtp, Violations* violations) {
  const std::string& host = smtp.host();
  const bool is_host =
      !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':';
      });
  if (!is_host) violations->Add("secret.smtp.host", "is not a host's name or address");
  if (smtp.port() < 0 || smtp.port() > 65535) {
    violations->Add("secret.smtp.port", "is not from 1 to 65535");
  }
  if (!v1::SmtpSecurity_IsValid(smtp.security())) {
    violations->Add("secret.smtp.security", "is not known");
  } else if (smtp.security() == v1::SMTP_SECURITY_NONE && !IsLoopbackHost(host)) {
    violations->Add("secret.smtp.security",
                    "NONE sends mails and password in clear text, so it is only for a server on "
                    "the controller's host (localhost); take STARTTLS or TLS");
  }
  if (smtp.user().empty() && !smtp.password().empty()) {
    violations->Add("secret.smtp.user", "is required beside a password");
  }
  CheckText("secret.smtp.user", smtp.user(), violations);
  CheckText("secret.smtp.password", smtp.password(), violations);
  if (const auto from = ParseMailAddress(smtp.from()); !from.ok()) {
    violations->Add("secret.smtp.from", from.status().message());
  }
}

// Slack's and Discord's are alike.
template <typename Secret>
void CheckChat(const std::string& field, const Secret& secret, Violations* violations) {
  if (!secret.webhook_url().empty()) {
    CheckUrl(field + ".webhook_url", secret.webhook_url(), true, violations);
    if (!secret.api_url().empty()) {
      violations->Add(field + ".api_url", "is only for a bot_token");
    }
  } else if (!secret.bot_token().empty()) {
    CheckText(field + ".bot_token", secret.bot_token(), violations);
    if (!secret.api_url().empty()) CheckUrl(field + ".api_url", secret.api_url(), true, violations);
  } else {
    violations->Add(field, "needs a webhook_url or a bot_token");
  }
}

void CheckWebhook(const v1::WebhookSecret& webhook, Violations* violations) {
  CheckUrl("secret.webhook.base_url", webhook.base_url(), !webhook.headers().empty(), violations);
  if (webhook.headers_size() > kMaxHeaders) {
    violations->Add("secret.webhook.headers",
                    absl::StrCat("has ", webhook.headers_size(), " entries; at most ", kMaxHeaders,
                                 " are allowed"));
  }
  for (const auto& [name, value] : webhook.headers()) {
    if (!IsHttpToken(name) || IsReservedHttpHeader(name)) {
      violations->Add(absl::StrCat("secret.webhook.headers.", name),
                      "is no name of a header, or one that the controller sets itself");
    } else {
      CheckText(absl::StrCat("secret.webhook.headers.", name), value, violations);
    }
  }
}

std::string ContextOf(const v1::Credential& credential) {
  std::vector<std::string> namespaces(credential.namespaces().begin(),
                                      credential.namespaces().end());
  std::sort(namespaces.begin(), namespaces.end());
  namespaces.insert(namespaces.begin(),
                    {"credential", credential.name(), std::string(KindName(credential.kind()))});
  return SealingContext(namespaces);
}

}  // namespace

v1::CredentialKind KindOf(const v1::CredentialSecret& secret) {
  switch (secret.secret_case()) {
    case v1::CredentialSecret::kSmtp:
      return v1::CREDENTIAL_KIND_SMTP;
    case v1::CredentialSecret::kSlack:
      return v1::CREDENTIAL_KIND_SLACK;
    case v1::CredentialSecret::kDiscord:
      return v1::CREDENTIAL_KIND_DISCORD;
    case v1::CredentialSecret::kWebhook:
      return v1::CREDENTIAL_KIND_WEBHOOK;
    default:
      return v1::CREDENTIAL_KIND_UNSPECIFIED;
  }
}

absl::string_view KindName(v1::CredentialKind kind) {
  switch (kind) {
    case v1::CREDENTIAL_KIND_SMTP:
      return "smtp";
    case v1::CREDENTIAL_KIND_SLACK:
      return "slack";
    case v1::CREDENTIAL_KIND_DISCORD:
      return "discord";
    case v1::CREDENTIAL_KIND_WEBHOOK:
      return "webhook";
    default:
      return "unknown";
  }
}

void CheckSecret(const v1::CredentialSecret& secret, Violations* violations) {
  if (secret.ByteSizeLong() > kMaxSecretBytes) {
    violations->Add("secret", absl::StrCat("has ", secret.ByteSizeLong(), " bytes; at most ",
                                           kMaxSecretBytes, " are allowed"));
    return;
  }
  switch (secret.secret_case()) {
    case v1::CredentialSecret::kSmtp:
      return CheckSmtp(secret.smtp(), violations);
    case v1::CredentialSecret::kSlack:
      return CheckChat("secret.slack", secret.slack(), violations);
    case v1::CredentialSecret::kDiscord:
      return CheckChat("secret.discord", secret.discord(), violations);
    case v1::CredentialSecret::kWebhook:
      return CheckWebhook(secret.webhook(), violations);
    default:
      violations->Add("secret", "is required: smtp, slack, discord or webhook");
  }
}

std::string TargetOf(const v1::CredentialSecret& secret) {
  const auto chat = [](const auto& access, absl::string_view api) {
    if (!access.webhook_url().empty()) return TargetOfUrl(access.webhook_url());
    return TargetOfUrl(access.api_url().empty() ? api : absl::string_view(access.api_url()));
  };
  switch (secret.secret_case()) {
    case v1::CredentialSecret::kSmtp:
      return absl::StrCat(secret.smtp().host(), ":", SmtpPort(secret.smtp()));
    case v1::CredentialSecret::kSlack:
      return chat(secret.slack(), kSlackApiUrl);
    case v1::CredentialSecret::kDiscord:
      return chat(secret.discord(), kDiscordApiUrl);
    case v1::CredentialSecret::kWebhook:
      return TargetOfUrl(secret.webhook().base_url());
    default:
      return "";
  }
}

absl::StatusOr<std::string> SealSecret(const Sealer& sealer, const v1::Credential& credential,
                                       const v1::CredentialSecret& secret) {
  return sealer.Seal(secret.SerializeAsString(), ContextOf(credential));
}

absl::StatusOr<v1::CredentialSecret> OpenSecret(const Sealer& sealer,
                                                const StoredCredential& stored) {
  const auto named = [&](const absl::Status& status) {
    return MakeError(status.code(), ErrorReason(status),
                     absl::StrCat("credential ", stored.credential.name(), ": ", status.message()),
                     {{"name", stored.credential.name()}});
  };
  absl::StatusOr<std::string> opened = sealer.Open(stored.sealed, ContextOf(stored.credential));
  if (!opened.ok()) return named(opened.status());
  v1::CredentialSecret secret;
  if (!secret.ParseFromString(*opened)) {
    return named(MakeError(absl::StatusCode::kDataLoss, "SECRET_DAMAGED", "is not a secret"));
  }
  return secret;
}

}  // namespace cronium::controller
