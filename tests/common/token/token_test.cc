// SPDX-License-Identifier: Apache-2.0
#include "common/token/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error.h"
#include "common/openssl/openssl.h"

namespace cronium {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

std::unique_ptr<TokenSigner> NewSigner() {
  return TokenSigner::FromPem(TokenSigner::GenerateKeyPem().value()).value();
}

TokenClaims Claims() {
  TokenClaims claims;
  claims.execution_id = "exec_0aZ9zA0aZ9zA";
  claims.job_id = "job_0aZ9zA0aZ9zA";
  claims.event_id = "event-1";
  claims.user_id = "user \"é\"";
  claims.issued_at = kNow;
  claims.not_before = kNow - absl::Minutes(1);
  claims.expires_at = kNow + absl::Hours(1);
  claims.token_id = "jti-1";
  return claims;
}

std::string Encode(absl::string_view text) { return absl::WebSafeBase64Escape(text); }

std::string Decode(absl::string_view text) {
  std::string out;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(text, &out));
  return out;
}

// What an attacker, or a signer of another system, could make.
class Forge {
 public:
  explicit Forge(std::string key_pem) : key_(PrivateKeyFromPem(key_pem).value()) {}

  // A token with the real key's signature over any header and payload.
  std::string Sign(absl::string_view header, absl::string_view payload) const {
    const std::string text = absl::StrCat(Encode(header), ".", Encode(payload));
    UniqueDigestContext context(EVP_MD_CTX_new());
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    unsigned char der[128];
    size_t length = sizeof(der);
    EXPECT_EQ(EVP_DigestSign(context.get(), der, &length,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    return absl::StrCat(text, ".", Encode(Raw(der, length)));
  }

 private:
  static std::string Raw(const unsigned char* der, size_t length) {
    OpenSslPtr<ECDSA_SIG, ECDSA_SIG_free> signature(
        d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(length)));  // NOLINT(runtime/int)
    std::string raw(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, 32), 32);
    EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + 32, 32), 32);
    return raw;
  }

  UniqueKey key_;
};

class TokenTest : public testing::Test {
 protected:
  TokenTest()
      : key_pem_(TokenSigner::GenerateKeyPem().value()),
        signer_(TokenSigner::FromPem(key_pem_).value()),
        verifier_(TokenVerifier::Create({signer_->public_key()}).value()),
        token_(signer_->Sign(Claims()).value()) {}

  std::string HeaderText() const {
    return absl::StrCat(R"({"alg":"ES256","typ":"JWT","kid":")", signer_->public_key().id, "\"}");
  }

  // Signed with the real key, after a change to the claims.
  std::string WithClaims(const std::function<void(Json*)>& change) const {
    const std::vector<std::string> parts = absl::StrSplit(token_, '.');
    Json payload = Json::parse(Decode(parts[1]));
    change(&payload);
    return Forge(key_pem_).Sign(HeaderText(), payload.dump());
  }

  void ExpectInvalid(absl::string_view token, absl::string_view why) const {
    const absl::Status status = verifier_->Verify(token, kNow).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << token;
    EXPECT_EQ(ErrorReason(status), "TOKEN_INVALID") << token;
    EXPECT_THAT(status.message(), HasSubstr(std::string(why))) << token;
  }

  const std::string key_pem_;
  const std::unique_ptr<TokenSigner> signer_;
  const std::unique_ptr<TokenVerifier> verifier_;
  const std::string token_;
};

TEST_F(TokenTest, ATokenGivesBackTheClaimsThatWereSigned) {
  const absl::StatusOr<TokenClaims> claims = verifier_->Verify(token_, kNow);
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->execution_id, Claims().execution_id);
  EXPECT_EQ(claims->job_id, Claims().job_id);
  EXPECT_EQ(claims->event_id, Claims().event_id);
  EXPECT_EQ(claims->user_id, Claims().user_id);
  EXPECT_EQ(claims->scope, "execution");
  EXPECT_EQ(claims->token_id, Claims().token_id);
  EXPECT_EQ(claims->issued_at, Claims().issued_at);
  EXPECT_EQ(claims->not_before, Claims().not_before);
  EXPECT_EQ(claims->expires_at, Claims().expires_at);
}

