// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/mail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/actions/html_text.h"
#include "controller/actions/mail_header.h"

namespace cronium::controller {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Mail SimpleMail() {
  Mail mail;
  mail.from = {"Ops", "ops@example.org"};
  mail.to = {{"", "ada@example.org"}};
  mail.subject = "Report";
  mail.text = "All well\n";
  mail.date = absl::FromUnixSeconds(1'700'000'000);
  mail.message_id = "exec_1.ab@example.org";
  return mail;
}

std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, "\r\n"); }

// The value of a header field, unfolded.
std::string Field(const std::string& mail, const std::string& name) {
  const std::string head = mail.substr(0, mail.find("\r\n\r\n") + 2);
  for (const std::string& line : Lines(absl::StrReplaceAll(head, {{"\r\n ", " "}}))) {
    if (line.rfind(name + ": ", 0) == 0) return line.substr(name.size() + 2);
  }
  return "";
}

// What a reader makes of encoded words (RFC 2047 section 6.2).
std::string DecodeWords(const std::string& value) {
  std::string out;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(value, ' '))) {
    std::string decoded;
    EXPECT_LE(word.size(), 75u);
    EXPECT_THAT(word, StartsWith("=?UTF-8?B?"));
    EXPECT_TRUE(absl::Base64Unescape(word.substr(10, word.size() - 12), &decoded)) << word;
    out += decoded;
  }
  return out;
}

