// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_capture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/logs/job_fifos.h"
#include "agent/logs/log_capture_impl.h"
#include "agent/logs/spool_probe.h"
#include "common/log.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

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

}  // namespace

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
  if (absl::Status fits = ProbeSpoolFolder(options_.spool_dir); !fits.ok()) return fits;
  control_.Reset(epoll_create1(EPOLL_CLOEXEC));
  all_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!control_.valid() || !all_.valid() || !wake_.valid() ||
      !Watch(control_, wake_.get(), EPOLLIN, &wake_) ||
      !Watch(all_, control_.get(), EPOLLIN, &control_)) {
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

bool LogCapture::Impl::HasSpool(const std::string& execution_id) const {
  return IsFolderName(execution_id) && access(Folder(execution_id).c_str(), F_OK) == 0;
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
  stats.rests_total = rests_total_;
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

// --- The interface
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
  if (options.max_rest < absl::ZeroDuration()) return invalid("max_rest must not be negative");
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
