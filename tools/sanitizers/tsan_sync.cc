// SPDX-License-Identifier: Apache-2.0
//
// Shows ThreadSanitizer how threads wait for each other inside Abseil and gRPC. Debian's packages
// are not built with it, so that it sees none of their locks, and would call everything a race that
// passes from thread to thread through them.
//
// Linked into the programs of the preset tsan. A function defined in the program comes before one
// of the same name in a library, also for the library's own calls: those below tell ThreadSanitizer
// what happens, and call the library's. They add no order that is not there: a lock orders as a
// lock does, and an operation that is begun comes before its own callback.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpcpp/server.h>
#include <grpcpp/support/callback_common.h>
#include <grpcpp/support/server_callback.h>

#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/mutex.h"

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

// What makes the linker take this file out of its library.
extern "C" {
extern const char cronium_tsan_sync;
const char cronium_tsan_sync = 0;
}

namespace {

// The library's function.
template <typename Function>
Function* Library(const char* symbol) {
  void* function = dlsym(RTLD_NEXT, symbol);
  if (function == nullptr) {
    std::fprintf(stderr, "tsan_sync: no library has %s\n", symbol);
    std::abort();
  }
  return reinterpret_cast<Function*>(function);
}

// The inline namespace of Debian's Abseil is part of its names.
#define ABSL_SYMBOL(name) "_ZN4absl7debian3" name

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const lock = Library<void(Mutex*)>(ABSL_SYMBOL("5Mutex4LockEv"));
  lock(this);
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  static auto* const try_lock = Library<bool(Mutex*)>(ABSL_SYMBOL("5Mutex7TryLockEv"));
  if (!try_lock(this)) return false;
  __tsan_acquire(this);
  return true;
}

void Mutex::Unlock() {
  static auto* const unlock = Library<void(Mutex*)>(ABSL_SYMBOL("5Mutex6UnlockEv"));
  __tsan_release(this);
  unlock(this);
}

// Waiting unlocks and locks within Abseil. That the wake-up follows the signal comes from the lock.
void CondVar::Wait(Mutex* mutex) {
  static auto* const wait =
      Library<void(CondVar*, Mutex*)>(ABSL_SYMBOL("7CondVar4WaitEPNS0_5MutexE"));
  __tsan_release(mutex);
  wait(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const wait = Library<bool(CondVar*, Mutex*, Duration)>(
      ABSL_SYMBOL("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE"));
  __tsan_release(mutex);
  const bool timed_out = wait(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const wait = Library<bool(CondVar*, Mutex*, Time)>(
      ABSL_SYMBOL("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE"));
  __tsan_release(mutex);
  const bool timed_out = wait(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl

namespace {

using grpc::internal::CallbackWithStatusTag;
using grpc::internal::CallbackWithSuccessTag;
using Functor = grpc_completion_queue_functor;
using Run = void (*)(Functor*, int);

// How gRPC runs a callback of each kind. Private there; an explicit instantiation may name it all
// the same.
Run RunOf(CallbackWithStatusTag*);
Run RunOf(CallbackWithSuccessTag*);
template <typename Tag, Run kRun>
struct Open {
  friend Run RunOf(Tag*) { return kRun; }
};
template struct Open<CallbackWithStatusTag, &CallbackWithStatusTag::StaticRun>;
template struct Open<CallbackWithSuccessTag, &CallbackWithSuccessTag::StaticRun>;

template <typename Tag>
void AcquireAndRun(Functor* functor, int ok) {
  __tsan_acquire(functor);
  RunOf(static_cast<Tag*>(nullptr))(functor, ok);
}

template <typename Tag>
void Watch(Functor* functor) {
  if (functor->functor_run == RunOf(static_cast<Tag*>(nullptr))) {
    functor->functor_run = AcquireAndRun<Tag>;
  }
}

// libgrpc++ has a copy of its own of the second, which it gives to the tag that tells of a call's
// end.
void WatchOfLibrary(Functor* functor) {
  static auto* const run = Library<void(Functor*, int)>(
      "_ZN4grpc8internal22CallbackWithSuccessTag9StaticRunEP29grpc_completion_queue_functori");
  if (functor->functor_run == run) {
    functor->functor_run = AcquireAndRun<CallbackWithSuccessTag>;
  }
}

}  // namespace

// Begins reads, writes and ends of calls. How gRPC takes them from this thread to the one that runs
// the callback is a matter of atomics. A tag of a queue that is polled is no functor; it begins
// with a pointer too, which is none of these.
grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t nops, void* tag,
                                      void* reserved) {
  static auto* const start = Library<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
  if (tag != nullptr) {
    auto* const functor = static_cast<Functor*>(tag);
    Watch<CallbackWithStatusTag>(functor);
    Watch<CallbackWithSuccessTag>(functor);
    WatchOfLibrary(functor);
    __tsan_release(functor);
  }
  return start(call, ops, nops, tag, reserved);
}

// Whoever gives back a call's last share ends it, and libgrpc++ gives back its own out of sight:
// what came before the other shares were given back came before this.
void grpc::internal::ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  static auto* const schedule = Library<void(ServerCallbackCall*, bool)>(
      "_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
  __tsan_acquire(&callbacks_outstanding_);
  schedule(this, inline_ondone);
}

namespace {

// A reactor's OnCancel, which libgrpc++ follows by giving back a share of the call.
class CancelOf final : public grpc::internal::ServerReactor {
 public:
  CancelOf(ServerReactor* reactor, void* shares) : reactor_(reactor), shares_(shares) {}
  void OnCancel() override {
    reactor_->OnCancel();
    __tsan_release(shares_);
    delete this;
  }
  void OnDone() override {}

 private:
  ServerReactor* const reactor_;
  void* const shares_;
};

}  // namespace

void grpc::internal::ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  static auto* const call = Library<void(ServerCallbackCall*, ServerReactor*)>(
      "_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE");
  call(this, new CancelOf(reactor, &callbacks_outstanding_));
}

// A server that shuts down waits until each call has given back its share of the server.
void grpc::Server::UnrefWithPossibleNotify() {
  static auto* const unref = Library<void(Server*)>("_ZN4grpc6Server23UnrefWithPossibleNotifyEv");
  __tsan_release(&shutdown_refs_outstanding_);
  unref(this);
}

void grpc::Server::UnrefAndWaitLocked() {
  static auto* const wait = Library<void(Server*)>("_ZN4grpc6Server18UnrefAndWaitLockedEv");
  wait(this);
  __tsan_acquire(&shutdown_refs_outstanding_);
}
