// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_LOG_ENTRIES_H_
#define CRONIUM_COMMON_LOG_ENTRIES_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

// The one definition of what an entry of a job's log is (protos/cronium/v1/log.proto): bytes up to
// and with a newline, cut after kMaxLogEntryBytes where there is none. Agent, controller and client
// all count with these functions.
namespace cronium {

inline constexpr size_t kMaxLogEntryBytes = 65536;
// Largest LogChunk.data.
inline constexpr size_t kMaxLogChunkBytes = 256 * 1024;

// Length of the first entry of data; 0 where data is empty.
size_t FirstLogEntryLength(absl::string_view data);

// How many entries data holds; a rest without a newline counts as one.
uint32_t CountLogEntries(absl::string_view data);

// Length of the first `entries` entries of data; data.size() where it has no more.
size_t LogPrefixLength(absl::string_view data, uint32_t entries);

}  // namespace cronium

#endif  // CRONIUM_COMMON_LOG_ENTRIES_H_
