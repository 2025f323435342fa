// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/execution/fake_init.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <thread>

#include "absl/strings/str_cat.h"

namespace cronium::agent {
namespace {

UniqueFd OpenFifo(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  EXPECT_TRUE(fd.valid()) << path;
  return fd;
}

int Unread(const UniqueFd& fd) {
  int bytes = 0;
  EXPECT_EQ(ioctl(fd.get(), FIONREAD, &bytes), 0);
  return bytes;
}

void Write(const UniqueFd& fd, absl::string_view text) {
  EXPECT_TRUE(WriteAll(fd.get(), text).ok());
}

// As the job's own descriptor: waits while the FIFO is full.
void WriteBlocking(const std::string& path, absl::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  Write(fd, text);
}

}  // namespace

void FakeInit::Attach(FakeRuntime* runtime) {
  MutexLock lock(&mutex_);
  runtime_ = runtime;
  runtime->OnStart([this](const ContainerConfig& config) { Start(config); });
}

void FakeInit::Start(const ContainerConfig& config) {
  std::string folder;
  for (const BindMount& bind : config.binds) {
    if (bind.target == "/run/cronium/job") folder = bind.source;
  }
  Job job{folder, OpenFifo(folder + "/stdout"), OpenFifo(folder + "/stderr"),
          OpenFifo(folder + "/status")};
  Write(job.status, "starting\nstarted 1\n");
  MutexLock lock(&mutex_);
  jobs_[config.name] = std::move(job);
  started_.NotifyAll();
}

FakeInit::Job* FakeInit::Find(const std::string& id) {
  while (jobs_.count(id) == 0) started_.Wait(&mutex_);
  return &jobs_[id];
}

void FakeInit::Print(const std::string& id, absl::string_view text) {
  std::string folder;
  {
    MutexLock lock(&mutex_);
    folder = Find(id)->folder;
  }
  WriteBlocking(folder + "/stdout", text);
}

void FakeInit::Say(const std::string& id, absl::string_view line) {
  MutexLock lock(&mutex_);
  Write(Find(id)->status, absl::StrCat(line, "\n"));
}

void FakeInit::EndScript(const std::string& id, int exit_code) {
  MutexLock lock(&mutex_);
  Job* job = Find(id);
  Write(job->status, absl::StrCat("ended exit ", exit_code, "\n"));
  // A FIFO has no event for this, which is why the real one polls, too.
  while (Unread(job->out) > 0 || Unread(job->err) > 0) std::this_thread::yield();
  Write(job->status, "drained\n");
}

void FakeInit::End(const std::string& id, int exit_code) {
  EndScript(id, exit_code);
  MutexLock lock(&mutex_);
  while (Unread(Find(id)->status) > 0) std::this_thread::yield();
  jobs_.erase(id);
  EXPECT_TRUE(runtime_->Exit(id, {.exit_code = exit_code})) << id;
}

}  // namespace cronium::agent
