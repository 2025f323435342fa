// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/mail_header.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cronium::controller {
namespace {

// RFC 5322 section 2.1.1, without the CRLF.
constexpr size_t kLine = 78;
// RFC 2047 section 2: a line with an encoded word has at most 76 characters. 36 bytes become 48,
// with
// `=?UTF-8?B?` and `?=` 60, which fits behind a field's name.
constexpr size_t kWordBytes = 36;

std::string WithoutControls(absl::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return absl::ascii_iscntrl(c); }, ' ');
  return out;
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isascii(c); });
}

// Whether it can stand in a header as it is: ASCII, nothing that would be taken for an encoded
// word, and words that fit into a line.
bool IsPlain(absl::string_view text) {
  if (!IsAscii(text) || absl::StrContains(text, "=?")) return false;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (word.size() > kLine - 2) return false;
  }
  return true;
}

// Encoded words, cut between characters (RFC 2047 section 5), each on a line of its own.
std::string EncodedWords(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t size = std::min(text.size(), kWordBytes);
    // A byte 10xxxxxx goes on with the character before it.
    while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) --size;
    if (size == 0) size = std::min(text.size(), kWordBytes);  // No UTF-8: never cut to nothing.
    absl::StrAppend(&out, out.empty() ? "" : "\r\n ", "=?UTF-8?B?",
                    absl::Base64Escape(text.substr(0, size)), "?=");
    text.remove_prefix(size);
  }
  return out;
}

// Breaks at single spaces between words. A run of spaces stays within its line: a line of nothing
// but space would be malformed.
std::string Fold(absl::string_view name, absl::string_view value) {
  std::string out = absl::StrCat(name, ":");
  size_t column = out.size();
  while (!value.empty()) {
    size_t end = value.find_first_not_of(' ');
    end = value.find(' ', end == absl::string_view::npos ? 0 : end);
    if (end == absl::string_view::npos) end = value.size();
    const absl::string_view word = value.substr(0, end);
    if (column + 1 + word.size() > kLine && column > name.size() + 1) {
      out += "\r\n";
      column = 0;
    }
    // The space before a word is what the line may be broken at; it stays with the word.
    const bool has_space = word[0] == ' ';
    absl::StrAppend(&out, has_space ? "" : " ", word);
    column += word.size() + (has_space ? 0 : 1);
    value.remove_prefix(end);
  }
  return out + "\r\n";
}

// A display name: as it is, in quotes, or encoded.
std::string Phrase(absl::string_view raw) {
  const std::string name = WithoutControls(raw);
  if (!IsPlain(name) || name.size() > kLine - 4) return EncodedWords(name);
  const bool atoms = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains(" !#$%&'*+-/=?^_`{|}~", c);
  });
  if (atoms) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string MailTextField(absl::string_view name, absl::string_view value) {
  const std::string text(absl::StripAsciiWhitespace(WithoutControls(value)));
  if (!IsPlain(text)) return absl::StrCat(name, ": ", EncodedWords(text), "\r\n");
  return Fold(name, text);
}

std::string MailAddressField(absl::string_view name, const std::vector<MailAddress>& addresses) {
  std::string out;
  for (const MailAddress& address : addresses) {
    absl::StrAppend(&out, out.empty() ? absl::StrCat(name, ": ") : ",\r\n ");
    if (address.name.empty()) {
      absl::StrAppend(&out, address.address);
    } else {
      const std::string phrase = Phrase(address.name);
      const size_t last = phrase.size() - (phrase.rfind('\n') + 1);
      const bool fits = last + address.address.size() + name.size() + 6 <= kLine;
      absl::StrAppend(&out, phrase, fits ? " <" : "\r\n <", address.address, ">");
    }
  }
  return out.empty() ? out : out + "\r\n";
}

std::string MailDate(absl::Time time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", time, absl::UTCTimeZone());
}

}  // namespace cronium::controller
