// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_capture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/logs/execution_spool.h"
#include "agent/logs/job_fifos.h"
#include "agent/logs/status_reader.h"
#include "common/fault.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/protocol_rules.h"
#include "common/thread_name.h"

namespace cronium::agent {
namespace {

constexpr int kStatus = 2;
constexpr const char* kFifoNames[] = {"stdout", "stderr", "status"};

// Whether id can be a folder's name.
bool IsFolderName(const std::string& id) {
  return !id.empty() && id.size() <= 128 && id[0] != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
         });
}

absl::Status NotOpen(const std::string& execution_id) {
  return absl::NotFoundError(absl::StrCat("the log of execution ", execution_id, " is not open"));
}

// Whether the folder's file system can do what the spool needs: splice into a file, and punch a
// hole in it.
absl::Status ProbeFileSystem(const std::string& folder) {
  std::string path = folder + "/.probe-XXXXXX";
  UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return ErrnoError(folder, "cannot make a file in it", errno);
  unlink(path.c_str());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(folder, "cannot make a pipe", errno);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const std::string page(8192, 'x');
  if (absl::Status status = WriteAll(writer.get(), page); !status.ok()) return status;
  loff_t offset = 0;
  if (splice(reader.get(), nullptr, file.get(), &offset, page.size(), SPLICE_F_MOVE) <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": its file system takes no splice: ", strerror(errno)));
  }
  if (!PunchHole(file.get(), folder, 0, 4096).ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder,
        ": its file system cannot punch holes; put the spool on ext4, xfs, btrfs or tmpfs"));
  }
  return absl::OkStatus();
}

}  // namespace

// The capture thread, and what it shares with callers.
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
  bool HasSpool(const std::string& execution_id) const {
    return IsFolderName(execution_id) && access(Folder(execution_id).c_str(), F_OK) == 0;
  }
  LogCaptureStats Stats() const;
  absl::StatusOr<LogState> State(const std::string& execution_id) const;
  std::shared_ptr<ExecutionSpool> Spool(const std::string& execution_id) const;
  void Acknowledge(const std::string& execution_id, uint64_t durable_seq);

 private:
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
  void RunRound();
  // How many came. timeout_ms as epoll_wait's.
  int TakeEvents(int timeout_ms);
  void WaitForEvents();
  void Announce(const Capture& capture);
  void MakeReady(Fifo* fifo);
  void MakeAllReady(Capture* capture);
  void Turn(Fifo* fifo);
  void TurnData(Fifo* fifo);
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
  UniqueFd epoll_;
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
  std::atomic<int> blocked_now_ = 0;
  std::atomic<int> failing_now_ = 0;

  std::thread thread_;
};

// --- Callers' side
// ---------------------------------------------------------------------------------------------------------

absl::Status LogCapture::Impl::Start() {
  if (absl::Status made = MakeDirectories(options_.spool_dir, 0700); !made.ok()) return made;
  const std::string lock_path = options_.spool_dir + "/.lock";
  lock_file_.Reset(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_file_.valid()) return ErrnoError(lock_path, "cannot open", errno);
  if (flock(lock_file_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.spool_dir, ": another agent is using this spool folder"));
  }
  if (absl::Status fits = ProbeFileSystem(options_.spool_dir); !fits.ok()) return fits;
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  if (!epoll_.valid() || !wake_.valid() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return ErrnoError(options_.spool_dir, "cannot set up the capture", errno);
  }
  if (!options_.inline_turns) thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

LogCapture::Impl::~Impl() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

LogCapture::Impl::CapturePtr LogCapture::Impl::Find(const std::string& execution_id) const {
  MutexLock lock(&mutex_);
  const auto found = captures_.find(execution_id);
  return found == captures_.end() ? nullptr : found->second;
}

std::shared_ptr<ExecutionSpool> LogCapture::Impl::Spool(const std::string& execution_id) const {
  const CapturePtr capture = Find(execution_id);
  return capture == nullptr ? nullptr : capture->spool;
}

void LogCapture::Impl::Send(Command command) {
  {
    MutexLock lock(&mutex_);
    commands_.push_back(std::move(command));
  }
  eventfd_write(wake_.get(), 1);
}