TEST_F(TokenTest, APayloadHasTheClaimsOfTheContract) {
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(Decode(parts[0]), HeaderText());
  const Json payload = Json::parse(Decode(parts[1]));
  EXPECT_EQ(payload["iss"], "cronium-controller");
  EXPECT_EQ(payload["aud"], "cronium-runtime");
  EXPECT_EQ(payload["sub"], payload["executionId"]);
  EXPECT_EQ(payload["scope"], "execution");
  EXPECT_EQ(payload["exp"], 1'700'003'600);
}

TEST_F(TokenTest, ALimitOfCallsIsCarriedWhereThereIsOne) {
  EXPECT_EQ(verifier_->Verify(token_, kNow)->calls_per_minute, std::nullopt);
  for (const int64_t limit : {int64_t{0}, int64_t{6000}}) {
    TokenClaims claims = Claims();
    claims.calls_per_minute = limit;
    EXPECT_EQ(verifier_->Verify(*signer_->Sign(claims), kNow)->calls_per_minute, limit);
  }
}

TEST_F(TokenTest, ARefusalNamesTheCheckThatFailed) {
  const auto check = [&](absl::string_view token, absl::Time now = kNow) {
    return FailedTokenCheck(verifier_->Verify(token, now).status());
  };
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  EXPECT_EQ(check(std::string(5000, 'x')), "size");
  EXPECT_EQ(check("x"), "format");
  EXPECT_EQ(check(absl::StrCat(Encode(R"({"alg":"none"})"), ".", parts[1], ".")), "algorithm");
  EXPECT_EQ(check(*NewSigner()->Sign(Claims())), "key");
  EXPECT_EQ(check(absl::StrCat(parts[0], ".", parts[1], ".", Encode("x"))), "signature");
  EXPECT_EQ(check(WithClaims([](Json* c) { c->erase("iss"); })), "issuer");
  EXPECT_EQ(check(WithClaims([](Json* c) { c->erase("aud"); })), "audience");
  EXPECT_EQ(check(WithClaims([](Json* c) { c->erase("scope"); })), "scope");
  EXPECT_EQ(check(WithClaims([](Json* c) { c->erase("sub"); })), "subject");
  EXPECT_EQ(check(WithClaims([](Json* c) { c->erase("exp"); })), "claims");
  EXPECT_EQ(check(token_, Claims().expires_at), "expired");
  EXPECT_EQ(check(token_, Claims().not_before - absl::Seconds(1)), "not_yet");
  EXPECT_EQ(FailedTokenCheck(absl::OkStatus()), "");
  EXPECT_EQ(FailedTokenCheck(absl::InternalError("x")), "");
}

TEST_F(TokenTest, ATokenIsGoodFromItsStartUntilJustBeforeItsEnd) {
  EXPECT_TRUE(verifier_->Verify(token_, Claims().not_before).ok());
  EXPECT_TRUE(verifier_->Verify(token_, Claims().expires_at - absl::Nanoseconds(1)).ok());
}

TEST_F(TokenTest, AnExpiredTokenSaysSo) {
  const absl::Status status = verifier_->Verify(token_, Claims().expires_at).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ErrorReason(status), "TOKEN_EXPIRED");
}

TEST_F(TokenTest, ATokenIsRefusedBeforeItsStart) {
  const absl::Status status =
      verifier_->Verify(token_, Claims().not_before - absl::Nanoseconds(1)).status();
  EXPECT_EQ(ErrorReason(status), "TOKEN_INVALID");
  EXPECT_THAT(status.message(), HasSubstr("nbf"));
}

TEST_F(TokenTest, AlgorithmNoneIsRefused) {
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  for (const char* header :
       {R"({"alg":"none","typ":"JWT"})", R"({"alg":"None"})", R"({"typ":"JWT"})", "{}"}) {
    ExpectInvalid(absl::StrCat(Encode(header), ".", parts[1], "."), "known key");
    ExpectInvalid(absl::StrCat(Encode(header), ".", parts[1], ".", parts[2]), "known key");
  }
  const std::string none =
      absl::StrCat(R"({"alg":"none","typ":"JWT","kid":")", signer_->public_key().id, "\"}");
  ExpectInvalid(absl::StrCat(Encode(none), ".", parts[1], "."), "known key");
}

TEST_F(TokenTest, HmacKeyedWithThePublicKeyIsRefused) {
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  const std::string header =
      absl::StrCat(R"({"alg":"HS256","typ":"JWT","kid":")", signer_->public_key().id, "\"}");
  // Under an HS256 header, and under the real one, which alone decides how a signature is read.
  for (const std::string& claimed : {header, HeaderText()}) {
    const std::string text = absl::StrCat(Encode(claimed), ".", parts[1]);
    const std::string& key = signer_->public_key().pem;
    unsigned char mac[32];
    unsigned length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &length);
    const std::string signature(reinterpret_cast<char*>(mac), length);
    ExpectInvalid(absl::StrCat(text, ".", Encode(signature)), "");
  }
}

