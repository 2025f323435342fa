// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/html_text.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cronium::controller {
namespace {

constexpr std::pair<absl::string_view, absl::string_view> kEntities[] = {
    {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&nbsp;", " "},
};
constexpr absl::string_view kLines[] = {"br",    "p",   "/p",  "div", "/div",   "tr",  "li", "hr",
                                        "table", "h1",  "h2",  "h3",  "h4",     "h5",  "h6", "ul",
                                        "ol",    "/h1", "/h2", "/h3", "/table", "/ul", "/ol"};

// `p` of `<p class="x">`, lower case.
std::string TagName(absl::string_view tag) {
  size_t end = 1;
  while (end < tag.size() && (absl::ascii_isalnum(tag[end]) || (end == 1 && tag[end] == '/'))) {
    ++end;
  }
  return absl::AsciiStrToLower(tag.substr(1, end - 1));
}

// Text that is gathered: runs of space become one, and lines do not pile up.
class Gatherer {
 public:
  void Add(absl::string_view text) {
    for (const char c : text) {
      if (absl::ascii_isspace(c)) {
        space_ = true;
        continue;
      }
      if (space_ && !out_.empty() && out_.back() != '\n') out_ += ' ';
      space_ = false;
      out_ += c;
    }
  }
  void EndLine() {
    space_ = false;
    if (!out_.empty() && !absl::EndsWith(out_, "\n\n")) out_ += '\n';
  }
  std::string Take() {
    while (absl::EndsWith(out_, "\n")) out_.pop_back();
    return std::move(out_);
  }

 private:
  std::string out_;
  bool space_ = false;
};

// Past the element's end tag, or the text's end: for what is not shown.
size_t SkipElement(absl::string_view html, size_t begin, const std::string& name) {
  const std::string end_tag = absl::StrCat("</", name);
  for (size_t i = begin; i < html.size(); ++i) {
    if (absl::StartsWithIgnoreCase(html.substr(i), end_tag)) {
      const size_t close = html.find('>', i);
      return close == absl::string_view::npos ? html.size() : close + 1;
    }
  }
  return html.size();
}

}  // namespace

std::string HtmlToText(absl::string_view html) {
  Gatherer text;
  size_t i = 0;
  while (i < html.size()) {
    if (absl::StartsWith(html.substr(i), "<!--")) {
      const size_t end = html.find("-->", i);
      i = end == absl::string_view::npos ? html.size() : end + 3;
      continue;
    }
    const bool tag = html[i] == '<' && i + 1 < html.size() &&
                     (absl::ascii_isalpha(html[i + 1]) || html[i + 1] == '/' || html[i + 1] == '!');
    const size_t close = tag ? html.find('>', i) : absl::string_view::npos;
    if (close != absl::string_view::npos) {
      const std::string name = TagName(html.substr(i, close - i));
      i = close + 1;
      if (name == "script" || name == "style" || name == "head" || name == "title") {
        i = SkipElement(html, i, name);
      } else {
        for (const absl::string_view line : kLines) {
          if (name == line) text.EndLine();
        }
      }
      continue;
    }
    bool entity = false;
    for (const auto& [from, to] : kEntities) {
      if (html[i] != '&' || !absl::StartsWith(html.substr(i), from)) continue;
      text.Add(to);
      i += from.size();
      entity = true;
      break;
    }
    if (!entity) text.Add(html.substr(i++, 1));
  }
  return text.Take();
}

}  // namespace cronium::controller
