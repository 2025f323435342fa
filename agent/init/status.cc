// SPDX-License-Identifier: Apache-2.0
#include "agent/init/status.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/init/fifo.h"

namespace cronium::agent::init {
namespace {

bool IsUtf8Continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string FormatStatusLine(std::string_view text) {
  size_t length = text.size();
  if (length > kMaxStatusLine - 1) {
    length = kMaxStatusLine - 1;
    while (length > 0 && IsUtf8Continuation(text[length])) --length;
  }
  std::string line(text.substr(0, length));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  line += '\n';
  return line;
}

std::string StatusWriter::Open(const std::string& path) { return OpenFifo(path, O_NONBLOCK, &fd_); }

void StatusWriter::Starting() { Write("starting"); }

void StatusWriter::Started(int64_t boottime_ns) { Write("started " + std::to_string(boottime_ns)); }

void StatusWriter::Warning(std::string_view word, std::string_view text) {
  Write("warning " + std::string(word) + " " + std::string(text));
}

void StatusWriter::Error(std::string_view word, std::string_view text) {
  Write("error " + std::string(word) + " " + std::string(text));
}

void StatusWriter::Relay(std::string_view address) { Write("relay " + std::string(address)); }

void StatusWriter::OomKilled(int64_t count) { Write("oom_killed " + std::to_string(count)); }

void StatusWriter::Ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    Write("ended signal " + std::to_string(WTERMSIG(wait_status)));
  } else {
    Write("ended exit " + std::to_string(WEXITSTATUS(wait_status)));
  }
}

void StatusWriter::Stopped() { Write("stopped"); }

void StatusWriter::LeaseEnded() { Write("lease_ended"); }

void StatusWriter::Drained() { Write("drained"); }

void StatusWriter::Write(std::string_view text) {
  if (!fd_.ok()) return;
  const std::string line = FormatStatusLine(text);
  // A full FIFO drops the line, as the class comment says.
  [[maybe_unused]] const ssize_t written = write(fd_.get(), line.data(), line.size());
}

}  // namespace cronium::agent::init
