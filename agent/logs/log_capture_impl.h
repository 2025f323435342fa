// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_LOG_CAPTURE_IMPL_H_
#define CRONIUM_AGENT_LOGS_LOG_CAPTURE_IMPL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "agent/logs/execution_spool.h"
#include "agent/logs/log_capture.h"
#include "agent/logs/status_reader.h"
#include "common/file.h"
#include "common/mutex.h"

namespace cronium::agent {

// The capture thread (log_capture_thread.cc), and what it shares with callers (log_capture.cc).
class LogCapture::Impl {
 public:
  Impl(const LogCaptureOptions& options, const Clock* clock) : options_(options), clock_(clock) {}
  ~Impl();
  absl::Status Start();
  bool Turn();
  int64_t NextRetryNs() const;

  void SetDataListener(DataListener listener) { listener_ = std::move(listener); }
  absl::Status Open(const std::string& execution_id, const std::string* run_dir,
                    LogCallbacks callbacks);
  absl::Status CloseWhenDrained(const std::string& execution_id,
                                std::function<void(uint64_t)> done);
  absl::Status Remove(const std::string& execution_id);
  absl::StatusOr<std::vector<std::string>> ListSpooled() const;
  bool HasSpool(const std::string& execution_id) const;
  LogCaptureStats Stats() const;
  absl::StatusOr<LogState> State(const std::string& execution_id) const;
  std::shared_ptr<ExecutionSpool> Spool(const std::string& execution_id) const;
  void Acknowledge(const std::string& execution_id, uint64_t durable_seq);

 private:
  // Fifo::kind of the third.
  static constexpr int kStatus = 2;
  struct Capture;
  struct Fifo {
    Capture* capture = nullptr;
    int kind = 0;  // 0 stdout, 1 stderr, 2 status.
    UniqueFd fd;
    // Is in ready_.
    bool ready = false;
  };
  // One open execution. The first block never changes; the rest is the thread's own but for the
  // atomics.
  struct Capture {
    std::string id;
    LogCallbacks callbacks;
    std::shared_ptr<ExecutionSpool> spool;

    std::optional<StatusReader> status;
    Fifo fifos[3];
    bool draining = false;
    // Is in news_.
    bool news = false;
    std::vector<std::function<void(uint64_t)>> on_drained;
    // When to try again after an error of the disk.
    std::optional<int64_t> retry_at_ns;

    std::atomic<bool> blocked = false;
    std::atomic<bool> failing = false;
    Mutex problem_mutex;
    absl::Status problem ABSL_GUARDED_BY(problem_mutex);
  };
  using CapturePtr = std::shared_ptr<Capture>;
  struct Command {
    enum class Kind { kOpen, kDrain, kRemove, kResume } kind;
    CapturePtr capture;
    std::function<void(uint64_t)> on_drained;
  };

  CapturePtr Find(const std::string& execution_id) const;
  void Send(Command command);
  std::string Folder(const std::string& execution_id) const {
    return options_.spool_dir + "/" + execution_id;
  }

  // --- The thread's ---
  void Run();
  bool RunCommands();  // False: stop.
  // How many of its turns were small.
  int RunRound();
  bool Rest(int small_turns);
  // Of one epoll set: how many came. timeout_ms as epoll_wait's.
  int TakeEvents(const UniqueFd& epoll, int timeout_ms);
  void WaitForEvents();
  // `data` is what TakeEvents gets. False with errno.
  static bool Watch(const UniqueFd& epoll, int fd, uint32_t events, void* data);
  void AnnounceNews();
  void AddNews(Capture* capture);
  void MakeReady(Fifo* fifo);
  void MakeAllReady(Capture* capture);
  // Whether it was a small one.
  bool Turn(Fifo* fifo);
  bool TurnData(Fifo* fifo);
  void TurnStatus(Fifo* fifo);
  int64_t Budget(const Capture& capture) const;
  void Block(Capture* capture);
  void ResumeBlocked();
  void Fail(Capture* capture, const absl::Status& problem);
  void Recover(Capture* capture);
  void RetryFailed();
  bool Index(Capture* capture, int stream, bool more);
  void FinishIfDrained(Capture* capture);
  void CloseFifos(Capture* capture);
  void Detach(Capture* capture);

  const LogCaptureOptions options_;
  const Clock* const clock_;
  DataListener listener_;
  UniqueFd lock_file_;
  // What ends a rest: wake_, with which callers say that there are commands, and the status FIFOs.
  UniqueFd control_;
  // Those (as one member) and the FIFOs of output.
  UniqueFd all_;
  UniqueFd wake_;

  // One Open at a time, so that two of one execution do not make its spool together.
  Mutex open_mutex_;

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(open_mutex_);
  CondVar removed_;
  absl::flat_hash_map<std::string, CapturePtr> captures_ ABSL_GUARDED_BY(mutex_);
  std::vector<Command> commands_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Taken out of captures_ and not yet let go of by the thread.
  absl::flat_hash_set<const Capture*> removing_ ABSL_GUARDED_BY(mutex_);

  std::deque<Fifo*> ready_;
  // Have something new that the listener was not told of, in order.
  std::vector<Capture*> news_;
  // In one order, so that a simulation repeats itself.
  struct ById {
    bool operator()(const Capture* a, const Capture* b) const { return a->id < b->id; }
  };
  absl::btree_set<Capture*, ById> blocked_;
  absl::btree_set<Capture*, ById> failed_;
  // Keeps alive what the thread knows.
  absl::flat_hash_map<Capture*, CapturePtr> known_;

  std::atomic<int64_t> spool_bytes_ = 0;
  std::atomic<int64_t> captured_bytes_ = 0;
  std::atomic<int64_t> captured_entries_ = 0;
  std::atomic<int64_t> acknowledged_entries_ = 0;
  std::atomic<int64_t> blocked_total_ = 0;
  std::atomic<int64_t> errors_total_ = 0;
  std::atomic<int64_t> rests_total_ = 0;
  std::atomic<int> blocked_now_ = 0;
  std::atomic<int> failing_now_ = 0;

  std::thread thread_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_LOG_CAPTURE_IMPL_H_
