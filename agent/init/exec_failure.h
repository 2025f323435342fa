// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_EXEC_FAILURE_H_
#define CRONIUM_AGENT_INIT_EXEC_FAILURE_H_

#include <string>

namespace cronium::agent::init {

// What a child that could not become the job's program sends its parent. Written whole through a
// pipe, so it is plain bytes.
struct ExecFailure {
  // The program had no format of its own, and this is what running it with /bin/sh failed with.
  bool through_shell = false;
  int error = 0;  // errno
};

// Why `program` did not start, for the author of the script, and the code a shell would exit with:
// 127 for what is not there, 126 for what cannot be run.
struct ExecReport {
  int exit_code = 126;
  std::string text;
};

// `program` is a path. Opens the file to see what its first line asks for.
ExecReport DescribeExecFailure(const std::string& program, const ExecFailure& failure);

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_EXEC_FAILURE_H_
