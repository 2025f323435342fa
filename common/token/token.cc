// SPDX-License-Identifier: Apache-2.0
#include "common/token/token.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error.h"
#include "common/openssl/openssl.h"
#include "google/rpc/error_details.pb.h"

namespace cronium {
namespace {

using Json = nlohmann::ordered_json;
using UniqueSignature = OpenSslPtr<ECDSA_SIG, ECDSA_SIG_free>;

constexpr size_t kMaxTokenBytes = 4096;
constexpr size_t kKeyIdLength = 16;
// R and S of a P-256 signature, 32 bytes each, as RFC 7518 section 3.4 puts them.
constexpr size_t kHalf = 32;
constexpr absl::string_view kScope = "execution";

constexpr absl::string_view kHeaderStart = R"({"alg":"ES256","typ":"JWT","kid":")";
constexpr absl::string_view kHeaderEnd = R"("})";

std::string Base64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

// Strict: no padding, no white space, no set bits past the end, so that one token has one text.
bool FromBase64Url(absl::string_view text, std::string* out) {
  return absl::WebSafeBase64Unescape(text, out) && Base64Url(*out) == text;
}

std::string EncodedHeader(absl::string_view key_id) {
  return Base64Url(absl::StrCat(kHeaderStart, key_id, kHeaderEnd));
}

absl::StatusOr<std::string> KeyIdOf(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  if (length <= 0) return OpenSslError("cannot encode a public key");
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(der, length, digest);
  OPENSSL_free(der);
  const absl::string_view bytes(reinterpret_cast<char*>(digest), sizeof(digest));
  return Base64Url(bytes).substr(0, kKeyIdLength);
}

// OpenSSL signs to DER; a JWT carries R and S side by side.
absl::StatusOr<std::string> SignRaw(EVP_PKEY* key, absl::string_view text) {
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  UniqueDigestContext context(EVP_MD_CTX_new());
  unsigned char der[128];
  size_t der_length = sizeof(der);
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), der, &der_length, data, text.size()) != 1) {
    return OpenSslError("cannot sign a token");
  }
  const unsigned char* cursor = der;
  UniqueSignature signature(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der_length)));
  unsigned char raw[2 * kHalf];
  if (signature == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw, kHalf) != kHalf ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw + kHalf, kHalf) != kHalf) {
    return OpenSslError("cannot encode a signature");
  }
  return std::string(reinterpret_cast<char*>(raw), sizeof(raw));
}

bool VerifyRaw(EVP_PKEY* key, absl::string_view text, absl::string_view raw) {
  if (raw.size() != 2 * kHalf) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  UniqueSignature signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes, kHalf, nullptr);
  BIGNUM* s = BN_bin2bn(bytes + kHalf, kHalf, nullptr);
  if (signature == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return false;
  }
  unsigned char* der = nullptr;
  const int der_length = i2d_ECDSA_SIG(signature.get(), &der);
  UniqueDigestContext context(EVP_MD_CTX_new());
  const bool good =
      der_length > 0 && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), der, der_length,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  OPENSSL_free(der);
  ERR_clear_error();
  return good;
}

constexpr absl::string_view kCheck = "check";

absl::Status Invalid(absl::string_view check, absl::string_view what) {
  return MakeError(absl::StatusCode::kUnauthenticated, "TOKEN_INVALID",
                   absl::StrCat("the execution token ", what), {{kCheck, check}});
}

struct Parts {
  absl::string_view header;
  absl::string_view payload;
  absl::string_view signature;
  // Header and payload with the dot between them.
  absl::string_view signed_text;
};

bool Split(absl::string_view token, Parts* parts) {
  const size_t first = token.find('.');
  if (first == absl::string_view::npos) return false;
  const size_t second = token.find('.', first + 1);
  if (second == absl::string_view::npos) return false;
  parts->header = token.substr(0, first);
  parts->payload = token.substr(first + 1, second - first - 1);
  parts->signature = token.substr(second + 1);
  parts->signed_text = token.substr(0, second);
  return true;
}

