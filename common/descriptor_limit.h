// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_DESCRIPTOR_LIMIT_H_
#define CRONIUM_COMMON_DESCRIPTOR_LIMIT_H_

#include <cstdint>

namespace cronium {

// Raises this process's limit of open descriptors to what it may be (RLIMIT_NOFILE, soft to hard),
// and returns how many it may then have open. Shells and old init systems start programs with
// 1,024.
int64_t RaiseDescriptorLimit();

}  // namespace cronium

#endif  // CRONIUM_COMMON_DESCRIPTOR_LIMIT_H_