absl::Status LogCapture::Impl::Open(const std::string& execution_id, const std::string* run_dir,
                                    LogCallbacks callbacks) {
  if (!IsFolderName(execution_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("execution id ", execution_id, " cannot be a folder's name"));
  }
  MutexLock open_lock(&open_mutex_);
  if (Find(execution_id) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat("the log of execution ", execution_id, " is open already"));
  }
  const std::string folder = Folder(execution_id);
  if (run_dir == nullptr && access(folder.c_str(), F_OK) != 0) {
    return absl::NotFoundError(absl::StrCat(folder, ": there is no such spool"));
  }
  auto capture = std::make_shared<Capture>();
  capture->id = execution_id;
  capture->callbacks = std::move(callbacks);
  for (int kind : {0, 1, kStatus}) {
    capture->fifos[kind].capture = capture.get();
    capture->fifos[kind].kind = kind;
    if (run_dir == nullptr) continue;
    absl::StatusOr<UniqueFd> fd =
        OpenFifo(absl::StrCat(*run_dir, "/", kFifoNames[kind]), options_.fifo_bytes);
    if (!fd.ok()) return fd.status();
    capture->fifos[kind].fd = *std::move(fd);
  }
  absl::StatusOr<std::shared_ptr<ExecutionSpool>> spool = ExecutionSpool::Open(
      folder, absl::ToUnixNanos(clock_->Now()), options_.punch_step_bytes, &spool_bytes_,
      /*index_rest=*/run_dir != nullptr);
  if (!spool.ok()) return spool.status();
  capture->spool = *std::move(spool);
  absl::StatusOr<StatusReader> status = StatusReader::Open(folder + "/status");
  if (!status.ok()) return status.status();
  capture->status = *std::move(status);
  {
    MutexLock lock(&mutex_);
    captures_[execution_id] = capture;
  }
  Send({Command::Kind::kOpen, std::move(capture), nullptr});
  return absl::OkStatus();
}

absl::Status LogCapture::Impl::CloseWhenDrained(const std::string& execution_id,
                                                std::function<void(uint64_t)> done) {
  CapturePtr capture = Find(execution_id);
  if (capture == nullptr) return NotOpen(execution_id);
  Send({Command::Kind::kDrain, std::move(capture), std::move(done)});
  return absl::OkStatus();
}

