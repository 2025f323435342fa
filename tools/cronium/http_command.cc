// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/http_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/json.h"
#include "tools/cronium/attached_run.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/format.h"
#include "tools/cronium/parse.h"

namespace cronium::cli {
namespace {

// As of HttpSpec.body in job.proto.
constexpr int64_t kMaxBodyBytes = 1 << 20;

struct HttpCommandFlags {
  HttpFlags http;
  std::string request_id;
  bool detach = false;
  bool quiet = false;
};

absl::Status AddHeaders(const std::vector<std::string>& headers, v1::HttpSpec* http) {
  for (const std::string& text : headers) {
    const size_t colon = text.find(':');
    // The text is not repeated: it may be a secret.
    if (colon == std::string::npos || colon == 0 || !IsUtf8(text)) {
      return absl::InvalidArgumentError("--header: must be 'NAME: VALUE', in UTF-8");
    }
    v1::HttpHeader* header = http->add_headers();
    header->set_name(text.substr(0, colon));
    header->set_value(std::string(absl::StripAsciiWhitespace(text.substr(colon + 1))));
  }
  return absl::OkStatus();
}

bool HasHeader(const v1::HttpSpec& http, absl::string_view name) {
  for (const v1::HttpHeader& header : http.headers()) {
    if (absl::EqualsIgnoreCase(header.name(), name)) return true;
  }
  return false;
}

absl::Status AddBody(const std::string& data, Streams* streams, v1::HttpSpec* http) {
  absl::StatusOr<std::string> body = data;
  if (data == "-") {
    body = streams->ReadStdin(kMaxBodyBytes);
  } else if (absl::StartsWith(data, "@")) {
    body = ReadFile(data.substr(1), kMaxBodyBytes);
  }
  if (!body.ok()) return Annotate(body.status(), "--data");
  if (!HasHeader(*http, "content-type")) {
    v1::HttpHeader* header = http->add_headers();
    header->set_name("Content-Type");
    header->set_value(ValidateJson(*body).ok() ? "application/json"
                      : IsUtf8(*body)          ? "text/plain; charset=utf-8"
                                               : "application/octet-stream");
  }
  if (IsUtf8(*body)) {
    http->set_body_text(*std::move(body));
  } else {
    http->set_body_data(*std::move(body));
  }
  return absl::OkStatus();
}

absl::Status AddTime(absl::string_view flag, const std::string& text,
                     google::protobuf::Duration* field) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (!duration.ok()) return Annotate(duration.status(), flag);
  SetDuration(*duration, field);
  return absl::OkStatus();
}

absl::Status AddHttpLimits(const HttpFlags& flags, v1::JobSpec* spec) {
  v1::HttpSpec* http = spec->mutable_http();
  if (!flags.timeout.empty()) {
    absl::Status status =
        AddTime("--timeout", flags.timeout, spec->mutable_timeouts()->mutable_run());
    if (!status.ok()) return status;
  }
  if (!flags.try_timeout.empty()) {
    absl::Status status = AddTime("--try-timeout", flags.try_timeout, http->mutable_try_timeout());
    if (!status.ok()) return status;
  }
  if (!flags.max_response.empty()) {
    const absl::StatusOr<int64_t> bytes = ParseSize(flags.max_response);
    if (!bytes.ok()) return Annotate(bytes.status(), "--max-response");
    http->set_max_response_bytes(*bytes);
  }
  if (flags.retries.has_value()) http->mutable_retry()->set_max_tries(*flags.retries + 1);
  return absl::OkStatus();
}

int Run(CommandContext& context, const HttpCommandFlags& flags) {
  absl::StatusOr<v1::JobSpec> spec = BuildHttpSpec(flags.http, context.streams);
  if (!spec.ok()) return context.Fail(spec.status());
  return SubmitJob(context, *std::move(spec), {flags.request_id, flags.detach, flags.quiet});
}

void AddRequest(CLI::App* http, HttpFlags* flags) {
  http->add_option("URL", flags->url, "http:// or https://, without credentials")
      ->required()
      ->type_name("");
  http->add_option("-X,--method", flags->method, "Default: GET, with --data POST")
      ->type_name("METHOD");
  http->add_option("-H,--header", flags->headers,
                   "May be repeated; others on this host can see it in ps")
      ->allow_extra_args(false)
      ->type_name("'NAME: VALUE'");
  http->add_option("--data", flags->data,
                   "The body: TEXT, @FILE, or - for stdin. Content-Type, unless a header sets it:\n"
                   "application/json where it is JSON, else text/plain")
      ->type_name("TEXT");
  http->add_flag("-L,--location", flags->location, "Follow up to 10 redirects");
}

void AddJudgement(CLI::App* http, HttpFlags* flags) {
  http->add_option("--expect", flags->expect, "Statuses that mean success (default 200-299)")
      ->type_name("200-299,404");
  http->add_option("--timeout", flags->timeout, "For all tries together: 90s, 1h (default 1h)")
      ->type_name("TIME");
  http->add_option("--try-timeout", flags->try_timeout, "For one try (default 30s)")
      ->type_name("TIME");
  http->add_option("--retries", flags->retries,
                   "Tries after the first (default 2; 0 for POST and PATCH)")
      ->check(CLI::Range(0, 19))
      ->type_name("N");
  http->add_flag("--repeatable", flags->repeatable,
                 "Sending it twice does no harm, though it is a POST or PATCH");
  http->add_option("--max-response", flags->max_response, "Of the body (default 1M, at most 4M)")
      ->type_name("SIZE");
  http->add_option("--label", flags->labels, "To find the job again; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  http->add_option("--priority", flags->priority, "-1000 to 1000, higher goes first (default 0)")
      ->type_name("N");
}

}  // namespace

absl::StatusOr<v1::JobSpec> BuildHttpSpec(const HttpFlags& flags, Streams* streams) {
  v1::JobSpec spec;
  v1::HttpSpec* http = spec.mutable_http();
  http->set_url(flags.url);
  http->set_method(!flags.method.empty() ? flags.method : flags.data.has_value() ? "POST" : "GET");
  if (absl::Status status = AddHeaders(flags.headers, http); !status.ok()) return status;
  if (flags.data.has_value()) {
    if (absl::Status status = AddBody(*flags.data, streams, http); !status.ok()) return status;
  }
  http->set_expected_statuses(flags.expect);
  http->set_follow_redirects(flags.location);
  http->set_repeatable(flags.repeatable);
  if (absl::Status status = AddHttpLimits(flags, &spec); !status.ok()) return status;
  for (const std::string& label : flags.labels) {
    const auto pair = ParseKeyValue(label);
    if (!pair.ok()) return Annotate(pair.status(), "--label");
    (*spec.mutable_labels())[pair->first] = pair->second;
  }
  if (flags.priority.has_value()) spec.set_priority(*flags.priority);
  return spec;
}

void AddHttpCommand(CLI::App* app, Command* chosen) {
  CLI::App* http = app->add_subcommand(
      "http", "Make an HTTP call from the controller as a job, and stay with it");
  auto flags = std::make_shared<HttpCommandFlags>();
  AddRequest(http, &flags->http);
  AddJudgement(http, &flags->http);
  http->add_flag("-d,--detach", flags->detach,
                 "Do not follow: print the job's id and leave it to run");
  http->add_option("--request-id", flags->request_id,
                   "Submitting again under the same id finds the same job (default: a new one)")
      ->type_name("ID");
  http->add_flag("-q,--quiet", flags->quiet, "No lines of our own on stderr");
  http->footer(
      "The answer's body is on stdout, a line for each try on stderr. Exits with 0 after an\n"
      "expected status, 1 after another one or none, 124 when --timeout ended it, 130 when it was\n"
      "cancelled, 125 for all else. The call is made from the controller's host, which reaches\n"
      "only the public Internet unless its operator allows more (--outbound-allow).");
  http->callback([=] { *chosen = [=](CommandContext& c) { return Run(c, *flags); }; });
}

}  // namespace cronium::cli
