// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_LOG_CAPTURE_H_
#define CRONIUM_AGENT_LOGS_LOG_CAPTURE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/logs/log_source.h"
#include "agent/logs/status_event.h"
#include "common/clock.h"

namespace cronium::agent {

struct LogCaptureOptions {
  // Made where it is missing. One capture at a time may use it. Its file system must be able to
  // punch holes (ext4, xfs, btrfs, tmpfs).
  std::string spool_dir;
  // Captured and not acknowledged, of one execution and of all. At a limit FIFOs are not read, so
  // that the jobs block.
  int64_t max_execution_spool_bytes = 256 << 20;
  int64_t max_spool_bytes = int64_t{2} << 30;
  // What an execution may hold although max_spool_bytes is reached, so that a few floods do not
  // stop the quiet ones.
  int64_t reserved_execution_spool_bytes = 1 << 20;
  // Taken from one FIFO before the next has its turn.
  size_t turn_bytes = 256 * 1024;
  // A turn that took less than small_turn_bytes is a small one. Many small turns cost what they
  // are, and not what they take: for each one of a round beyond free_small_turns the FIFOs rest for
  // small_turn_rest, in all at most max_rest, so that the next round takes more from each. A rest
  // ends with whatever a caller asks or a status FIFO says; while a FIFO has more there is none.
  size_t small_turn_bytes = 16 * 1024;
  int free_small_turns = 8;
  absl::Duration small_turn_rest = absl::Microseconds(300);
  absl::Duration max_rest = absl::Milliseconds(20);
  // Acknowledged space is given back to the file system in steps of this.
  int64_t punch_step_bytes = 1 << 20;
  // Wanted size of a FIFO's buffer; what the kernel allows where it refuses.
  int fifo_bytes = 1 << 20;
  // How long after a failed write to the spool it is tried again.
  absl::Duration retry_delay = absl::Seconds(1);
  // No thread of its own: Turn does the work, on the one thread that calls the capture.
  bool inline_turns = false;
};

// Per execution; each may be null. Called on the capture thread: be quick, and do not call back
// into the capture.
struct LogCallbacks {
  // Lines of the status FIFO. After a restart those already seen come again, first.
  std::function<void(const StatusEvent&)> on_status;
  // The spool cannot be written (not OK), or can again (OK).
  std::function<void(const absl::Status&)> on_problem;
};

// Counters since start, and gauges.
struct LogCaptureStats {
  int64_t captured_bytes = 0;
  int64_t captured_entries = 0;
  int64_t acknowledged_entries = 0;
  // Times that an execution reached a limit.
  int64_t blocked_total = 0;
  // Failed writes to the spool.
  int64_t errors_total = 0;
  // Rests after rounds of many small turns.
  int64_t rests_total = 0;
  int executions = 0;
  int blocked_executions = 0;
  int failing_executions = 0;
  int64_t spool_bytes = 0;
};

// Makes <run_dir>/stdout, stderr and status: FIFOs of mode 0666, whatever the umask. run_dir must
// exist. OK where they are there.
absl::Status MakeJobFifos(const std::string& run_dir);

// Takes the output of all executions of this host from their FIFOs into the spool, where it can be
// read until it is acknowledged.
//
//   job --FIFO--> splice --> <spool_dir>/<execution_id>/stdout, stderr     bytes as they came
//                            <spool_dir>/<execution_id>/index              what entries they are,
//                            numbered over both streams <spool_dir>/<execution_id>/status what
//                            cronium-init said
//
// Bytes move from pipe to file inside the kernel, so that there is no moment at which a killed
// agent has taken bytes that are not in the file. What is in the file and not in the index (killed
// in between) is indexed when the execution is opened again. An entry's number and bounds are in
// the index before anyone can read it, and never change.
//
// Files are not synced: after a crash of the host the containers are gone too, and their executions
// lost.
//
// One thread owns all FIFOs. Thread-safe; calls never wait for a job, only for the local disk.
class LogCapture : public LogSource {
 public:
  // Called on the capture thread when an execution has something new to read; may be called more
  // often.
  using DataListener = std::function<void(const std::string& execution_id)>;

  // INVALID_ARGUMENT names the option. FAILED_PRECONDITION where the folder is in use or cannot
  // punch holes. `clock` must outlive the capture.
  static absl::StatusOr<std::unique_ptr<LogCapture>> Create(const LogCaptureOptions& options,
                                                            const Clock* clock);
  // Stops capturing. What is in the FIFOs and the spool stays; callbacks are over when it returns,
  // and CloseWhenDrained calls that were not done yet are dropped.
  ~LogCapture() override;

  // With inline_turns: handles what was asked and what the FIFOs hold now, without waiting. False
  // where there was nothing. NextRetryNs is when to call it again after a failed write; the largest
  // int64 for never.
  bool Turn();
  int64_t NextRetryNs() const;

  // Set it before the first Open.
  void SetDataListener(DataListener listener);

  // Begins to capture, or goes on where the agent left off when it died: the same call does both.
  // The FIFOs of run_dir must exist; call it before the container starts, so that nothing waits.
  // What is not acknowledged is announced to the DataListener. ALREADY_EXISTS where it is open; an
  // error of the disk; DATA_LOSS where the spool is not what we wrote.
  absl::Status Open(const std::string& execution_id, const std::string& run_dir,
                    LogCallbacks callbacks);

  // The same for an execution whose container ended and whose FIFOs were read to their end: only
  // what is in the index, which was all. After a crash of the host there may be bytes beyond it:
  // they had numbers, and may have been sent with them, and would get others now. NOT_FOUND where
  // there is no spool of it.
  absl::Status OpenSpoolOnly(const std::string& execution_id);

  // Whether there is a spool of it, open or not.
  bool HasSpool(const std::string& execution_id) const;

  // Call it once the container has ended: takes what the FIFOs still hold (limits set aside: it is
  // at most their buffers), closes them, and then calls done with the log's last seq, on the
  // capture thread. While the spool cannot be written, it waits. NOT_FOUND where the execution is
  // not open; done is then not called. At once where the FIFOs are closed already.
  absl::Status CloseWhenDrained(const std::string& execution_id,
                                std::function<void(uint64_t last_seq)> done);

  // Closes the execution and deletes its spool. OK where there is none. Its callbacks are over when
  // it returns, unless called from one of them.
  absl::Status Remove(const std::string& execution_id);

  // Executions that have a spool folder, open or not: what a restarted agent compares with its
  // journal.
  absl::StatusOr<std::vector<std::string>> ListSpooled() const;

  LogCaptureStats Stats() const;

  // LogSource:
  absl::StatusOr<LogState> State(const std::string& execution_id) const override;
  absl::StatusOr<std::vector<v1::LogChunk>> Read(const std::string& execution_id,
                                                 uint64_t after_seq,
                                                 size_t max_bytes) const override;
  void Acknowledge(const std::string& execution_id, uint64_t durable_seq) override;
  void Discard(const std::string& execution_id) override;

 private:
  class Impl;
  explicit LogCapture(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_LOG_CAPTURE_H_
