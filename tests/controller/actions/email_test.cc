// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/email.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "controller/actions/action_sender.h"
#include "controller/actions/smtp.h"
#include "controller/outbound/transfer_error.h"
#include "tests/controller/actions/plan_parts.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

v1::SmtpSecret SmtpLogin() {
  v1::SmtpSecret secret;
  secret.set_host("mail.example.org");
  secret.set_user("ops");
  secret.set_password("hunter2-hunter2");
  secret.set_from("Operations <ops@example.org>");
  return secret;
}

absl::StatusOr<ActionPlan> Plan(absl::string_view params,
                                const v1::SmtpSecret& secret = SmtpLogin()) {
  absl::StatusOr<Params> parsed = Params::Parse(params);
  if (!parsed.ok()) return parsed.status();
  return PlanEmail(&*parsed, secret, absl::FromUnixSeconds(0), "exec_1.ab");
}

MailJob Job(const absl::StatusOr<ActionPlan>& plan) {
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? std::get<MailJob>(plan->message) : MailJob();
}

TEST(Email, GoesToEverybodyAndShowsNotTheHidden) {
  const auto plan = Plan(
      R"({"to":["ada@example.org","Bob <bob@example.org>"],"cc":"ops@example.org, x@example.org",)"
      R"("bcc":["boss@example.org"],"subject":"Report","body":"All well"})");
  const MailJob job = Job(plan);
  EXPECT_THAT(job.recipients, ElementsAre("ada@example.org", "bob@example.org", "ops@example.org",
                                          "x@example.org", "boss@example.org"));
  EXPECT_EQ(plan->recipients, 5);
  EXPECT_EQ(job.sender, "ops@example.org");
  EXPECT_THAT(job.content, HasSubstr("Cc: ops@example.org,\r\n x@example.org\r\n"));
  EXPECT_THAT(job.content, Not(HasSubstr("boss@example.org")));
  EXPECT_THAT(job.content, HasSubstr("Message-ID: <exec_1.ab@example.org>\r\n"));
}

TEST(Email, HtmlIsAFlagOrASecondBody) {
  const std::string flagged =
      Job(Plan(R"({"to":"a@b.org","body":"<b>rich</b>","html":true})")).content;
  EXPECT_THAT(flagged, HasSubstr("\r\n\r\nrich\r\n--"));
  EXPECT_THAT(flagged, HasSubstr("\r\n\r\n<b>rich</b>\r\n--"));
  const std::string both =
      Job(Plan(R"({"to":"a@b.org","body":"plain","html":"<i>x</i>"})")).content;
  EXPECT_THAT(both, HasSubstr("\r\n\r\nplain\r\n--"));
  EXPECT_THAT(both, HasSubstr("\r\n\r\n<i>x</i>\r\n--"));
  EXPECT_THAT(Job(Plan(R"({"to":"a@b.org","body":"plain","html":false})")).content,
              Not(HasSubstr("multipart")));
}

TEST(Email, TheServersAddressFollowsItsSecurity) {
  v1::SmtpSecret secret = SmtpLogin();
  EXPECT_EQ(Job(Plan(R"({"to":"a@b.org","body":"x"})", secret)).url, "smtp://mail.example.org:587");
  EXPECT_TRUE(Job(Plan(R"({"to":"a@b.org","body":"x"})", secret)).starttls);
  secret.set_security(v1::SMTP_SECURITY_TLS);
  EXPECT_EQ(Job(Plan(R"({"to":"a@b.org","body":"x"})", secret)).url,
            "smtps://mail.example.org:465");
  secret.set_security(v1::SMTP_SECURITY_NONE);
  secret.set_host("::1");
  secret.set_port(2525);
  EXPECT_EQ(Job(Plan(R"({"to":"a@b.org","body":"x"})", secret)).url, "smtp://[::1]:2525");
  EXPECT_FALSE(Job(Plan(R"({"to":"a@b.org","body":"x"})", secret)).starttls);
}

