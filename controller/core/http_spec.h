// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_HTTP_SPEC_H_
#define CRONIUM_CONTROLLER_CORE_HTTP_SPEC_H_

#include "absl/strings/string_view.h"
#include "controller/core/spec_check.h"
#include "cronium/v1/job.pb.h"

// The part of a spec that is an HTTP job's.
namespace cronium::controller {

inline constexpr size_t kMaxHttpBodyBytes = 1 << 20;
inline constexpr int64_t kMaxHttpResponseBytes = 4 << 20;

// Checks spec.http against what job.proto says of it, and that fields which mean nothing to an HTTP
// job are unset: what would be ignored is refused.
void CheckHttp(const v1::JobSpec& spec, SpecCheck* check);

void FillHttpDefaults(v1::HttpSpec* http);

// Whether sending the request twice is as good as once.
bool IsRepeatable(const v1::HttpSpec& http);

// The body to send, whichever way it was given.
absl::string_view BodyOf(const v1::HttpSpec& http);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_HTTP_SPEC_H_
