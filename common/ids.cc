// SPDX-License-Identifier: Apache-2.0
#include "common/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace cronium {
namespace {

constexpr absl::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr int kIdLength = 12;

}  // namespace

std::string RandomBase62(int count) {
  std::string out;
  while (static_cast<int>(out.size()) < count) {
    unsigned char bytes[64];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
      std::perror("getrandom");
      std::abort();
    }
    for (unsigned char byte : bytes) {
      // 248 is the largest multiple of 62 in a byte: what lies above would favour the first digits.
      if (byte < 248 && static_cast<int>(out.size()) < count) out.push_back(kBase62[byte % 62]);
    }
  }
  return out;
}

std::string RandomIdSource::NewId(absl::string_view prefix) {
  return absl::StrCat(prefix, RandomBase62(kIdLength));
}

std::string CountingIdSource::NewId(absl::string_view prefix) {
  return absl::StrCat(prefix, absl::StrFormat("%012d", next_++));
}

bool IsId(absl::string_view id, absl::string_view prefix) {
  return id.size() == prefix.size() + kIdLength && id.substr(0, prefix.size()) == prefix &&
         std::all_of(id.begin() + prefix.size(), id.end(),
                     [](char c) { return absl::ascii_isalnum(c); });
}

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 63) return false;
  const auto edge = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); };
  return edge(name.front()) && edge(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return edge(c) || c == '.' || c == '-'; });
}

}  // namespace cronium
