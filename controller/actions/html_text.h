// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_HTML_TEXT_H_
#define CRONIUM_CONTROLLER_ACTIONS_HTML_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace cronium::controller {

// What an HTML mail says, as plain text: for readers that show no HTML, and for previews. Tags go,
// paragraphs and rows become lines, common entities become characters. No parser of HTML: what it
// cannot make sense of stays as it is.
std::string HtmlToText(absl::string_view html);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_HTML_TEXT_H_
