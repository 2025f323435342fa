// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_THREAD_NAME_H_
#define CRONIUM_COMMON_THREAD_NAME_H_

#include <pthread.h>

namespace cronium {

// What `top -H`, `ps -T` and debuggers call the calling thread. At most 15 bytes.
inline void SetThreadName(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace cronium

#endif  // CRONIUM_COMMON_THREAD_NAME_H_
