// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_TSAN_H_
#define CRONIUM_COMMON_TSAN_H_

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

// For what is handed from thread to thread through a library that is not built with
// ThreadSanitizer, which therefore cannot see the hand-over: what was done before the release is
// seen after the acquire of the same address. Nothing in other builds.
namespace cronium {

inline void TsanRelease([[maybe_unused]] void* address) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(address);
#endif
}

inline void TsanAcquire([[maybe_unused]] void* address) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(address);
#endif
}

}  // namespace cronium

#endif  // CRONIUM_COMMON_TSAN_H_
