// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_VARINT_H_
#define CRONIUM_CONTROLLER_LOGS_VARINT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cronium::controller::logs {

// Seven bits a byte, low ones first, as in protobuf.
inline void PutVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

// Takes one off the front of `in`; false where there is none.
inline bool GetVarint(absl::string_view* in, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in->front());
    in->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_VARINT_H_