TEST(Email, WrongParametersAreNamed) {
  EXPECT_THAT(Error(Plan(R"({"subject":"s","body":"b"})")), HasSubstr("params.to: is required"));
  EXPECT_THAT(Error(Plan(R"({"to":"a@b.org"})")), HasSubstr("params.body: is required"));
  EXPECT_THAT(Error(Plan(R"({"to":["a@b.org","nobody"],"body":"b"})")),
              HasSubstr("params.to[1]: is not local@domain"));
  EXPECT_THAT(Error(Plan(R"({"to":["a@b.org\nBcc: c@d.org"],"body":"b"})")),
              HasSubstr("params.to[0]: holds a line end"));
  EXPECT_THAT(Error(Plan(R"({"to":["a@b.org",7],"body":"b"})")),
              HasSubstr("params.to[1]: is not a string"));
  EXPECT_THAT(Error(Plan(R"({"to":{},"body":"b"})")),
              HasSubstr("params.to: is neither a list of strings nor a string"));
  EXPECT_THAT(Error(Plan(R"({"to":"a@b.org","body":"b","html":3})")),
              HasSubstr("params.html: is neither"));
  std::string many = "\"a@b.org\"";
  for (int i = 0; i < 100; ++i) many += ",\"a@b.org\"";
  EXPECT_THAT(Error(Plan("{\"to\":[" + many + "],\"body\":\"b\"}")),
              HasSubstr("params.to: has 101 entries; at most 100 are allowed"));
}

SmtpOutcome Failed(absl::string_view reason, int code, bool data_begun) {
  SmtpOutcome outcome;
  outcome.status = MakeError(absl::StatusCode::kUnavailable, reason, "mail:587: it broke");
  outcome.code = code;
  outcome.reply = code == 0 ? "" : std::to_string(code) + " because\r\n";
  outcome.data_begun = data_begun;
  return outcome;
}

TEST(Smtp, ASuccessNamesTheMail) {
  MailJob mail;
  mail.message_id = "x@y";
  mail.recipients = {"a@b.org", "c@d.org"};
  const ActionResult result = ReadSmtpOutcome({absl::OkStatus(), 250, "250 ok", true}, mail);
  EXPECT_TRUE(result.success);
  EXPECT_EQ(result.data_json, R"({"message_id":"<x@y>","recipients":2})");
}

TEST(Smtp, BeforeDataWhatMayPassMayBeSentAgain) {
  EXPECT_TRUE(ReadSmtpOutcome(Failed("OUTBOUND_FAILED", 451, false), {}).retry_after.has_value());
  EXPECT_TRUE(
      ReadSmtpOutcome(Failed(kOutboundConnectFailed, 0, false), {}).retry_after.has_value());
  EXPECT_TRUE(
      ReadSmtpOutcome(Failed(kOutboundConnectionLost, 250, false), {}).retry_after.has_value());
}

TEST(Smtp, BeforeDataARefusalIsFinal) {
  const ActionResult refused = ReadSmtpOutcome(Failed("OUTBOUND_FAILED", 550, false), {});
  EXPECT_FALSE(refused.retry_after.has_value());
  EXPECT_FALSE(refused.outcome_unknown);
  EXPECT_EQ(refused.code, "ACTION_REFUSED");
  EXPECT_THAT(refused.error, HasSubstr("550 because"));
  const ActionResult untrusted = ReadSmtpOutcome(Failed(kOutboundTlsUntrusted, 220, false), {});
  EXPECT_FALSE(untrusted.retry_after.has_value());
  EXPECT_EQ(untrusted.code, kOutboundTlsUntrusted);
}

TEST(Smtp, AfterDataItIsNeverSentAgain) {
  const ActionResult lost = ReadSmtpOutcome(Failed(kOutboundConnectionLost, 354, true), {});
  EXPECT_TRUE(lost.outcome_unknown);
  EXPECT_FALSE(lost.retry_after.has_value());
  // The server said no after it had the mail: that is known.
  const ActionResult refused = ReadSmtpOutcome(Failed("OUTBOUND_FAILED", 452, true), {});
  EXPECT_FALSE(refused.outcome_unknown);
  EXPECT_FALSE(refused.retry_after.has_value());
}

TEST(Sender, OnlyWhatNeverWentOutMayBeSentAgain) {
  const auto of = [](absl::string_view reason, bool safe) {
    return ResultOfTransferError(MakeError(absl::StatusCode::kUnavailable, reason, "m"), safe);
  };
  EXPECT_TRUE(of(kOutboundConnectFailed, false).retry_after.has_value());
  EXPECT_TRUE(of(kOutboundUnresolved, false).retry_after.has_value());
  EXPECT_FALSE(of(kOutboundAddressRefused, false).retry_after.has_value());
  EXPECT_FALSE(of(kOutboundTlsUntrusted, false).retry_after.has_value());
  EXPECT_FALSE(of(kOutboundTlsUntrusted, false).outcome_unknown);
  EXPECT_TRUE(of(kOutboundConnectionLost, false).outcome_unknown);
  EXPECT_TRUE(of(kOutboundTimeout, false).outcome_unknown);
  EXPECT_FALSE(of(kOutboundTimeout, true).outcome_unknown);
  EXPECT_FALSE(of(kOutboundTimeout, true).retry_after.has_value());
}

}  // namespace
}  // namespace cronium::controller