// One claim of a payload whose signature is right; a wrong type counts as absent.
std::string Text(const Json& payload, const char* name) {
  const auto it = payload.find(name);
  return it != payload.end() && it->is_string() ? it->get<std::string>() : "";
}

bool Seconds(const Json& payload, const char* name, absl::Time* out) {
  const auto it = payload.find(name);
  if (it == payload.end() || !it->is_number_integer()) return false;
  *out = absl::FromUnixSeconds(it->get<int64_t>());
  return true;
}

absl::StatusOr<TokenClaims> CheckClaims(const Json& payload, absl::Time now) {
  if (!payload.is_object()) return Invalid("claims", "holds no claims");
  if (Text(payload, "iss") != kTokenIssuer)
    return Invalid("issuer", "was not issued by this system (iss)");
  if (Text(payload, "aud") != kTokenAudience)
    return Invalid("audience", "is not meant for this API (aud)");
  TokenClaims claims;
  claims.scope = Text(payload, "scope");
  if (claims.scope != kScope) return Invalid("scope", "has another scope (scope)");
  claims.execution_id = Text(payload, "executionId");
  claims.job_id = Text(payload, "jobId");
  claims.event_id = Text(payload, "eventId");
  claims.user_id = Text(payload, "userId");
  claims.token_id = Text(payload, "jti");
  if (claims.execution_id.empty()) return Invalid("claims", "names no execution (executionId)");
  if (Text(payload, "sub") != claims.execution_id)
    return Invalid("subject", "has another subject (sub)");
  if (!Seconds(payload, "iat", &claims.issued_at) || !Seconds(payload, "nbf", &claims.not_before) ||
      !Seconds(payload, "exp", &claims.expires_at)) {
    return Invalid("claims", "lacks its times (iat, nbf, exp)");
  }
  const auto limit = payload.find("callsPerMinute");
  if (limit != payload.end() && limit->is_number_unsigned()) {
    claims.calls_per_minute = limit->get<int64_t>();
  }
  if (now < claims.not_before) return Invalid("not_yet", "is not valid yet (nbf)");
  if (now >= claims.expires_at) {
    return MakeError(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED",
                     "the execution token has expired", {{kCheck, "expired"}});
  }
  return claims;
}

}  // namespace

std::string FailedTokenCheck(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo");
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return "";
  const auto check = info.metadata().find(std::string(kCheck));
  return check == info.metadata().end() ? "" : check->second;
}

struct TokenSigner::Impl {
  UniqueKey key;
  TokenPublicKey public_key;
  std::string header;
};

TokenSigner::TokenSigner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenSigner::~TokenSigner() = default;

absl::StatusOr<std::unique_ptr<TokenSigner>> TokenSigner::FromPem(absl::string_view pem) {
  absl::StatusOr<UniqueKey> key = PrivateKeyFromPem(pem);
  if (!key.ok()) {
    return absl::Status(key.status().code(),
                        absl::StrCat("token signing key: ", key.status().message()));
  }
  auto impl = std::make_unique<Impl>();
  impl->key = *std::move(key);
  absl::StatusOr<std::string> public_pem = PublicKeyToPem(impl->key.get());
  if (!public_pem.ok()) return public_pem.status();
  absl::StatusOr<std::string> id = KeyIdOf(impl->key.get());
  if (!id.ok()) return id.status();
  impl->header = EncodedHeader(*id);
  impl->public_key = {*std::move(id), *std::move(public_pem)};
  return std::unique_ptr<TokenSigner>(new TokenSigner(std::move(impl)));
}

absl::StatusOr<std::string> TokenSigner::GenerateKeyPem() {
  absl::StatusOr<UniqueKey> key = GenerateP256Key();
  if (!key.ok()) return key.status();
  return PrivateKeyToPem(key->get());
}