TEST(Mail, HasTheFieldsThatAMailMustHave) {
  const std::string mail = FormatMail(SimpleMail());
  EXPECT_EQ(Field(mail, "Date"), "Tue, 14 Nov 2023 22:13:20 +0000");
  EXPECT_EQ(Field(mail, "From"), "Ops <ops@example.org>");
  EXPECT_EQ(Field(mail, "To"), "ada@example.org");
  EXPECT_EQ(Field(mail, "Subject"), "Report");
  EXPECT_EQ(Field(mail, "Message-ID"), "<exec_1.ab@example.org>");
  EXPECT_EQ(Field(mail, "MIME-Version"), "1.0");
  EXPECT_EQ(Field(mail, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_THAT(mail, EndsWith("\r\n\r\nAll well\r\n"));
}

TEST(Mail, EveryLineEndsWithCrLfAndIsShort) {
  Mail mail = SimpleMail();
  mail.subject = std::string(500, 'x') + " \xc3\xa4 " + std::string(200, 'y');
  mail.text = std::string(1000, 'a') + "\nb\rc\r\nd \xf0\x9f\x9a\x80 \n.\n";
  mail.html = "<p>" + std::string(3000, 'h') + "</p>";
  for (int i = 0; i < 30; ++i) mail.to.push_back({"Person " + std::to_string(i), "p@example.org"});
  for (const std::string& line : Lines(FormatMail(mail))) {
    EXPECT_LE(line.size(), 78u) << line;
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
    for (const unsigned char c : line) EXPECT_LT(c, 0x80);
  }
}

TEST(Mail, ASubjectThatIsNotAsciiBecomesEncodedWordsCutBetweenCharacters) {
  Mail mail = SimpleMail();
  mail.subject =
      "Bericht f\xc3\xbcr \xf0\x9f\x9a\x80\xf0\x9f\x9a\x80 und alle anderen, die es angeht, mit "
      "vielen \xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f";
  EXPECT_EQ(DecodeWords(Field(FormatMail(mail), "Subject")), mail.subject);
}

TEST(Mail, ASubjectThatLooksEncodedIsShownAsItWasWritten) {
  Mail mail = SimpleMail();
  mail.subject = "=?UTF-8?B?aGk=?=";
  EXPECT_EQ(DecodeWords(Field(FormatMail(mail), "Subject")), mail.subject);
}

TEST(Mail, ALongAsciiSubjectIsFoldedAtItsSpaces) {
  Mail mail = SimpleMail();
  mail.subject = "one two three";
  for (int i = 0; i < 40; ++i) mail.subject += " word" + std::to_string(i);
  const std::string text = FormatMail(mail);
  EXPECT_EQ(Field(text, "Subject"), mail.subject);
  EXPECT_THAT(text, HasSubstr("\r\n word"));
}

TEST(Mail, NoValueBeginsAHeaderOfItsOwn) {
  Mail mail = SimpleMail();
  mail.subject = "hello\r\nBcc: victim@example.org\r\n\r\nbody";
  mail.to = {{"Ada\r\nX-Evil: 1", "ada@example.org"}};
  const std::string text = FormatMail(mail);
  EXPECT_THAT(text, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(text, Not(HasSubstr("\nX-Evil:")));
}

TEST(Mail, WithHtmlItHasBothFormsThePlainOneFirst) {
  Mail mail = SimpleMail();
  mail.text = "plain = fair";
  mail.html = "<b>rich</b>";
  const std::string text = FormatMail(mail);
  EXPECT_THAT(Field(text, "Content-Type"), StartsWith("multipart/alternative; boundary=\"=_"));
  const size_t plain = text.find("Content-Type: text/plain; charset=utf-8");
  const size_t html = text.find("Content-Type: text/html; charset=utf-8");
  ASSERT_NE(plain, std::string::npos);
  ASSERT_NE(html, std::string::npos);
  EXPECT_LT(plain, html);
  EXPECT_THAT(text, HasSubstr("plain =3D fair\r\n--=_"));
  EXPECT_THAT(text, EndsWith("--\r\n"));
}

TEST(Mail, SpaceAtALinesEndSurvives) {
  Mail mail = SimpleMail();
  mail.text = "a \nb\t\nc";
  EXPECT_THAT(FormatMail(mail), EndsWith("a=20\r\nb=09\r\nc\r\n"));
}

TEST(MailHeader, NamesAreQuotedOrEncodedWhereTheyNeedIt) {
  const auto to = [](const std::string& name) {
    return MailAddressField("To", {{name, "a@b.example"}});
  };
  EXPECT_EQ(to("Ada L"), "To: Ada L <a@b.example>\r\n");
  EXPECT_EQ(to("Lovelace, Ada"), "To: \"Lovelace, Ada\" <a@b.example>\r\n");
  EXPECT_EQ(to("the \"boss\""), "To: \"the \\\"boss\\\"\" <a@b.example>\r\n");
  EXPECT_EQ(to("J\xc3\xbcrgen"), "To: =?UTF-8?B?SsO8cmdlbg==?= <a@b.example>\r\n");
  EXPECT_EQ(MailAddressField("Cc", {}), "");
}

TEST(MailAddress, IsReadAloneAndBehindAName) {
  EXPECT_EQ(ParseMailAddress(" ada@example.org ")->address, "ada@example.org");
  EXPECT_EQ(ParseMailAddress("Ada Lovelace <ada@example.org>")->name, "Ada Lovelace");
  EXPECT_EQ(ParseMailAddress("\"Lovelace, \\\"A\\\"\" <ada@example.org>")->name, "Lovelace, \"A\"");
  EXPECT_EQ(ParseMailAddress("<ada@example.org>")->address, "ada@example.org");
  EXPECT_EQ(ParseMailAddress("root@localhost")->address, "root@localhost");
  EXPECT_EQ(ParseMailAddress("a@[127.0.0.1]")->address, "a@[127.0.0.1]");
}

TEST(MailAddress, WhatIsNoneIsRefused) {
  for (const char* text :
       {"", "ada", "@example.org", "ada@", "a b@example.org", "a@b@example.org", "a@exa mple.org",
        "ada@example.org>", "a@-x.org", "a@x..org", ".a@x.org", "J\xc3\xbc@example.org",
        "a@j\xc3\xbc.example", "a@b.org\r\nBcc: c@d.org", "A\nB <a@b.org>", "a@b.org, c@d.org",
        "<a@b.org> <c@d.org", "a@b.org\xff"}) {
    EXPECT_FALSE(ParseMailAddress(text).ok()) << text;
  }
  EXPECT_FALSE(ParseMailAddress(std::string(65, 'a') + "@b.org").ok());
}

TEST(HtmlToText, KeepsWhatAReaderWouldSee) {
  EXPECT_EQ(HtmlToText("<b>All well</b>"), "All well");
  EXPECT_EQ(HtmlToText("<html><head><title>t</title><style>p{}</style></head><body>"
                       "<p>One &amp; two</p><p class=x>three<br>four</p><!-- no --></body></html>"),
            "One & two\n\nthree\nfour");
  EXPECT_EQ(HtmlToText("a < b &lt;c&gt; &unknown; 1<2"), "a < b <c> &unknown; 1<2");
  EXPECT_EQ(HtmlToText("<ul><li>x</li><li>y</li></ul>"), "x\ny");
  EXPECT_EQ(HtmlToText("<script>never"), "");
  EXPECT_EQ(HtmlToText("&amp;lt;"), "&lt;");
}

}  // namespace
}  // namespace cronium::controller
