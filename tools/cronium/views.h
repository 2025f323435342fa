// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_VIEWS_H_
#define CRONIUM_TOOLS_CRONIUM_VIEWS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cronium/v1/audit_service.pb.h"
#include "cronium/v1/credential_service.pb.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/job_service.pb.h"
#include "cronium/v1/node_service.pb.h"
#include "cronium/v1/variable_service.pb.h"

// Jobs, nodes and variables as text for a person. Pure; `now` is what ages count to.
namespace cronium::cli {

// Why a job waits or how it ended, in a few words; empty for one that runs or succeeded.
std::string WhyOf(const v1::Job& job);

std::string JobsTable(const v1::ListJobsResponse& jobs, absl::Time now);
std::string JobDetails(const v1::GetJobResponse& response, absl::Time now);
// One line on a result, for stderr.
std::string ResultSummary(const v1::JobResult& result);

std::string NodesTable(const v1::ListNodesResponse& nodes, absl::Time now);
std::string NodeDetails(const v1::Node& node, absl::Time now);

std::string VariablesTable(const v1::ListVariablesResponse& variables, absl::Time now);

std::string CredentialsTable(const v1::ListCredentialsResponse& credentials, absl::Time now);
std::string CredentialDetails(const v1::Credential& credential, absl::Time now);
std::string AuditTable(const v1::ListAuditRecordsResponse& records);
// `smtp`.
std::string KindWord(v1::CredentialKind kind);

// A value as shells want it: a JSON string without its quotes and escapes, all else as the JSON
// text.
std::string RawValue(absl::string_view value_json);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_VIEWS_H_