absl::StatusOr<std::string> TokenSigner::Sign(const TokenClaims& claims) const {
  Json payload = {{"executionId", claims.execution_id},
                  {"jobId", claims.job_id},
                  {"eventId", claims.event_id},
                  {"userId", claims.user_id},
                  {"scope", claims.scope},
                  {"iss", std::string(kTokenIssuer)},
                  {"aud", std::string(kTokenAudience)},
                  {"sub", claims.execution_id},
                  {"iat", absl::ToUnixSeconds(claims.issued_at)},
                  {"nbf", absl::ToUnixSeconds(claims.not_before)},
                  {"exp", absl::ToUnixSeconds(claims.expires_at)},
                  {"jti", claims.token_id}};
  if (claims.calls_per_minute.has_value()) payload["callsPerMinute"] = *claims.calls_per_minute;
  std::string token = absl::StrCat(
      impl_->header, ".", Base64Url(payload.dump(-1, ' ', false, Json::error_handler_t::replace)));
  absl::StatusOr<std::string> signature = SignRaw(impl_->key.get(), token);
  if (!signature.ok()) return signature.status();
  absl::StrAppend(&token, ".", Base64Url(*signature));
  if (token.size() > kMaxTokenBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the claims make a token of ", token.size(),
                                                   " bytes; the limit is ", kMaxTokenBytes));
  }
  return token;
}

const TokenPublicKey& TokenSigner::public_key() const { return impl_->public_key; }

struct TokenVerifier::Impl {
  // By the encoded header that a token of the key must have.
  absl::flat_hash_map<std::string, UniqueKey> keys;
};

TokenVerifier::TokenVerifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenVerifier::~TokenVerifier() = default;

absl::StatusOr<std::unique_ptr<TokenVerifier>> TokenVerifier::Create(
    const std::vector<TokenPublicKey>& keys) {
  auto impl = std::make_unique<Impl>();
  for (const TokenPublicKey& given : keys) {
    absl::StatusOr<UniqueKey> key = PublicKeyFromPem(given.pem);
    if (!key.ok()) {
      return absl::Status(key.status().code(),
                          absl::StrCat("token key ", given.id, ": ", key.status().message()));
    }
    absl::StatusOr<std::string> id = KeyIdOf(key->get());
    if (!id.ok()) return id.status();
    if (*id != given.id) {
      return absl::InvalidArgumentError(
          absl::StrCat("token key ", given.id, ": is in fact the key ", *id));
    }
    impl->keys.insert_or_assign(EncodedHeader(*id), *std::move(key));
  }
  return std::unique_ptr<TokenVerifier>(new TokenVerifier(std::move(impl)));
}

std::string TokenVerifier::KeyIdIn(absl::string_view token) {
  Parts parts;
  std::string header;
  if (token.size() > kMaxTokenBytes || !Split(token, &parts) ||
      !FromBase64Url(parts.header, &header)) {
    return "";
  }
  absl::string_view id = header;
  if (!absl::ConsumePrefix(&id, kHeaderStart) || !absl::ConsumeSuffix(&id, kHeaderEnd) ||
      id.size() != kKeyIdLength || id.find('"') != absl::string_view::npos) {
    return "";
  }
  return std::string(id);
}

bool TokenVerifier::HasKey(absl::string_view key_id) const {
  return impl_->keys.contains(EncodedHeader(key_id));
}

absl::StatusOr<TokenClaims> TokenVerifier::Verify(absl::string_view token, absl::Time now) const {
  if (token.size() > kMaxTokenBytes) {
    return Invalid("size", absl::StrCat("is longer than ", kMaxTokenBytes, " bytes"));
  }
  Parts parts;
  std::string payload, signature;
  if (!Split(token, &parts) || !FromBase64Url(parts.payload, &payload) ||
      !FromBase64Url(parts.signature, &signature)) {
    return Invalid("format", "is not a JWT");
  }
  const auto key = impl_->keys.find(parts.header);
  if (key == impl_->keys.end()) {
    return Invalid(KeyIdIn(token).empty() ? "algorithm" : "key",
                   "is not signed with a known key and ES256");
  }
  if (!VerifyRaw(key->second.get(), parts.signed_text, signature)) {
    return Invalid("signature", "has a wrong signature");
  }
  return CheckClaims(Json::parse(payload, nullptr, false), now);
}

}  // namespace cronium
