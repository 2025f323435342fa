// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_TEXT_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace cronium::gateway::helpers {

// For one segment of a URL's path: all but letters, digits and -._~ as %XX, so "/" too.
std::string PercentEncode(std::string_view text);

// On one line: control characters become spaces, and what is longer than 1,000 bytes is cut.
std::string OneLine(std::string_view text);

// The parts between commas, without the blanks around them; empty ones are left out.
std::vector<std::string_view> SplitList(std::string_view text);

// Letters of ASCII in lower case.
std::string ToLower(std::string_view text);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_TEXT_H_
