// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "google/rpc/error_details.pb.h"
#include "tools/cronium/format.h"

namespace cronium::cli {
namespace {

google::rpc::BadRequest FieldViolations(const absl::Status& status) {
  google::rpc::BadRequest bad_request;
  const auto payload = status.GetPayload(
      absl::StrCat("type.googleapis.com/", google::rpc::BadRequest::descriptor()->full_name()));
  if (payload.has_value() && !bad_request.ParseFromString(std::string(*payload))) {
    bad_request.Clear();
  }
  return bad_request;
}

// What to do about it; empty where the message alone tells.
absl::string_view NextStep(const absl::Status& status, absl::string_view reason) {
  if (reason == "JOB_NOT_FOUND") return "`cronium jobs list` shows the jobs";
  if (reason == "NODE_NOT_FOUND") return "`cronium nodes list` shows the nodes";
  if (reason == "VARIABLE_NOT_FOUND") return "`cronium variables list` shows the variables";
  if (reason == "JOB_NOT_ENDED") return "`cronium jobs wait` waits for the end";
  if (reason == "ETAG_MISMATCH") return "it was changed meanwhile: read it again";
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
      return "give a token with --token-file, CRONIUM_TOKEN_FILE or CRONIUM_TOKEN";
    case absl::StatusCode::kPermissionDenied:
      return "use a token whose role and namespace allow it";
    case absl::StatusCode::kUnavailable:
      return "is the controller running there? --controller or CRONIUM_CONTROLLER says where";
    case absl::StatusCode::kUnimplemented:
      return "the controller does not know this call: is it older than this client?";
    default:
      return "";
  }
}

}  // namespace

std::string DescribeError(const absl::Status& status) {
  const google::rpc::BadRequest bad_request = FieldViolations(status);
  if (bad_request.field_violations_size() > 1) {
    std::string text = absl::StrCat(bad_request.field_violations_size(), " fields are wrong:");
    for (const auto& violation : bad_request.field_violations()) {
      absl::StrAppend(&text, "\n  ", Printable(violation.field()), ": ",
                      Printable(violation.description()));
    }
    return text;
  }
  std::string text = Printable(status.message());
  if (text.empty()) text = absl::StatusCodeToString(status.code());
  const std::string reason = ErrorReason(status);
  if (!reason.empty() && bad_request.field_violations().empty()) {
    absl::StrAppend(&text, " (", Printable(reason), ")");
  }
  const absl::string_view next = NextStep(status, reason);
  if (!next.empty()) absl::StrAppend(&text, "; ", next);
  return text;
}

absl::Status Annotate(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return status;
  absl::Status out(status.code(), absl::StrCat(what, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { out.SetPayload(url, payload); });
  return out;
}

}  // namespace cronium::cli