absl::Status LogCapture::Impl::Remove(const std::string& execution_id) {
  if (!IsFolderName(execution_id)) return absl::OkStatus();
  CapturePtr capture;
  {
    MutexLock lock(&mutex_);
    const auto found = captures_.find(execution_id);
    if (found != captures_.end()) {
      capture = std::move(found->second);
      captures_.erase(found);
      removing_.insert(capture.get());
    }
  }
  if (const Capture* removed = capture.get(); removed != nullptr) {
    Send({Command::Kind::kRemove, std::move(capture), nullptr});
    if (options_.inline_turns) {
      RunCommands();
    } else if (std::this_thread::get_id() != thread_.get_id()) {
      MutexLock lock(&mutex_);
      while (removing_.contains(removed)) removed_.Wait(&mutex_);
    }
  }
  std::error_code error;
  std::filesystem::remove_all(Folder(execution_id), error);
  if (error) return ErrnoError(Folder(execution_id), "cannot delete the spool", error.value());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> LogCapture::Impl::ListSpooled() const {
  std::vector<std::string> ids;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(options_.spool_dir, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (IsFolderName(name) && entry->is_directory(error)) ids.push_back(std::move(name));
  }
  if (error) return ErrnoError(options_.spool_dir, "cannot list", error.value());
  std::sort(ids.begin(), ids.end());
  return ids;
}

LogCaptureStats LogCapture::Impl::Stats() const {
  LogCaptureStats stats;
  stats.captured_bytes = captured_bytes_;
  stats.captured_entries = captured_entries_;
  stats.acknowledged_entries = acknowledged_entries_;
  stats.blocked_total = blocked_total_;
  stats.errors_total = errors_total_;
  stats.blocked_executions = blocked_now_;
  stats.failing_executions = failing_now_;
  stats.spool_bytes = spool_bytes_;
  MutexLock lock(&mutex_);
  stats.executions = static_cast<int>(captures_.size());
  return stats;
}

absl::StatusOr<LogState> LogCapture::Impl::State(const std::string& execution_id) const {
  const CapturePtr capture = Find(execution_id);
  if (capture == nullptr) return NotOpen(execution_id);
  LogState state = capture->spool->State();
  state.blocked = capture->blocked;
  MutexLock lock(&capture->problem_mutex);
  state.problem = capture->problem;
  return state;
}

void LogCapture::Impl::Acknowledge(const std::string& execution_id, uint64_t durable_seq) {
  const CapturePtr capture = Find(execution_id);
  if (capture == nullptr) return;
  const uint64_t before = capture->spool->State().acknowledged_seq;
  RuleApplied(26);  // docs/protocol.md P26
  if (absl::Status status = capture->spool->Acknowledge(durable_seq); !status.ok()) {
    // The entries are safe elsewhere; what failed is to say so on this disk. The next
    // acknowledgement tries again.
    LogWarning("cannot free spooled output", {{"execution", execution_id}, {"error", status}});
    ++errors_total_;
  }
  acknowledged_entries_ += static_cast<int64_t>(capture->spool->State().acknowledged_seq - before);
  if (blocked_now_ > 0) Send({Command::Kind::kResume, nullptr, nullptr});
}

// --- The capture thread
// ----------------------------------------------------------------------------------------------------

void LogCapture::Impl::Run() {
  SetThreadName("log capture");
  while (RunCommands()) {
    RunRound();
    WaitForEvents();
  }
}

// Each FIFO that has something takes one turn.
void LogCapture::Impl::RunRound() {
  for (size_t left = ready_.size(); left > 0 && !ready_.empty(); --left) {
    Fifo* fifo = ready_.front();
    ready_.pop_front();
    fifo->ready = false;
    Turn(fifo);
  }
  RetryFailed();
}

bool LogCapture::Impl::Turn() {
  const bool events = TakeEvents(0) > 0;
  RunCommands();
  const bool work = events || !ready_.empty();
  RunRound();
  return work;
}

int64_t LogCapture::Impl::NextRetryNs() const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (const Capture* capture : failed_) next = std::min(next, *capture->retry_at_ns);
  return next;
}

bool LogCapture::Impl::RunCommands() {
  std::vector<Command> commands;
  {
    MutexLock lock(&mutex_);
    if (stopping_) return false;
    commands.swap(commands_);
  }
  for (Command& command : commands) {
    Capture* capture = command.capture.get();
    switch (command.kind) {
      case Command::Kind::kOpen:
        known_[capture] = command.capture;
        for (Fifo& fifo : capture->fifos) {
          if (!fifo.fd.valid()) continue;
          epoll_event event{};
          event.events = EPOLLIN | EPOLLET;
          event.data.ptr = &fifo;
          if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fifo.fd.get(), &event) != 0) {
            Fail(capture, ErrnoError(capture->id, "cannot watch its output", errno));
          }
        }
        if (capture->spool->last_seq() > capture->spool->State().acknowledged_seq) {
          Announce(*capture);
        }
        MakeAllReady(capture);
        // What the status file has from before.
        TurnStatus(&capture->fifos[kStatus]);
        break;
      case Command::Kind::kDrain:
        if (!known_.contains(capture)) break;
        capture->draining = true;
        capture->on_drained.push_back(std::move(command.on_drained));
        blocked_.erase(capture);
        if (capture->blocked.exchange(false)) --blocked_now_;
        MakeAllReady(capture);
        FinishIfDrained(capture);
        break;
      case Command::Kind::kRemove: {
        Detach(capture);
        command.capture
            .reset();  // What it held is free, and its bytes not counted, when Remove returns.
        MutexLock lock(&mutex_);
        removing_.erase(capture);
        removed_.NotifyAll();
        break;
      }
      case Command::Kind::kResume:
        ResumeBlocked();
        break;
    }
  }
  return true;
}

