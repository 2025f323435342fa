// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_JSON_FIELD_H_
#define CRONIUM_RUNTIME_GATEWAY_API_JSON_FIELD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::gateway {

// The text of one field of a JSON object, byte for byte as it stands in the body: no digit, escape
// or order of keys is changed, as parsing and printing would. Other fields are checked and passed
// over.
//
// INVALID_ARGUMENT, naming `body` or the field, where the body is empty, no JSON (RFC 8259) or no
// object, or where the field is absent or there twice. The body's memory is reused for the answer.
absl::StatusOr<std::string> TakeJsonField(std::string body, absl::string_view field);

// The texts of two fields of which the second may be absent, and is empty then. The same errors.
struct JsonFields {
  std::string first;
  std::string second;
};
absl::StatusOr<JsonFields> TakeJsonFields(const std::string& body, absl::string_view required,
                                          absl::string_view optional);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_JSON_FIELD_H_
