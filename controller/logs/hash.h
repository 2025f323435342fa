// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_HASH_H_
#define CRONIUM_CONTROLLER_LOGS_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace cronium::controller::logs {

// FNV-1a, 64 bits. Against torn and flipped bytes in the small things that have no checksum of
// their own; with a seed that is kept secret, also against bytes that pretend to be ours.
inline uint64_t Hash(uint64_t seed, absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_HASH_H_