void LogCapture::Impl::WaitForEvents() {
  int timeout_ms = ready_.empty() ? -1 : 0;
  if (timeout_ms != 0) {
    for (const Capture* capture : failed_) {
      const int64_t left_ms = (*capture->retry_at_ns - clock_->BoottimeNs()) / 1'000'000 + 1;
      const int wait_ms = static_cast<int>(std::clamp<int64_t>(left_ms, 0, 60'000));
      timeout_ms = timeout_ms < 0 ? wait_ms : std::min(timeout_ms, wait_ms);
    }
  }
  TakeEvents(timeout_ms);
}

int LogCapture::Impl::TakeEvents(int timeout_ms) {
  epoll_event events[64];
  const int count = epoll_wait(epoll_.get(), events, 64, timeout_ms);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == nullptr) {
      eventfd_t ignored;
      eventfd_read(wake_.get(), &ignored);
    } else {
      MakeReady(static_cast<Fifo*>(events[i].data.ptr));
    }
  }
  return count;
}

void LogCapture::Impl::Announce(const Capture& capture) {
  if (listener_) listener_(capture.id);
}

void LogCapture::Impl::MakeReady(Fifo* fifo) {
  if (fifo->ready || !fifo->fd.valid()) return;
  fifo->ready = true;
  ready_.push_back(fifo);
}

void LogCapture::Impl::MakeAllReady(Capture* capture) {
  for (Fifo& fifo : capture->fifos) MakeReady(&fifo);
}

void LogCapture::Impl::Turn(Fifo* fifo) {
  if (!fifo->fd.valid()) return;
  if (fifo->kind == kStatus) {
    TurnStatus(fifo);
  } else {
    TurnData(fifo);
  }
  FinishIfDrained(fifo->capture);
}

// How much the execution may still take before it is at a limit.
int64_t LogCapture::Impl::Budget(const Capture& capture) const {
  const int64_t held = capture.spool->spool_bytes();
  return std::min(options_.max_execution_spool_bytes - held,
                  std::max(options_.max_spool_bytes - spool_bytes_,
                           options_.reserved_execution_spool_bytes - held));
}

void LogCapture::Impl::TurnData(Fifo* fifo) {
  Capture* capture = fifo->capture;
  // While the disk fails, or a limit is reached, the bytes stay in the pipe and the job waits.
  if (capture->retry_at_ns.has_value()) return;
  int64_t quota = static_cast<int64_t>(options_.turn_bytes);
  if (!capture->draining) quota = std::min(quota, Budget(*capture));
  if (quota <= 0) {
    if (Index(capture, fifo->kind, /*more=*/false)) Block(capture);
    return;
  }
  const absl::StatusOr<size_t> taken = capture->spool->Take(fifo->kind, fifo->fd.get(), quota);
  if (!taken.ok()) {
    Fail(capture, taken.status());
    return;
  }
  FaultOn("agent.logs.taken");
  int waiting = 0;
  if (*taken > 0) {
    captured_bytes_ += static_cast<int64_t>(*taken);
    ioctl(fifo->fd.get(), FIONREAD, &waiting);
  }
  if (!Index(capture, fifo->kind, /*more=*/waiting > 0)) return;
  // Edge-triggered: it is done only once it was seen empty, here or by a turn that takes nothing.
  if (waiting > 0) MakeReady(fifo);
}

// Indexes what was taken and tells who listens. False where that failed.
bool LogCapture::Impl::Index(Capture* capture, int stream, bool more) {
  const absl::StatusOr<int64_t> entries =
      capture->spool->Index(stream, more, absl::ToUnixNanos(clock_->Now()));
  if (!entries.ok()) {
    Fail(capture, entries.status());
    return false;
  }
  if (*entries == 0) return true;
  FaultOn("agent.logs.indexed");
  captured_entries_ += *entries;
  if (!capture->spool->discarded()) {
    Announce(*capture);
  } else if (absl::Status status = capture->spool->Acknowledge(capture->spool->last_seq());
             !status.ok()) {
    Fail(capture, status);
    return false;
  }
  return true;
}

