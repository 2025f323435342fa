// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_FUZZ_INPUT_H_
#define CRONIUM_TESTS_FUZZ_INPUT_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// What the fuzz targets share.
namespace cronium::fuzz {

// Ends the process where something that must hold does not: an input to keep.
inline void Require(bool holds, const char* what, std::string_view seen = "") {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n%.*s\n", what, static_cast<int>(seen.size()),
               seen.data());
  std::abort();
}

// The parts between the bytes 0x1E (record separator), which no text of ours holds: at most `most`,
// the last of which is all that is left.
inline std::vector<std::string> Split(const uint8_t* data, size_t size, size_t most) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == 0x1E && parts.size() < most) {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(data[i]);
    }
  }
  return parts;
}

}  // namespace cronium::fuzz

#endif  // CRONIUM_TESTS_FUZZ_INPUT_H_
