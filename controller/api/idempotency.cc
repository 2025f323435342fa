// SPDX-License-Identifier: Apache-2.0
#include "controller/api/idempotency.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/sha.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxIdempotencyKeyBytes = 128;

// Maps, which may come in any order, are written in the order of their keys.
std::string Canonical(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

absl::StatusOr<IdempotencyKey> MakeIdempotencyKey(const Caller& caller, absl::string_view method,
                                                  const std::string& key,
                                                  const google::protobuf::Message& content,
                                                  absl::Time now) {
  if (key.empty()) return IdempotencyKey();
  if (key.size() > kMaxIdempotencyKeyBytes ||
      !std::all_of(key.begin(), key.end(), [](char c) { return absl::ascii_isprint(c); })) {
    Violations violations;
    violations.Add("idempotency_key",
                   absl::StrCat("has ", key.size(), " bytes; 1 to ", kMaxIdempotencyKeyBytes,
                                " bytes of printable ASCII are allowed"));
    return violations.ToStatus();
  }
  // No method's name holds a zero byte, so the two cannot run into each other.
  const std::string text = absl::StrCat(method, absl::string_view("\0", 1), Canonical(content));
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return IdempotencyKey{
      .execution_id = caller.name,
      .key = key,
      .digest = std::string(reinterpret_cast<const char*>(digest), sizeof(digest)),
      .time = now};
}

}  // namespace cronium::controller
