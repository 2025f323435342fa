// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/credential_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/actions/redact.h"

namespace cronium::controller {
namespace {

using testing::HasSubstr;

v1::CredentialSecret Smtp() {
  v1::CredentialSecret secret;
  secret.mutable_smtp()->set_host("mail.example.org");
  secret.mutable_smtp()->set_from("ops@example.org");
  secret.mutable_smtp()->set_user("ops");
  secret.mutable_smtp()->set_password("hunter2-hunter2");
  return secret;
}

// What is wrong with it; empty where nothing is.
std::string Wrong(const v1::CredentialSecret& secret) {
  Violations violations;
  CheckSecret(secret, &violations);
  return violations.empty() ? "" : std::string(violations.ToStatus().message());
}

TEST(CredentialRules, AnSmtpServerNeedsHostAndSenderAndNoClearText) {
  EXPECT_EQ(Wrong(Smtp()), "");
  v1::CredentialSecret secret = Smtp();
  secret.mutable_smtp()->set_host("mail.example.org/x");
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.smtp.host"));
  secret = Smtp();
  secret.mutable_smtp()->set_from("ops");
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.smtp.from"));
  secret = Smtp();
  secret.mutable_smtp()->set_security(v1::SMTP_SECURITY_NONE);
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.smtp.security: NONE sends"));
  secret.mutable_smtp()->set_host("127.0.0.1");
  EXPECT_EQ(Wrong(secret), "");
  secret = Smtp();
  secret.mutable_smtp()->clear_user();
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.smtp.user"));
  secret = Smtp();
  secret.mutable_smtp()->set_password("a\r\nb");
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.smtp.password"));
}

TEST(CredentialRules, SecretsGoEncryptedOrStayOnTheHost) {
  v1::CredentialSecret secret;
  secret.mutable_slack()->set_webhook_url("http://hooks.slack.com/services/x");
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.slack.webhook_url: must begin with https://"));
  secret.mutable_slack()->set_webhook_url("https://hooks.slack.com/services/x");
  EXPECT_EQ(Wrong(secret), "");
  secret.mutable_discord()->set_bot_token("t");
  secret.mutable_discord()->set_api_url("http://127.0.0.1:80/api");
  EXPECT_EQ(Wrong(secret), "");
  secret.mutable_webhook()->set_base_url("http://example.org/x");
  EXPECT_EQ(Wrong(secret), "");
  (*secret.mutable_webhook()->mutable_headers())["Authorization"] = "x";
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.webhook.base_url"));
}

TEST(CredentialRules, WhatIsMissingOrTooMuchIsNamed) {
  v1::CredentialSecret secret;
  EXPECT_THAT(Wrong(secret), HasSubstr("secret: is required"));
  secret.mutable_slack();
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.slack: needs a webhook_url or a bot_token"));
  secret.mutable_slack()->set_bot_token(std::string(5000, 'x'));
  EXPECT_THAT(Wrong(secret), HasSubstr("secret.slack.bot_token: has 5000 bytes"));
  secret.mutable_slack()->set_bot_token(std::string(70'000, 'x'));
  EXPECT_THAT(Wrong(secret), HasSubstr("secret: has "));
  secret.mutable_webhook()->set_base_url("https://example.org/x?token=1");
  EXPECT_THAT(Wrong(secret), HasSubstr("must not have a query"));
}

TEST(CredentialRules, TheTargetIsHostAndPortAndNothingSecret) {
  EXPECT_EQ(TargetOf(Smtp()), "mail.example.org:587");
  v1::CredentialSecret secret;
  secret.mutable_slack()->set_webhook_url("https://hooks.slack.com/services/T/B/secret");
  EXPECT_EQ(TargetOf(secret), "hooks.slack.com:443");
  secret.mutable_discord()->set_bot_token("t");
  EXPECT_EQ(TargetOf(secret), "discord.com:443");
}

class SealedCredential : public testing::Test {
 protected:
  SealedCredential() {
    stored_.credential.set_name("ops-mail");
    stored_.credential.set_kind(v1::CREDENTIAL_KIND_SMTP);
    stored_.credential.add_namespaces("team-b");
    stored_.credential.add_namespaces("default");
    stored_.sealed = *SealSecret(sealer_, stored_.credential, Smtp());
  }

  const Sealer sealer_{{*NewSealingKey()}};
  StoredCredential stored_;
};

TEST_F(SealedCredential, OpensWhereItIsAtHomeInWhateverOrderItIsGranted) {
  EXPECT_EQ(OpenSecret(sealer_, stored_)->smtp().password(), "hunter2-hunter2");
  stored_.credential.mutable_namespaces()->SwapElements(0, 1);
  EXPECT_TRUE(OpenSecret(sealer_, stored_).ok());
}

TEST_F(SealedCredential, ASwappedRowAForgedGrantAndAnotherKindAreRefused) {
  StoredCredential other = stored_;
  other.credential.set_name("other");
  EXPECT_EQ(ErrorReason(OpenSecret(sealer_, other).status()), "SECRET_DAMAGED");
  other = stored_;
  other.credential.add_namespaces("team-c");
  EXPECT_EQ(ErrorReason(OpenSecret(sealer_, other).status()), "SECRET_DAMAGED");
  other = stored_;
  other.credential.set_kind(v1::CREDENTIAL_KIND_WEBHOOK);
  const absl::Status status = OpenSecret(sealer_, other).status();
  EXPECT_EQ(ErrorReason(status), "SECRET_DAMAGED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("credential ops-mail"));
}

TEST(Redact, MasksSecretsAsTheyAreAndAsJsonHasThem) {
  EXPECT_EQ(Redact("a deep-secret b", {"deep-secret"}), "a *** b");
  EXPECT_EQ(Redact(R"({"h":"qu\"ote/x y","u":"qu\"ote\/x y"})", {"qu\"ote/x y"}),
            R"({"h":"***","u":"***"})");
  EXPECT_EQ(Redact("Bearer deep-secret", {"deep-secret", "Bearer deep-secret"}), "***");
  EXPECT_EQ(Redact("abc", {"", "abc"}), "abc");
}

}  // namespace
}  // namespace cronium::controller
