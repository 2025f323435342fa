// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace cronium {
namespace {

constexpr absl::string_view kTypePrefix = "type.googleapis.com/";

template <typename Message>
std::string TypeUrl() {
  return absl::StrCat(kTypePrefix, Message::descriptor()->full_name());
}

template <typename Message>
void Attach(const Message& message, absl::Status* status) {
  status->SetPayload(TypeUrl<Message>(), absl::Cord(message.SerializeAsString()));
}

template <typename Message>
bool Read(const absl::Status& status, Message* message) {
  const auto payload = status.GetPayload(TypeUrl<Message>());
  return payload.has_value() && message->ParseFromString(std::string(*payload));
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       ErrorMetadata metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[std::string(key)] = std::string(value);
  }
  absl::Status status(code, message);
  Attach(info, &status);
  return status;
}

absl::Status MakeRetryableError(absl::StatusCode code, absl::string_view reason,
                                absl::string_view message, absl::Duration retry_after,
                                ErrorMetadata metadata) {
  absl::Status status = MakeError(code, reason, message, metadata);
  google::rpc::RetryInfo retry;
  const int64_t ns = absl::ToInt64Nanoseconds(retry_after);
  retry.mutable_retry_delay()->set_seconds(ns / 1'000'000'000);
  retry.mutable_retry_delay()->set_nanos(static_cast<int>(ns % 1'000'000'000));
  Attach(retry, &status);
  return status;
}

void Violations::Add(absl::string_view field, absl::string_view description) {
  violations_.emplace_back(field, description);
}

absl::Status Violations::ToStatus() const {
  if (violations_.empty()) return absl::OkStatus();
  const auto& [field, description] = violations_.front();
  std::string message = absl::StrCat(field, ": ", description);
  if (violations_.size() > 1) {
    absl::StrAppend(&message, " (and ", violations_.size() - 1, " more)");
  }
  absl::Status status =
      MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", message, {{"field", field}});
  google::rpc::BadRequest bad_request;
  for (const auto& violation : violations_) {
    auto* out = bad_request.add_field_violations();
    out->set_field(violation.first);
    out->set_description(violation.second);
  }
  Attach(bad_request, &status);
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  return Read(status, &info) ? info.reason() : "";
}

absl::Duration RetryDelay(const absl::Status& status) {
  google::rpc::RetryInfo info;
  if (!Read(status, &info)) return absl::ZeroDuration();
  return absl::Seconds(info.retry_delay().seconds()) +
         absl::Nanoseconds(info.retry_delay().nanos());
}

google::rpc::Status ToProto(const absl::Status& status) {
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    auto* any = proto.add_details();
    any->set_type_url(std::string(url));
    any->set_value(std::string(payload));
  });
  return proto;
}

absl::Status FromProto(const google::rpc::Status& proto) {
  absl::Status status(static_cast<absl::StatusCode>(proto.code()), proto.message());
  for (const auto& any : proto.details()) {
    status.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return status;
}

}  // namespace cronium
