// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_RESULT_H_
#define CRONIUM_CONTROLLER_CORE_RESULT_H_

#include <string>

#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// An output of either shape as one text for a person: the string itself, or stdout and, where
// stderr is not empty, a line
// `--- STDERR ---` and stderr. The line begins at a line's start. Bytes that are not UTF-8 become
// U+FFFD.
std::string RenderOutput(const v1::CompletionOutput& output);

// The record of an ended job. `execution` is its last attempt; an empty one where it never had any.
v1::JobResult MakeJobResult(const v1::Job& job, const v1::Execution& execution,
                            v1::CompletionOutput output, bool output_truncated);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_RESULT_H_
