// SPDX-License-Identifier: Apache-2.0
// The operations and ends of gRPC's calls. See tsan_sync.h.
#include <grpc/grpc.h>
#include <grpcpp/server.h>
#include <grpcpp/support/callback_common.h>
#include <grpcpp/support/server_callback.h>

#include "tools/sanitizers/tsan_sync.h"

CRONIUM_TSAN_SYNC(tsan_sync_grpc)

using cronium::LibraryFunction;

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
  static auto* const run = LibraryFunction<void(Functor*, int)>(
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
  static auto* const start =
      LibraryFunction<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
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
  static auto* const schedule = LibraryFunction<void(ServerCallbackCall*, bool)>(
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
  static auto* const call = LibraryFunction<void(ServerCallbackCall*, ServerReactor*)>(
      "_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE");
  call(this, new CancelOf(reactor, &callbacks_outstanding_));
}

// A server that shuts down waits until each call has given back its share of the server.
void grpc::Server::UnrefWithPossibleNotify() {
  static auto* const unref =
      LibraryFunction<void(Server*)>("_ZN4grpc6Server23UnrefWithPossibleNotifyEv");
  __tsan_release(&shutdown_refs_outstanding_);
  unref(this);
}

void grpc::Server::UnrefAndWaitLocked() {
  static auto* const wait = LibraryFunction<void(Server*)>("_ZN4grpc6Server18UnrefAndWaitLockedEv");
  wait(this);
  __tsan_acquire(&shutdown_refs_outstanding_);
}