TEST_F(TokenTest, AHeaderThatIsNotOursByteForByteIsRefusedThoughItsSignatureIsRight) {
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  const std::string& id = signer_->public_key().id;
  const Forge forge(key_pem_);
  for (const std::string& header :
       {absl::StrCat(R"({"typ":"JWT","alg":"ES256","kid":")", id, "\"}"),
        absl::StrCat(R"({"alg":"ES256","typ":"JWT","kid":")", id, "\" }"),
        absl::StrCat(R"({"alg":"ES256","typ":"JWT","kid":")", id, R"(","crit":["exp"]})"),
        absl::StrCat(R"({"alg":"ES384","typ":"JWT","kid":")", id, "\"}"),
        std::string(R"({"alg":"ES256","typ":"JWT"})")}) {
    ExpectInvalid(forge.Sign(header, Decode(parts[1])), "known key");
  }
}

TEST_F(TokenTest, AnotherIssuerAudienceScopeOrSubjectIsRefused) {
  ExpectInvalid(WithClaims([](Json* c) { (*c)["iss"] = "someone"; }), "(iss)");
  ExpectInvalid(WithClaims([](Json* c) { c->erase("iss"); }), "(iss)");
  ExpectInvalid(WithClaims([](Json* c) { (*c)["aud"] = "another-api"; }), "(aud)");
  ExpectInvalid(WithClaims([](Json* c) { (*c)["aud"] = Json::array({"cronium-runtime"}); }),
                "(aud)");
  ExpectInvalid(WithClaims([](Json* c) { (*c)["scope"] = "admin"; }), "(scope)");
  ExpectInvalid(WithClaims([](Json* c) { (*c)["sub"] = "exec_other"; }), "(sub)");
  ExpectInvalid(WithClaims([](Json* c) { (*c)["executionId"] = 7; }), "(executionId)");
}

TEST_F(TokenTest, TimesMustBeThereAndWhole) {
  for (const char* name : {"iat", "nbf", "exp"}) {
    ExpectInvalid(WithClaims([&](Json* c) { c->erase(name); }), "lacks its times");
    ExpectInvalid(WithClaims([&](Json* c) { (*c)[name] = "1700000000"; }), "lacks its times");
    ExpectInvalid(WithClaims([&](Json* c) { (*c)[name] = 1.7e9; }), "lacks its times");
  }
}

TEST_F(TokenTest, APayloadThatIsNoObjectIsRefused) {
  const Forge forge(key_pem_);
  for (const char* payload : {"", "[]", "7", "null", "{", "\xFF"}) {
    ExpectInvalid(forge.Sign(HeaderText(), payload), "holds no claims");
  }
}

TEST_F(TokenTest, ChangedClaimsAreNoticed) {
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  Json payload = Json::parse(Decode(parts[1]));
  payload["executionId"] = "exec_AAAAAAAAAAAA";
  ExpectInvalid(absl::StrCat(parts[0], ".", Encode(payload.dump()), ".", parts[2]),
                "wrong signature");
}

TEST_F(TokenTest, EveryChangedByteIsNoticed) {
  for (size_t i = 0; i < token_.size(); ++i) {
    std::string changed = token_;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verifier_->Verify(changed, kNow).ok()) << "byte " << i;
  }
}

TEST_F(TokenTest, ATokenHasNoOtherSpelling) {
  EXPECT_FALSE(verifier_->Verify(token_ + "=", kNow).ok());
  EXPECT_FALSE(verifier_->Verify(token_ + "\n", kNow).ok());
  EXPECT_FALSE(verifier_->Verify(" " + token_, kNow).ok());
  EXPECT_FALSE(verifier_->Verify(token_ + ".", kNow).ok());
  EXPECT_FALSE(verifier_->Verify(token_ + "." + token_, kNow).ok());
  // The bits past the end of the last digit are zero in one spelling only.
  std::string changed = token_;
  changed.back() = changed.back() == 'A' ? 'B' : static_cast<char>(changed.back() + 1);
  EXPECT_FALSE(verifier_->Verify(changed, kNow).ok());
}

TEST_F(TokenTest, SignaturesOfZerosOrOfAnotherLengthAreRefused) {
  const std::vector<std::string> parts = absl::StrSplit(token_, '.');
  const std::string text = absl::StrCat(parts[0], ".", parts[1], ".");
  for (const size_t length : {0, 1, 63, 64, 65, 70, 128}) {
    ExpectInvalid(text + Encode(std::string(length, '\0')), "wrong signature");
    ExpectInvalid(text + Encode(std::string(length, '\xFF')), "wrong signature");
  }
}

