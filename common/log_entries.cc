// SPDX-License-Identifier: Apache-2.0
#include "common/log_entries.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace cronium {

size_t FirstLogEntryLength(absl::string_view data) {
  const size_t window = std::min(data.size(), kMaxLogEntryBytes);
  if (window == 0) return 0;
  const void* newline = std::memchr(data.data(), '\n', window);
  return newline == nullptr ? window : static_cast<const char*>(newline) - data.data() + 1;
}

size_t LogPrefixLength(absl::string_view data, uint32_t entries) {
  size_t length = 0;
  for (; entries > 0 && length < data.size(); --entries) {
    length += FirstLogEntryLength(data.substr(length));
  }
  return length;
}

uint32_t CountLogEntries(absl::string_view data) {
  uint32_t count = 0;
  while (!data.empty()) {
    data.remove_prefix(FirstLogEntryLength(data));
    ++count;
  }
  return count;
}

}  // namespace cronium
