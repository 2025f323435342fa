// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_SANITIZERS_TSAN_SYNC_H_
#define CRONIUM_TOOLS_SANITIZERS_TSAN_SYNC_H_

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

// Shows ThreadSanitizer how threads wait for each other inside Abseil and gRPC. Debian's packages
// are not built with it, so that it sees none of their locks, and would call everything a race that
// passes from thread to thread through them.
//
// Linked into the programs of the preset tsan. A function defined in the program comes before one
// of the same name in a library, also for the library's own calls: those of tsan_sync_*.cc tell
// ThreadSanitizer what happens, and call the library's. They add no order that is not there: a lock
// orders as a lock does, and an operation that is begun comes before its own callback.
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

// What makes the linker take a file out of its library.
#define CRONIUM_TSAN_SYNC(name)     \
  extern "C" {                      \
  extern const char cronium_##name; \
  const char cronium_##name = 0;    \
  }

namespace cronium {

// The library's function.
template <typename Function>
Function* LibraryFunction(const char* symbol) {
  void* function = dlsym(RTLD_NEXT, symbol);
  if (function == nullptr) {
    std::fprintf(stderr, "tsan_sync: no library has %s\n", symbol);
    std::abort();
  }
  return reinterpret_cast<Function*>(function);
}

}  // namespace cronium

#endif  // CRONIUM_TOOLS_SANITIZERS_TSAN_SYNC_H_