void LogCapture::Impl::TurnStatus(Fifo* fifo) {
  Capture* capture = fifo->capture;
  const absl::StatusOr<std::vector<StatusEvent>> events =
      capture->status->Take(fifo->fd.valid() ? fifo->fd.get() : -1);
  if (!events.ok()) {
    Fail(capture, events.status());
    return;
  }
  // Edge-triggered: what was not read now would wait for the next that is written.
  int waiting = 0;
  if (fifo->fd.valid() && ioctl(fifo->fd.get(), FIONREAD, &waiting) == 0 && waiting > 0) {
    MakeReady(fifo);
  }
  if (!events->empty()) FaultOn("agent.status.taken");
  if (!capture->callbacks.on_status) return;
  for (const StatusEvent& event : *events) capture->callbacks.on_status(event);
}

void LogCapture::Impl::Block(Capture* capture) {
  if (!blocked_.insert(capture).second) return;
  capture->blocked = true;
  ++blocked_now_;
  ++blocked_total_;
  // An acknowledgement that came just before this saw nobody to resume.
  ResumeBlocked();
}

void LogCapture::Impl::ResumeBlocked() {
  // Not for a trickle: a turn that takes little costs as much as one that takes all.
  const int64_t worth = std::min<int64_t>(static_cast<int64_t>(options_.turn_bytes),
                                          options_.max_execution_spool_bytes / 4);
  for (auto next = blocked_.begin(); next != blocked_.end();) {
    Capture* capture = *next;
    const int64_t wanted =
        std::min(worth, std::max<int64_t>(1, options_.reserved_execution_spool_bytes));
    if (Budget(*capture) < wanted) {
      ++next;
      continue;
    }
    next = blocked_.erase(next);
    capture->blocked = false;
    --blocked_now_;
    MakeAllReady(capture);
  }
}

void LogCapture::Impl::Fail(Capture* capture, const absl::Status& problem) {
  ++errors_total_;
  capture->retry_at_ns = clock_->BoottimeNs() + absl::ToInt64Nanoseconds(options_.retry_delay);
  failed_.insert(capture);
  if (capture->failing.exchange(true)) return;
  ++failing_now_;
  {
    MutexLock lock(&capture->problem_mutex);
    capture->problem = problem;
  }
  LogError("cannot spool a job's output; the job waits",
           {{"execution", capture->id}, {"error", problem}});
  if (capture->callbacks.on_problem) capture->callbacks.on_problem(problem);
}

void LogCapture::Impl::Recover(Capture* capture) {
  capture->failing = false;
  --failing_now_;
  {
    MutexLock lock(&capture->problem_mutex);
    capture->problem = absl::OkStatus();
  }
  LogInfo("a job's output is spooled again", {{"execution", capture->id}});
  if (capture->callbacks.on_problem) capture->callbacks.on_problem(absl::OkStatus());
}

void LogCapture::Impl::RetryFailed() {
  if (failed_.empty()) return;
  const int64_t now = clock_->BoottimeNs();
  const std::vector<Capture*> failed(failed_.begin(), failed_.end());
  for (Capture* capture : failed) {
    if (*capture->retry_at_ns > now) continue;
    capture->retry_at_ns.reset();
    failed_.erase(capture);
    // What was taken before the error, then a turn of each FIFO: it has recovered if all of that
    // works.
    if (!Index(capture, 0, /*more=*/false) || !Index(capture, 1, /*more=*/false)) continue;
    for (Fifo& fifo : capture->fifos) Turn(&fifo);
    if (!capture->retry_at_ns.has_value()) Recover(capture);
    FinishIfDrained(capture);
  }
}

void LogCapture::Impl::FinishIfDrained(Capture* capture) {
  if (!capture->draining || capture->on_drained.empty() || capture->retry_at_ns.has_value()) return;
  // All were made ready when draining began: one that is not any more was seen empty since.
  for (const int kind : {0, 1}) {
    if (capture->fifos[kind].ready || capture->spool->HasUnindexed(kind)) return;
  }
  TurnStatus(&capture->fifos[kStatus]);
  if (capture->retry_at_ns.has_value()) return;
  CloseFifos(capture);
  const auto callbacks = std::exchange(capture->on_drained, {});
  for (const auto& done : callbacks) {
    if (done) done(capture->spool->last_seq());
  }
}

