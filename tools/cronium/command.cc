// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/command.h"

#include <csignal>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/exit_code.h"
#include "tools/cronium/format.h"
#include "tools/cronium/retrying_client.h"

namespace cronium::cli {
namespace {

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return absl::InternalError(absl::StrCat("cannot print as JSON: ", status.ToString()));
  }
  if (json.empty() || json.back() != '\n') json += '\n';
  return json;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> CommandContext::Connect() {
  const absl::StatusOr<Settings> settings = ResolveSettings(connection_flags, process.environment);
  if (!settings.ok()) return settings.status();
  absl::StatusOr<std::string> token = LoadToken(*settings);
  if (!token.ok()) return token.status();
  name_space = settings->name_space;
  controller = settings->controller;
  absl::StatusOr<std::unique_ptr<Client>> client = ConnectGrpc({.controller = settings->controller,
                                                                .ca = settings->ca,
                                                                .token = *std::move(token),
                                                                .dev = settings->dev},
                                                               &cancel_all);
  if (!client.ok()) return client;
  RetryOptions retries;
  retries.retry_for = retry_for.value_or(kRetryCallsFor);
  retries.clock = process.clock;
  retries.pause = [this](absl::Duration time) { return Pause(time); };
  retries.on_retry = [this, tries_for = retries.retry_for](const absl::Status& status) {
    if (cancel_all.cancelled()) return;
    streams->Notice(absl::StrCat(Printable(status.message()), "; trying again for ",
                                 absl::FormatDuration(tries_for)));
  };
  return WithRetries(*std::move(client), std::move(retries));
}

int CommandContext::Fail(const absl::Status& status) {
  if (IsClosedPipe(status)) {
    // As every filter ends when its reader goes.
    return 128 + SIGPIPE;
  }
  streams->Notice(DescribeError(status));
  return kExitError;
}

absl::Status CommandContext::PrintJson(const google::protobuf::Message& message) {
  const absl::StatusOr<std::string> json = ToJson(message, /*pretty=*/true);
  return json.ok() ? streams->Out(*json) : json.status();
}

absl::Status CommandContext::PrintJsonLine(const google::protobuf::Message& message) {
  const absl::StatusOr<std::string> json = ToJson(message, /*pretty=*/false);
  return json.ok() ? streams->Out(*json) : json.status();
}

}  // namespace cronium::cli
