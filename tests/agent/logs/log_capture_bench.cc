// SPDX-License-Identifier: Apache-2.0
// How fast output goes from FIFOs into the spool, and from there into messages. A child process
// writes as fast as it can; the log is read and acknowledged at the same time, so that the figures
// hold for ever rather than until the spool is full.
//
//   agent_logs_bench [MIB] [EXECUTIONS] [BYTES_PER_WRITE]
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "agent/logs/log_capture.h"
#include "agent/logs/log_sender.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/mutex.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

double CpuSeconds() {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Writes lines of 100 bytes, `write_bytes` of them at a time.
pid_t StartWriter(const std::string& fifo, int64_t bytes, size_t write_bytes) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int fd = open(fifo.c_str(), O_WRONLY);
  std::string block;
  while (block.size() < write_bytes) block += std::string(99, 'x') + "\n";
  while (bytes > 0) {
    if (!WriteAll(fd, block).ok()) _exit(1);
    bytes -= static_cast<int64_t>(block.size());
  }
  _exit(0);
}

int Main(int64_t bytes, int executions, size_t write_bytes) {
  TempFolder folder;
  std::vector<std::string> ids;
  std::vector<pid_t> writers;
  ids.reserve(executions);
  writers.reserve(executions);
  for (int i = 0; i < executions; ++i) {
    ids.push_back("exec_" + std::to_string(i));
    mkdir(folder.path(ids[i]).c_str(), 0755);
    if (!MakeJobFifos(folder.path(ids[i])).ok()) return 1;
  }
  // Before there is any thread. They wait in open until the capture opens.
  for (const std::string& id : ids) {
    writers.push_back(StartWriter(folder.path(id + "/stdout"), bytes / executions, write_bytes));
  }
  RealClock clock;
  auto created = LogCapture::Create({.spool_dir = folder.path("spool")}, &clock);
  if (!created.ok()) return 1;
  LogCapture* capture = created->get();

  Mutex mutex;
  CondVar wake;
  bool woken = false;
  bool done = false;
  LogSender sender({}, capture, [&] {
    MutexLock lock(&mutex);
    woken = true;
    wake.NotifyOne();
  });
  capture->SetDataListener([&sender](const std::string& id) { sender.OnData(id); });

  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  std::thread uploader([&] {
    sender.OnStreamOpen(1);
    int64_t messages = 0;
    for (;;) {
      const auto request = sender.NextBatch(RealClock().BoottimeNs());
      if (!request.has_value()) {
        MutexLock lock(&mutex);
        while (!woken && !done) wake.Wait(&mutex);
        if (!woken && done) break;
        woken = false;
        continue;
      }
      v1::UploadLogsResponse response;
      if (request->has_hello()) response.set_window_bytes(8 << 20);
      for (const auto& log : request->batch().logs()) {
        v1::LogAck* ack = response.add_acks();
        ack->set_execution_id(log.execution_id());
        uint64_t size = 0;
        for (const auto& chunk : log.chunks()) size += chunk.data().size();
        const auto& last = log.chunks(log.chunks_size() - 1);
        ack->set_durable_seq(last.first_seq() + last.entry_count() - 1);
        ack->set_bytes(size);
      }
      ++messages;
      sender.OnResponse(response);
    }
    std::printf("%lld messages\n", static_cast<long long>(messages));
  });
  for (const std::string& id : ids) {
    if (!capture->Open(id, folder.path(id), {}).ok()) return 1;
  }
  for (const pid_t writer : writers) waitpid(writer, nullptr, 0);
  for (const std::string& id : ids) {
    std::promise<uint64_t> drained;
    (void)capture->CloseWhenDrained(id, [&](uint64_t seq) { drained.set_value(seq); });
    drained.get_future().wait();
  }
  for (;;) {
    if (capture->Stats().spool_bytes == 0) break;
    std::this_thread::yield();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const LogCaptureStats stats = capture->Stats();
  std::printf("%.0f MiB/s, %.2f million lines/s, %.2f CPU cores, %.1f MiB, %lld blocked\n",
              stats.captured_bytes / seconds / (1 << 20), stats.captured_entries / seconds / 1e6,
              (CpuSeconds() - cpu) / seconds, stats.captured_bytes / double(1 << 20),
              static_cast<long long>(stats.blocked_total));
  {
    MutexLock lock(&mutex);
    done = true;
    wake.NotifyOne();
  }
  uploader.join();
  return 0;
}

}  // namespace
}  // namespace cronium::agent

int main(int argc, char** argv) {
  return cronium::agent::Main((argc > 1 ? atoll(argv[1]) : 1024) << 20,
                              argc > 2 ? atoi(argv[2]) : 1, argc > 3 ? atoll(argv[3]) : 65536);
}