void LogCapture::Impl::CloseFifos(Capture* capture) {
  for (Fifo& fifo : capture->fifos) {
    if (fifo.ready) ready_.erase(std::find(ready_.begin(), ready_.end(), &fifo));
    fifo.ready = false;
    fifo.fd.Reset();  // Takes it out of the epoll set too.
  }
}

void LogCapture::Impl::Detach(Capture* capture) {
  CloseFifos(capture);
  if (blocked_.erase(capture) > 0) --blocked_now_;
  failed_.erase(capture);
  if (capture->failing.exchange(false)) --failing_now_;
  known_.erase(capture);
}

// --- LogCapture
// ------------------------------------------------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<LogCapture>> LogCapture::Create(const LogCaptureOptions& options,
                                                               const Clock* clock) {
  const auto invalid = [](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("log capture: ", what));
  };
  if (!absl::StartsWith(options.spool_dir, "/")) return invalid("spool_dir must be absolute");
  if (options.max_execution_spool_bytes < (1 << 16)) {
    return invalid("max_execution_spool_bytes must be at least 65536");
  }
  if (options.max_spool_bytes < options.max_execution_spool_bytes) {
    return invalid("max_spool_bytes must be at least max_execution_spool_bytes");
  }
  if (options.reserved_execution_spool_bytes < 0) {
    return invalid("reserved_execution_spool_bytes must not be negative");
  }
  if (options.turn_bytes < 4096) return invalid("turn_bytes must be at least 4096");
  if (options.punch_step_bytes < 4096) return invalid("punch_step_bytes must be at least 4096");
  if (options.retry_delay < absl::Milliseconds(1)) {
    return invalid("retry_delay must be at least 1 ms");
  }
  auto impl = std::make_unique<Impl>(options, clock);
  if (absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<LogCapture>(new LogCapture(std::move(impl)));
}

LogCapture::LogCapture(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogCapture::~LogCapture() = default;

bool LogCapture::Turn() { return impl_->Turn(); }
int64_t LogCapture::NextRetryNs() const { return impl_->NextRetryNs(); }

void LogCapture::SetDataListener(DataListener listener) {
  impl_->SetDataListener(std::move(listener));
}

absl::Status LogCapture::Open(const std::string& execution_id, const std::string& run_dir,
                              LogCallbacks callbacks) {
  return impl_->Open(execution_id, &run_dir, std::move(callbacks));
}

absl::Status LogCapture::OpenSpoolOnly(const std::string& execution_id) {
  return impl_->Open(execution_id, nullptr, {});
}

bool LogCapture::HasSpool(const std::string& execution_id) const {
  return impl_->HasSpool(execution_id);
}

absl::Status LogCapture::CloseWhenDrained(const std::string& execution_id,
                                          std::function<void(uint64_t last_seq)> done) {
  return impl_->CloseWhenDrained(execution_id, std::move(done));
}

absl::Status LogCapture::Remove(const std::string& execution_id) {
  return impl_->Remove(execution_id);
}

absl::StatusOr<std::vector<std::string>> LogCapture::ListSpooled() const {
  return impl_->ListSpooled();
}

LogCaptureStats LogCapture::Stats() const { return impl_->Stats(); }

absl::StatusOr<LogState> LogCapture::State(const std::string& execution_id) const {
  return impl_->State(execution_id);
}

absl::StatusOr<std::vector<v1::LogChunk>> LogCapture::Read(const std::string& execution_id,
                                                           uint64_t after_seq,
                                                           size_t max_bytes) const {
  const std::shared_ptr<ExecutionSpool> spool = impl_->Spool(execution_id);
  if (spool == nullptr) return NotOpen(execution_id);
  return spool->Read(after_seq, max_bytes);
}

void LogCapture::Acknowledge(const std::string& execution_id, uint64_t durable_seq) {
  impl_->Acknowledge(execution_id, durable_seq);
}

void LogCapture::Discard(const std::string& execution_id) {
  const std::shared_ptr<ExecutionSpool> spool = impl_->Spool(execution_id);
  if (spool == nullptr) return;
  // In this order: what is published in between is acknowledged by one or the other.
  spool->Discard();
  impl_->Acknowledge(execution_id, spool->last_seq());
}

}  // namespace cronium::agent
