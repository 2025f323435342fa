// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/credentials_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/cronium/views.h"

namespace cronium::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ParseSecret, TakesTheFieldsOfItsKind) {
  const auto smtp =
      ParseSecret("smtp", R"({"host":"mail.example.org","port":2525,"security":"tls","user":"ops",)"
                          R"("password":"hunter2","from":"ops@example.org"})");
  ASSERT_TRUE(smtp.ok()) << smtp.status();
  EXPECT_EQ(smtp->smtp().port(), 2525);
  EXPECT_EQ(smtp->smtp().security(), v1::SMTP_SECURITY_TLS);
  EXPECT_EQ(smtp->smtp().password(), "hunter2");
  EXPECT_EQ(ParseSecret("slack", R"({"bot_token":"xoxb"})")->slack().bot_token(), "xoxb");
  EXPECT_EQ(ParseSecret("discord", R"({"webhook_url":"https://x"})")->discord().webhook_url(),
            "https://x");
  const auto webhook = ParseSecret("webhook", R"({"base_url":"https://x","headers":{"A":"b"}})");
  EXPECT_EQ(webhook->webhook().headers().at("A"), "b");
}

TEST(ParseSecret, SaysWhatIsWrongAndNeverWhatWasGiven) {
  const auto error = [](const char* kind, const char* json) {
    return std::string(ParseSecret(kind, json).status().message());
  };
  EXPECT_THAT(error("fax", "{}"), HasSubstr("none of smtp, slack, discord and webhook"));
  EXPECT_THAT(error("smtp", R"({"pasword":"hunter2"})"), HasSubstr("\"pasword\" is not known"));
  EXPECT_THAT(error("smtp", R"({"pasword":"hunter2"})"), HasSubstr("host, port, security"));
  EXPECT_THAT(error("smtp", R"({"port":"hunter2"})"), HasSubstr("port: is not of the right type"));
  EXPECT_THAT(error("smtp", R"({"security":"hunter2"})"), HasSubstr("security: is none of"));
  EXPECT_THAT(error("webhook", R"({"headers":"hunter2"})"), HasSubstr("object of strings"));
  EXPECT_THAT(error("smtp", "hunter2"), HasSubstr("the secret not valid JSON"));
  for (const char* json : {R"({"pasword":"hunter2"})", R"({"port":"hunter2"})", "hunter2",
                           R"({"security":"hunter2"})", R"({"headers":"hunter2"})"}) {
    EXPECT_THAT(error("smtp", json), Not(HasSubstr("hunter2")));
  }
}

TEST(Views, ACredentialShowsWhoMayUseItAndWhen) {
  v1::ListCredentialsResponse all;
  v1::Credential* credential = all.add_credentials();
  credential->set_name("email");
  credential->set_kind(v1::CREDENTIAL_KIND_SMTP);
  credential->set_target("mail.example.org:587");
  credential->add_namespaces("default");
  credential->add_namespaces("team-b");
  credential->mutable_update_time()->set_seconds(1000);
  EXPECT_EQ(CredentialsTable(all, absl::FromUnixSeconds(1200)),
            "NAME   KIND  TARGET                CHANGED  LAST USE  NAMESPACES\n"
            "email  smtp  mail.example.org:587  3m       -         default team-b\n");
}

TEST(Views, AnAuditRecordIsOneLine) {
  v1::ListAuditRecordsResponse all;
  v1::AuditRecord* record = all.add_records();
  record->mutable_time()->set_seconds(0);
  record->set_operation("tool_action");
  record->set_tool("email");
  record->set_action("send_message");
  record->set_actor("exec_1");
  record->set_credential("email");
  record->set_target("mail:587");
  record->set_outcome(v1::AUDIT_OUTCOME_FAILED);
  record->set_reason("ACTION_REFUSED");
  record->set_status(550);
  record->set_duration_ms(1200);
  EXPECT_THAT(AuditTable(all),
              HasSubstr("email send_message  exec_1  email       mail:587  failed ACTION_REFUSED  "
                        "550     1.200s\n"));
}

}  // namespace
}  // namespace cronium::cli
