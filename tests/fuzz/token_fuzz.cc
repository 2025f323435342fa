// SPDX-License-Identifier: Apache-2.0
// Execution tokens: nothing is accepted but what is right in every respect.
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/openssl/openssl.h"
#include "common/token/token.h"
#include "tests/fuzz/input.h"

namespace cronium {
namespace {

using fuzz::Require;
using Json = nlohmann::json;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

std::string Base64Url(absl::string_view bytes) {
  std::string text = absl::WebSafeBase64Escape(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

// A controller's key with its public half, and one good token.
struct Keys {
  Keys() {
    const std::string pem = TokenSigner::GenerateKeyPem().value();
    key = PrivateKeyFromPem(pem).value();
    signer = TokenSigner::FromPem(pem).value();
    verifier = TokenVerifier::Create({signer->public_key()}).value();
    claims.execution_id = "exec_0aZ9zA0aZ9zA";
    claims.job_id = "job_0aZ9zA0aZ9zA";
    claims.user_id = "default";
    claims.issued_at = kNow;
    claims.not_before = kNow - absl::Minutes(1);
    claims.expires_at = kNow + absl::Hours(1);
    claims.token_id = "1";
    good = signer->Sign(claims).value();
    header = good.substr(0, good.find('.'));
  }

  // Any payload, signed as the controller signs its own.
  std::string SignPayload(absl::string_view payload) const {
    const std::string text = absl::StrCat(header, ".", Base64Url(payload));
    std::string der(128, '\0');
    size_t length = der.size();
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                    EVP_MD_CTX_free);
    Require(
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
            EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &length,
                           reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1,
        "a payload can be signed");
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length));
    std::string raw(64, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + 32, 32);
    ECDSA_SIG_free(signature);
    return absl::StrCat(text, ".", Base64Url(raw));
  }

  UniqueKey key;
  std::unique_ptr<TokenSigner> signer;
  std::unique_ptr<TokenVerifier> verifier;
  TokenClaims claims;
  std::string good;
  std::string header;
};

absl::StatusOr<TokenClaims> Verify(const Keys& keys, const std::string& token) {
  const std::string key_id = TokenVerifier::KeyIdIn(token);
  absl::StatusOr<TokenClaims> claims = keys.verifier->Verify(token, kNow);
  if (claims.ok()) {
    Require(keys.verifier->HasKey(key_id), "what is accepted names a known key", token);
    Require(claims->not_before <= kNow && kNow < claims->expires_at, "and is of now", token);
  } else {
    Require(claims.status().code() == absl::StatusCode::kUnauthenticated, "refused is 401", token);
  }
  return claims;
}

// A good token in which bytes are altered: pairs of a place and what is added there.
std::string Alter(std::string token, const uint8_t* data, size_t size) {
  for (size_t i = 0; i + 2 < size && i < 3 * 16; i += 3) {
    const size_t place = (data[i] * 256U + data[i + 1]) % token.size();
    token[place] = static_cast<char>(token[place] + static_cast<char>(data[i + 2]));
  }
  return token;
}

// What is right, said independently of the code under test.
bool IsRight(const std::string& text) {
  const Json payload = Json::parse(text, nullptr, false);
  const auto says = [&](const char* name, absl::string_view value) {
    return payload.contains(name) && payload[name].is_string() &&
           payload[name].get<std::string>() == value;
  };
  const auto number = [&](const char* name) {
    return payload.contains(name) && payload[name].is_number_integer();
  };
  return payload.is_object() && says("iss", kTokenIssuer) && says("aud", kTokenAudience) &&
         says("scope", "execution") && payload.contains("executionId") &&
         payload["executionId"].is_string() && payload["executionId"] != "" &&
         payload.contains("sub") && payload["sub"] == payload["executionId"] && number("iat") &&
         number("nbf") && number("exp");
}

}  // namespace
}  // namespace cronium

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cronium;  // NOLINT(google-build-using-namespace)
  static const auto& keys = *new Keys();
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 3) {
    case 0: {
      Require(!Verify(keys, rest).ok() || rest == keys.good, "no bytes are a token by chance",
              rest);
      break;
    }
    case 1: {
      const std::string token = Alter(keys.good, data + 1, size - 1);
      const absl::StatusOr<TokenClaims> claims = Verify(keys, token);
      // The last characters of base64 have bits that do not count.
      Require(!claims.ok() || (claims->execution_id == keys.claims.execution_id &&
                               claims->expires_at == keys.claims.expires_at),
              "an altered token claims nothing else", token);
      break;
    }
    default: {
      const absl::StatusOr<TokenClaims> claims = Verify(keys, keys.SignPayload(rest));
      Require(!claims.ok() || IsRight(rest), "what is accepted is right in every claim", rest);
      break;
    }
  }
  return 0;
}