TEST_F(TokenTest, AnotherKeysTokenIsRefusedEvenUnderThisKeysName) {
  const auto other = NewSigner();
  ExpectInvalid(other->Sign(Claims()).value(), "known key");
  const std::vector<std::string> ours = absl::StrSplit(token_, '.');
  const std::vector<std::string> theirs = absl::StrSplit(other->Sign(Claims()).value(), '.');
  ExpectInvalid(absl::StrCat(ours[0], ".", theirs[1], ".", theirs[2]), "wrong signature");
}

TEST_F(TokenTest, JunkIsRefused) {
  for (const std::string& junk :
       {std::string(), std::string("."), std::string(".."), std::string("..."), std::string("a.b"),
        std::string("a.b.c"), std::string("Bearer x"), std::string("\0\xFF..", 4),
        std::string(4096, '.'), std::string(4096, 'A')}) {
    ExpectInvalid(junk, "");
  }
}

TEST_F(TokenTest, AnOversizeTokenIsRefusedUnread) {
  ExpectInvalid(std::string(4097, 'A'), "longer than 4096 bytes");
  ExpectInvalid(token_ + std::string(1 << 20, 'A'), "longer than 4096 bytes");
}

TEST_F(TokenTest, ClaimsTooLargeForATokenAreNotSigned) {
  TokenClaims claims = Claims();
  claims.user_id = std::string(4096, 'u');
  EXPECT_EQ(signer_->Sign(claims).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TokenTest, AVerifierTakesTokensOfEachOfItsKeys) {
  const auto newer = NewSigner();
  const auto both = TokenVerifier::Create({newer->public_key(), signer_->public_key()}).value();
  EXPECT_TRUE(both->Verify(token_, kNow).ok());
  EXPECT_TRUE(both->Verify(newer->Sign(Claims()).value(), kNow).ok());
  EXPECT_TRUE(both->HasKey(newer->public_key().id));
  EXPECT_FALSE(verifier_->HasKey(newer->public_key().id));
}

TEST_F(TokenTest, TheKeyOfAnUncheckedTokenIsNamedOnlyWhereItsHeaderIsOurs) {
  EXPECT_EQ(TokenVerifier::KeyIdIn(token_), signer_->public_key().id);
  EXPECT_EQ(TokenVerifier::KeyIdIn(""), "");
  EXPECT_EQ(TokenVerifier::KeyIdIn("a.b.c"), "");
  EXPECT_EQ(TokenVerifier::KeyIdIn(token_ + std::string(5000, 'A')), "");
  const std::string none = Encode(R"({"alg":"none","typ":"JWT","kid":"0123456789abcdef"})");
  EXPECT_EQ(TokenVerifier::KeyIdIn(none + ".a.b"), "");
  const std::string longer = Encode(R"({"alg":"ES256","typ":"JWT","kid":"0123456789abcdefg"})");
  EXPECT_EQ(TokenVerifier::KeyIdIn(longer + ".a.b"), "");
}

TEST_F(TokenTest, AKeysIdIsMadeFromTheKey) {
  EXPECT_EQ(TokenSigner::FromPem(key_pem_).value()->public_key().id, signer_->public_key().id);
  EXPECT_EQ(signer_->public_key().id.size(), 16u);
  TokenPublicKey renamed = signer_->public_key();
  renamed.id = "AAAAAAAAAAAAAAAA";
  EXPECT_EQ(TokenVerifier::Create({renamed}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TokenTest, OnlyP256KeysAreKeys) {
  EXPECT_FALSE(TokenSigner::FromPem("").ok());
  EXPECT_FALSE(TokenSigner::FromPem("not a key").ok());
  EXPECT_FALSE(TokenSigner::FromPem(signer_->public_key().pem).ok());
  EXPECT_FALSE(TokenVerifier::Create({{"AAAAAAAAAAAAAAAA", key_pem_}}).ok());
  for (EVP_PKEY* raw : {EVP_EC_gen("P-384"), EVP_RSA_gen(2048)}) {
    const UniqueKey key(raw);
    const absl::Status status = TokenSigner::FromPem(PrivateKeyToPem(key.get()).value()).status();
    EXPECT_THAT(status.message(), HasSubstr("not on P-256"));
    EXPECT_FALSE(
        TokenVerifier::Create({{"AAAAAAAAAAAAAAAA", PublicKeyToPem(key.get()).value()}}).ok());
  }
}

TEST_F(TokenTest, ManyThreadsSignAndVerifyAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(verifier_->Verify(token_, kNow).ok());
        EXPECT_TRUE(verifier_->Verify(signer_->Sign(Claims()).value(), kNow).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace cronium
