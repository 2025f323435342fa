// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/mail.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "controller/actions/mail_header.h"

namespace cronium::controller {
namespace {

// RFC 5321 section 4.5.3.1.
constexpr size_t kMaxLocal = 64;
constexpr size_t kMaxAddress = 254;
constexpr size_t kMaxDisplayName = 200;
// RFC 2045 section 6.7, without a soft line break's `=`.
constexpr size_t kQuotedLine = 75;
// No quoted-printable text holds `=_`, so this is in none of the parts that it separates.
constexpr char kBoundary[] = "=_cronium_alternative";

absl::Status CheckAddress(absl::string_view address) {
  const size_t at = address.rfind('@');
  if (at == absl::string_view::npos || at == 0 || at + 1 == address.size()) {
    return absl::InvalidArgumentError("is not local@domain");
  }
  if (address.size() > kMaxAddress || at > kMaxLocal) {
    return absl::InvalidArgumentError(absl::StrCat("is longer than the ", kMaxAddress,
                                                   " characters (", kMaxLocal,
                                                   " before the @) that an address may have"));
  }
  const absl::string_view local = address.substr(0, at);
  const absl::string_view domain = address.substr(at + 1);
  const auto is_local = [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-/=?^_`{|}~.", c);
  };
  if (!std::all_of(local.begin(), local.end(), is_local) || local.front() == '.' ||
      local.back() == '.') {
    return absl::InvalidArgumentError(
        "has a character before the @ that is not one of letters, digits and !#$%&'*+-/=?^_`{|}~.");
  }
  // An address literal, [192.0.2.1] or [IPv6:2001:db8::1].
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') {
    const absl::string_view inner = domain.substr(1, domain.size() - 2);
    if (std::all_of(inner.begin(), inner.end(),
                    [](char c) { return absl::ascii_isalnum(c) || c == '.' || c == ':'; })) {
      return absl::OkStatus();
    }
  }
  for (const absl::string_view label : absl::StrSplit(domain, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
        !std::all_of(label.begin(), label.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; })) {
      return absl::InvalidArgumentError(
          "has no domain of ASCII letters, digits and hyphens behind the @ (an international one "
          "is "
          "written in its xn-- form)");
    }
  }
  return absl::OkStatus();
}

// Without the quotes around it and the backslashes inside.
std::string Unquote(absl::string_view name) {
  if (name.size() < 2 || name.front() != '"' || name.back() != '"') return std::string(name);
  std::string out;
  for (size_t i = 1; i + 1 < name.size(); ++i) {
    if (name[i] == '\\' && i + 2 < name.size()) ++i;
    out += name[i];
  }
  return out;
}

// Lines end with CRLF, however they ended before.
std::string CrLf(absl::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\n' || text[i] == '\r') {
      out += "\r\n";
    } else {
      out += text[i];
    }
  }
  return out;
}

// Quoted-printable: any text in lines of at most 76 ASCII characters.
std::string QuotedPrintable(absl::string_view raw) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const std::string text = CrLf(raw);
  std::string out;
  size_t column = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\r') {
      out += "\r\n";
      column = 0;
      ++i;
      continue;
    }
    const bool line_ends = i + 1 == text.size() || text[i + 1] == '\r';
    // Space at a line's end would be cut off on the way.
    const bool as_is =
        (c > 0x20 && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !line_ends);
    if (column + (as_is ? 1 : 3) > kQuotedLine) {
      out += "=\r\n";
      column = 0;
    }
    if (as_is) {
      out += static_cast<char>(c);
      ++column;
    } else {
      absl::StrAppend(&out, "=", std::string(1, kHex[c >> 4]), std::string(1, kHex[c & 15]));
      column += 3;
    }
  }
  if (column > 0) out += "\r\n";
  return out;
}

std::string Part(absl::string_view subtype, absl::string_view text) {
  return absl::StrCat("Content-Type: text/", subtype,
                      "; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
                      QuotedPrintable(text));
}

}  // namespace

absl::StatusOr<MailAddress> ParseMailAddress(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  if (!IsUtf8(text)) return absl::InvalidArgumentError("is not UTF-8");
  if (std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); })) {
    return absl::InvalidArgumentError("holds a line end or another control character");
  }
  MailAddress out;
  absl::string_view address = text;
  if (absl::ConsumeSuffix(&address, ">")) {
    const size_t open = address.rfind('<');
    if (open == absl::string_view::npos) return absl::InvalidArgumentError("has a > without a <");
    out.name = Unquote(absl::StripAsciiWhitespace(address.substr(0, open)));
    address.remove_prefix(open + 1);
    if (out.name.size() > kMaxDisplayName) {
      return absl::InvalidArgumentError(absl::StrCat("has a name of ", out.name.size(), " bytes; ",
                                                     kMaxDisplayName, " are allowed"));
    }
  }
  if (absl::Status status = CheckAddress(address); !status.ok()) return status;
  out.address = std::string(address);
  return out;
}

std::string FormatMail(const Mail& mail) {
  std::string out =
      absl::StrCat("Date: ", MailDate(mail.date), "\r\n",  //
                   MailAddressField("From", {mail.from}),  //
                   MailAddressField("Reply-To", mail.reply_to), MailAddressField("To", mail.to),
                   MailAddressField("Cc", mail.cc), MailTextField("Subject", mail.subject),  //
                   "Message-ID: <", mail.message_id, ">\r\n",
                   // RFC 3834: keeps vacation notices away.
                   "Auto-Submitted: auto-generated\r\n", "MIME-Version: 1.0\r\n");
  if (mail.html.empty()) return out + Part("plain", mail.text);
  // The plain one first: readers take the last that they can show.
  absl::StrAppend(&out, "Content-Type: multipart/alternative;\r\n boundary=\"", kBoundary,
                  "\"\r\n\r\n", "--", kBoundary, "\r\n", Part("plain", mail.text), "--", kBoundary,
                  "\r\n", Part("html", mail.html), "--", kBoundary, "--\r\n");
  return out;
}

}  // namespace cronium::controller
