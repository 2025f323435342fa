// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/views.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tools/cronium/exit_code.h"
#include "tools/cronium/format.h"
#include "tools/cronium/table.h"

namespace cronium::cli {
namespace {

// Longest value that a table of variables shows.
constexpr size_t kShownValueBytes = 60;

std::string RunTime(const google::protobuf::Timestamp& start, bool started,
                    const google::protobuf::Timestamp& end, bool ended, absl::Time now) {
  if (!started) return "";
  return Span((ended ? ToTime(end) : now) - ToTime(start));
}

std::string RunTime(const v1::Job& job, absl::Time now) {
  return RunTime(job.start_time(), job.has_start_time(), job.end_time(), job.has_end_time(), now);
}

// Sorted, as protobuf's maps have no order.
template <typename Map>
std::string Labels(const Map& labels) {
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  return absl::StrJoin(sorted, " ", absl::PairFormatter("="));
}

std::string Moment(const google::protobuf::Timestamp& time, bool is_set, absl::Time now) {
  if (!is_set) return "";
  return absl::StrCat(DateTime(time), " (", Age(time, true, now), " ago)");
}

std::string LimitText(const google::protobuf::Duration& duration, bool is_set,
                      absl::string_view name) {
  return is_set ? absl::StrCat(name, " ", absl::FormatDuration(ToDuration(duration))) : "";
}

std::string TimeoutsText(const v1::Timeouts& timeouts) {
  std::vector<std::string> parts = {
      LimitText(timeouts.queue(), timeouts.has_queue(), "queue"),
      LimitText(timeouts.prepare(), timeouts.has_prepare(), "prepare"),
      LimitText(timeouts.run(), timeouts.has_run(), "run"),
      LimitText(timeouts.stop_grace(), timeouts.has_stop_grace(), "stop grace")};
  parts.erase(std::remove(parts.begin(), parts.end(), ""), parts.end());
  return absl::StrJoin(parts, ", ");
}

std::string ResourcesText(const v1::Resources& resources) {
  std::vector<std::string> parts;
  if (resources.cpu_millis() > 0)
    parts.push_back(absl::StrCat(Cpus(resources.cpu_millis()), " CPU"));
  if (resources.memory_bytes() > 0)
    parts.push_back(absl::StrCat(Size(resources.memory_bytes()), " memory"));
  if (resources.pids() > 0) parts.push_back(absl::StrCat(resources.pids(), " pids"));
  if (resources.log_bytes() > 0) parts.push_back(absl::StrCat(Size(resources.log_bytes()), " log"));
  return absl::StrJoin(parts, ", ");
}

void AddContainer(const v1::ContainerSpec& container, Details* details) {
  details->Add("Image", container.image());
  details->Add("Interpreter", absl::StrJoin(container.script().interpreter(), " "));
  details->Add("Arguments", absl::StrJoin(container.script().args(), " "));
  details->Add("Resources", ResourcesText(container.resources()));
  details->Add("Network", container.network() == v1::NETWORK_MODE_BRIDGE ? "bridge" : "none");
}

// Names of headers alone: their values may be secret.
void AddHttp(const v1::HttpSpec& http, Details* details) {
  details->Add("Call", absl::StrCat(http.method(), " ", http.url()));
  std::vector<std::string> names;
  for (const v1::HttpHeader& header : http.headers()) names.push_back(header.name());
  details->Add("Headers", absl::StrJoin(names, ", "));
  const size_t body = http.body_text().size() + http.body_data().size();
  if (body > 0) details->Add("Body", Size(static_cast<int64_t>(body)));
  details->Add("Expects", http.expected_statuses());
  details->Add("Tries", absl::StrCat("up to ", http.retry().max_tries(), ", again after ",
                                     http.retry().statuses()));
}

// Where it runs, for a person.
std::string Where(const v1::JobSpec& spec, const std::string& node, bool started) {
  return spec.has_http() && started ? "controller" : node;
}

// What it runs, in a column.
std::string What(const v1::JobSpec& spec) {
  return spec.has_http() ? absl::StrCat("http ", spec.http().method()) : spec.container().image();
}

std::string ExecutionsTable(const v1::GetJobResponse& response, absl::Time now) {
  Table table({"ATTEMPT", "EXECUTION", "STATE", "NODE", "RUN", "EXIT", "LOG", "WHY"});
  for (const v1::Execution& execution : response.executions()) {
    const std::string reason =
        execution.end_reason() == v1::END_REASON_UNSPECIFIED ? "" : Word(execution.end_reason());
    const std::string marks = absl::StrCat(execution.log().truncated() ? " truncated" : "",
                                           execution.log().uncertain() ? " uncertain" : "",
                                           execution.log().collected() ? " removed" : "");
    table.AddRow(
        {absl::StrCat(execution.attempt()), execution.id(), Word(execution.state()),
         Where(response.job().spec(), execution.node(), true),
         RunTime(execution.start_time(), execution.has_start_time(), execution.end_time(),
                 execution.has_end_time(), now),
         execution.has_exit_code() ? absl::StrCat(execution.exit_code()) : "",
         absl::StrCat(Size(static_cast<int64_t>(execution.log().bytes())), marks),
         execution.message().empty() ? reason : absl::StrCat(reason, ": ", execution.message())});
  }
  return table.Render();
}

// Of conditions that do not hold.
std::string NodeTrouble(const v1::Node& node) {
  std::vector<std::string> parts;
  for (const v1::NodeCondition& condition : node.conditions()) {
    if (!condition.ok()) parts.push_back(absl::StrCat(condition.type(), ": ", condition.reason()));
  }
  return absl::StrJoin(parts, ", ");
}

std::string Of(absl::string_view used, absl::string_view all) {
  return absl::StrCat(used, "/", all);
}

}  // namespace

std::string WhyOf(const v1::Job& job) {
  if (IsEnded(job.state())) {
    if (job.state() == v1::JOB_STATE_SUCCEEDED || job.end_reason() == v1::END_REASON_EXITED) {
      return "";
    }
    const std::string reason =
        job.end_reason() == v1::END_REASON_UNSPECIFIED ? "" : Word(job.end_reason());
    return reason == Word(job.state()) ? "" : reason;
  }
  if (job.cancel_requested()) return "cancel requested";
  if (job.state() == v1::JOB_STATE_RUNNING) return job.state_reason();
  return job.state_message().empty() ? job.state_reason() : job.state_message();
}

std::string JobsTable(const v1::ListJobsResponse& jobs, absl::Time now) {
  Table table({"JOB", "STATE", "EXIT", "NODE", "WHAT", "AGE", "RUN", "WHY"});
  for (const v1::Job& job : jobs.jobs()) {
    table.AddRow(
        {job.id(), Word(job.state()), job.has_exit_code() ? absl::StrCat(job.exit_code()) : "",
         Where(job.spec(), job.node(), job.attempt() > 0), What(job.spec()),
         Age(job.create_time(), job.has_create_time(), now), RunTime(job, now), WhyOf(job)});
  }
  return table.Render();
}

std::string JobDetails(const v1::GetJobResponse& response, absl::Time now) {
  const v1::Job& job = response.job();
  Details details;
  details.Add("Job", job.id());
  details.Add("Namespace", job.namespace_());
  details.Add("State", IsEnded(job.state()) ? DescribeEnd(job)
                       : WhyOf(job).empty() ? Word(job.state())
                                            : absl::StrCat(Word(job.state()), ": ", WhyOf(job)));
  if (job.state() == v1::JOB_STATE_QUEUED) details.Add("Waits", job.state_reason());
  details.Add("Node", Where(job.spec(), job.node(), job.attempt() > 0));
  details.Add("Pinned to", job.spec().placement().node());
  details.Add("Node labels", Labels(job.spec().placement().node_labels()));
  if (job.spec().has_container()) AddContainer(job.spec().container(), &details);
  if (job.spec().has_http()) AddHttp(job.spec().http(), &details);
  details.Add("Timeouts", TimeoutsText(job.spec().timeouts()));
  if (job.spec().priority() != 0) details.Add("Priority", absl::StrCat(job.spec().priority()));
  details.Add("Labels", Labels(job.spec().labels()));
  details.Add("Created", Moment(job.create_time(), job.has_create_time(), now));
  details.Add("By", job.creator());
  details.Add("Started", Moment(job.start_time(), job.has_start_time(), now));
  details.Add("Ended", Moment(job.end_time(), job.has_end_time(), now));
  details.Add("Ran", RunTime(job, now));
  std::string text = details.Render();
  if (!response.executions().empty()) {
    absl::StrAppend(&text, "\n", ExecutionsTable(response, now));
  }
  return text;
}

std::string ResultSummary(const v1::JobResult& result) {
  v1::Job job;
  job.set_state(result.state());
  job.set_end_reason(result.end_reason());
  if (result.has_exit_code()) job.set_exit_code(result.exit_code());
  job.set_state_message(result.message());
  std::string text = absl::StrCat(result.job_id(), " ", DescribeEnd(job));
  if (!result.output_json().empty()) {
    absl::StrAppend(&text, "; output ", Printable(result.output_json()));
  }
  if (result.has_condition()) {
    absl::StrAppend(&text, "; condition ", result.condition() ? "true" : "false");
  }
  if (result.log().collected()) {
    absl::StrAppend(&text, "; its log is not kept any more");
  } else if (result.truncated()) {
    absl::StrAppend(&text, "; not all of its output: `cronium logs ", result.job_id(),
                    "` has more");
  }
  if (result.log().uncertain()) absl::StrAppend(&text, "; its last lines may be missing");
  return text;
}

std::string NodesTable(const v1::ListNodesResponse& nodes, absl::Time now) {
  Table table({"NODE", "STATE", "JOBS", "CPU", "MEMORY", "ADDRESS", "ENGINE", "CONTACT", "WHY"});
  for (const v1::Node& node : nodes.nodes()) {
    table.AddRow({node.name(), Word(node.state()),
                  Of(absl::StrCat(node.executions()), absl::StrCat(node.capacity().slots())),
                  Of(Cpus(node.used().cpu_millis()), Cpus(node.capacity().cpu_millis())),
                  Of(Size(node.used().memory_bytes()), Size(node.capacity().memory_bytes())),
                  node.facts().address(), node.facts().engine_version(),
                  Age(node.last_contact_time(), node.has_last_contact_time(), now),
                  NodeTrouble(node)});
  }
  return table.Render();
}

std::string NodeDetails(const v1::Node& node, absl::Time now) {
  Details details;
  details.Add("Node", node.name());
  details.Add("State", Word(node.state()));
  details.Add("Labels", Labels(node.labels()));
  details.Add("Host", node.facts().hostname());
  details.Add("Address", node.facts().address());
  details.Add("System", absl::StrCat(node.facts().os(), " ", node.facts().kernel(), " ",
                                     node.facts().arch()));
  details.Add("Agent", node.facts().agent_version());
  details.Add("Engine", absl::StrCat(absl::StrJoin(node.facts().runtimes(), " "), " ",
                                     node.facts().engine_version()));
  details.Add("Jobs", Of(absl::StrCat(node.executions()), absl::StrCat(node.capacity().slots())));
  details.Add("CPU", Of(Cpus(node.used().cpu_millis()), Cpus(node.capacity().cpu_millis())));
  details.Add("Memory", Of(Size(node.used().memory_bytes()), Size(node.capacity().memory_bytes())));
  details.Add("Known since", Moment(node.create_time(), node.has_create_time(), now));
  details.Add("Last contact", Moment(node.last_contact_time(), node.has_last_contact_time(), now));
  details.Add("Session", absl::StrCat(node.session_epoch()));
  std::string text = details.Render();
  if (node.conditions().empty()) return text;
  Table table({"CONDITION", "OK", "SINCE", "REASON", "MESSAGE"});
  for (const v1::NodeCondition& condition : node.conditions()) {
    table.AddRow({condition.type(), condition.ok() ? "yes" : "no",
                  Age(condition.change_time(), condition.has_change_time(), now),
                  condition.reason(), condition.message()});
  }
  return absl::StrCat(text, "\n", table.Render());
}

std::string VariablesTable(const v1::ListVariablesResponse& variables, absl::Time now) {
  Table table({"KEY", "AGE", "SET BY", "VALUE"});
  for (const v1::Variable& variable : variables.variables()) {
    std::string value = variable.value_json();
    if (value.size() > kShownValueBytes) {
      size_t end = kShownValueBytes;
      while (end > 0 && (value[end] & 0xC0) == 0x80) --end;  // Not within a character.
      value = absl::StrCat(value.substr(0, end), "... (", Size(static_cast<int64_t>(value.size())),
                           ")");
    }
    table.AddRow({variable.key(), Age(variable.update_time(), variable.has_update_time(), now),
                  variable.updater(), value});
  }
  return table.Render();
}

std::string KindWord(v1::CredentialKind kind) {
  return absl::AsciiStrToLower(
      absl::StripPrefix(v1::CredentialKind_Name(kind), "CREDENTIAL_KIND_"));
}

std::string CredentialsTable(const v1::ListCredentialsResponse& credentials, absl::Time now) {
  Table table({"NAME", "KIND", "TARGET", "CHANGED", "LAST USE", "NAMESPACES"});
  for (const v1::Credential& credential : credentials.credentials()) {
    table.AddRow({credential.name(), KindWord(credential.kind()), credential.target(),
                  Age(credential.update_time(), credential.has_update_time(), now),
                  Age(credential.last_use_time(), credential.has_last_use_time(), now),
                  absl::StrJoin(credential.namespaces(), " ")});
  }
  return table.Render();
}

std::string CredentialDetails(const v1::Credential& credential, absl::Time now) {
  Details details;
  details.Add("Name", credential.name());
  details.Add("Kind", KindWord(credential.kind()));
  details.Add("Target", credential.target());
  details.Add("Namespaces", credential.namespaces().empty()
                                ? "none"
                                : absl::StrJoin(credential.namespaces(), " "));
  details.Add("Created", Moment(credential.create_time(), credential.has_create_time(), now));
  details.Add("Changed", Moment(credential.update_time(), credential.has_update_time(), now));
  details.Add("Changed by", credential.updater());
  details.Add("Last use", Moment(credential.last_use_time(), credential.has_last_use_time(), now));
  details.Add("Etag", credential.etag());
  return details.Render();
}

std::string AuditTable(const v1::ListAuditRecordsResponse& records) {
  Table table({"TIME", "OPERATION", "BY", "CREDENTIAL", "TARGET", "OUTCOME", "STATUS", "TOOK"});
  for (const v1::AuditRecord& record : records.records()) {
    const bool action = !record.tool().empty();
    std::string outcome = absl::AsciiStrToLower(
        absl::StripPrefix(v1::AuditOutcome_Name(record.outcome()), "AUDIT_OUTCOME_"));
    if (!record.reason().empty()) absl::StrAppend(&outcome, " ", record.reason());
    table.AddRow({DateTime(record.time()),
                  action ? absl::StrCat(record.tool(), " ", record.action()) : record.operation(),
                  record.actor(), record.credential(), record.target(), outcome,
                  record.status() == 0 ? "" : absl::StrCat(record.status()),
                  action ? Span(absl::Milliseconds(record.duration_ms())) : ""});
  }
  return table.Render();
}

std::string RawValue(absl::string_view value_json) {
  if (value_json.empty() || value_json.front() != '"') return std::string(value_json);
  google::protobuf::Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(value_json.data(), value_json.size()), &value);
  return status.ok() ? value.string_value() : std::string(value_json);
}

}  // namespace cronium::cli
