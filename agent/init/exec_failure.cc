// SPDX-License-Identifier: Apache-2.0
#include "agent/init/exec_failure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {
namespace {

constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

// As much of a first line as the kernel itself looks at (BINPRM_BUF_SIZE).
constexpr size_t kFirstLineBytes = 256;

// The program that a first line of "#!program argument" names; empty where there is none.
std::string InterpreterOf(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char buffer[kFirstLineBytes];
  const ssize_t length = fd.ok() ? read(fd.get(), buffer, sizeof(buffer)) : 0;
  if (length <= 0) return "";
  std::string_view line(buffer, length);
  if (!line.starts_with("#!")) return "";
  line = line.substr(2, line.find('\n') - 2);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

ExecReport DescribeMissing(const std::string& program) {
  if (access(program.c_str(), F_OK) != 0) return {kNotFound, program + ": no such file"};
  std::string interpreter = InterpreterOf(program);
  if (interpreter.empty()) {
    return {kNotFound, program + ": the dynamic loader that it needs does not exist in this image"};
  }
  std::string hint;
  if (interpreter.back() == '\r') {
    interpreter.pop_back();
    hint = "; the line ends in a carriage return: save the script with Unix line ends";
  }
  return {kNotFound, program + ": the interpreter " + interpreter +
                         " named in its first line does not exist in this image" + hint};
}

}  // namespace

ExecReport DescribeExecFailure(const std::string& program, const ExecFailure& failure) {
  if (failure.through_shell && failure.error == ENOENT) {
    return {kNotFound, program + ": it has no #! line, and this image has no /bin/sh"};
  }
  switch (failure.error) {
    case ENOENT:
    case ENOTDIR:
      return DescribeMissing(program);
    case EACCES:
      return {kCannotRun, program + ": permission denied: it or its interpreter is not executable"};
    case ENOEXEC:
      return {kCannotRun, program + ": it is a program for another kind of machine"};
    case E2BIG:
      return {kCannotRun, program + ": its arguments and environment are too long together"};
    default:
      return {kCannotRun, program + ": " + strerror(failure.error)};
  }
}

}  // namespace cronium::agent::init
