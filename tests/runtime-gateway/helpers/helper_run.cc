// SPDX-License-Identifier: Apache-2.0
#include "helper_run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace cronium::gateway::helpers {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  int ends[2];
};

std::string ReadToEnd(int fd) {
  std::string text;
  char buffer[65536];
  ssize_t length = 0;
  while ((length = read(fd, buffer, sizeof(buffer))) > 0) text.append(buffer, length);
  close(fd);
  return text;
}

void WriteAll(int fd, const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t length = write(fd, text.data() + written, text.size() - written);
    if (length <= 0) break;  // it reads no further
    written += length;
  }
  close(fd);
}

std::vector<char*> Pointers(std::vector<std::string>* words) {
  std::vector<char*> pointers;
  for (std::string& word : *words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

RunResult RunProgram(const std::vector<std::string>& words,
                     const std::map<std::string, std::string>& environment,
                     const std::string& input) {
  signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> argv_words = words;
  std::vector<std::string> envp_words;
  envp_words.reserve(environment.size());
  for (const auto& [name, value] : environment)
    envp_words.emplace_back(name).append("=").append(value);
  const std::vector<char*> argv = Pointers(&argv_words);
  const std::vector<char*> envp = Pointers(&envp_words);
  const Pipe in;
  const Pipe out;
  const Pipe err;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(in.ends[0], STDIN_FILENO);
    dup2(out.ends[1], STDOUT_FILENO);
    dup2(err.ends[1], STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execve(argv[0], argv.data(), envp.data());
    _exit(99);
  }
  close(in.ends[0]);
  close(out.ends[1]);
  close(err.ends[1]);
  RunResult result;
  std::thread writer([&] { WriteAll(in.ends[1], input); });
  std::thread reader([&] { result.err = ReadToEnd(err.ends[0]); });
  result.out = ReadToEnd(out.ends[0]);
  reader.join();
  writer.join();
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return result;
}

TempFolder::TempFolder() {
  path_ = testing::TempDir() + "helpers-XXXXXX";
  EXPECT_NE(mkdtemp(path_.data()), nullptr);
}

TempFolder::~TempFolder() { std::filesystem::remove_all(path_); }

}  // namespace cronium::gateway::helpers
