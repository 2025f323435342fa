// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_STORE_MESSAGES_H_
#define CRONIUM_TESTS_CONTROLLER_STORE_MESSAGES_H_

#include <gmock/gmock.h>

#include <string>

#include "common/error.h"
#include "controller/core/store.h"

// What the conformance suites write, and how they tell why a change was refused.
namespace cronium::controller {

inline constexpr int64_t kSecond = 1'000'000'000;

inline v1::Job MakeJob(const std::string& id, int64_t create_time_ns = 0,
                       const std::string& name_space = "default") {
  v1::Job job;
  job.set_id(id);
  job.set_namespace_(name_space);
  job.set_state(v1::JOB_STATE_QUEUED);
  job.mutable_create_time()->set_seconds(create_time_ns / kSecond);
  job.mutable_create_time()->set_nanos(static_cast<int>(create_time_ns % kSecond));
  job.mutable_spec()->mutable_container()->set_image("cronium/bash");
  job.mutable_spec()->mutable_container()->mutable_script()->set_content("echo \xc3\xa9\n");
  return job;
}

inline v1::Execution MakeExecution(const std::string& id, const std::string& job_id,
                                   int attempt = 1) {
  v1::Execution execution;
  execution.set_id(id);
  execution.set_job_id(job_id);
  execution.set_namespace_("default");
  execution.set_node("web-1");
  execution.set_attempt(attempt);
  execution.set_state(v1::EXECUTION_STATE_ASSIGNED);
  return execution;
}

inline SetVariable MakeSet(const std::string& key, const std::string& value,
                           const std::string& expected_etag = "") {
  SetVariable set;
  set.variable.set_namespace_("default");
  set.variable.set_key(key);
  set.variable.set_value_json(value);
  set.variable.set_updater("token-a");
  set.variable.mutable_update_time()->set_seconds(7);
  set.expected_etag = expected_etag;
  return set;
}

MATCHER_P2(FailsWith, code, reason, "") {
  const absl::Status& status = arg.status();
  *result_listener << status.ToString();
  return status.code() == code && ErrorReason(status) == reason;
}

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_STORE_MESSAGES_H_
