// SPDX-License-Identifier: Apache-2.0
// Tokens as attackers make them, and keys that change.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/error.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class TokenAttackTest : public GatewayFixture {
 protected:
  RawReply AskWith(const std::string& token) const {
    return AskRaw(RequestText("GET", Path("input"), {Bearer(token)}));
  }

  void ExpectRefused(const std::string& token, const std::string& code,
                     const testing::Matcher<const std::string&>& message = _) {
    SCOPED_TRACE(token);
    ExpectError(AskWith(token), 401, code, message);
    EXPECT_EQ(service_->calls(), 0);
  }

  static std::string Encode(absl::string_view text) { return absl::WebSafeBase64Escape(text); }
};

TEST_F(TokenAttackTest, AnUnsignedTokenIsRefused) {
  Start();
  const std::vector<std::string> parts = absl::StrSplit(Token(), '.');
  ExpectRefused(absl::StrCat(Encode(R"({"alg":"none","typ":"JWT"})"), ".", parts[1], "."),
                "TOKEN_INVALID");
  ExpectRefused(absl::StrCat(parts[0], ".", parts[1], "."), "TOKEN_INVALID");
  ExpectRefused(absl::StrCat(parts[0], ".", parts[1]), "TOKEN_INVALID");
}

TEST_F(TokenAttackTest, AnHmacKeyedWithThePublicKeyIsRefused) {
  Start();
  std::string header;
  const std::vector<std::string> parts = absl::StrSplit(Token(), '.');
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[0], &header));
  const std::string text =
      absl::StrCat(Encode(absl::StrReplaceAll(header, {{"ES256", "HS256"}})), ".", parts[1]);
  const std::string key = service_->public_key_pem();
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &length);
  ExpectRefused(
      absl::StrCat(text, ".", Encode(absl::string_view(reinterpret_cast<char*>(mac), length))),
      "TOKEN_INVALID");
}

TEST_F(TokenAttackTest, ChangedClaimsAreRefused) {
  Start();
  const std::vector<std::string> parts = absl::StrSplit(Token(), '.');
  std::string payload;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[1], &payload));
  const std::string other = absl::StrReplaceAll(payload, {{kExecution, "exec_AAAAAAAAAAAA"}});
  ExpectRefused(absl::StrCat(parts[0], ".", Encode(other), ".", parts[2]), "TOKEN_INVALID",
                HasSubstr("signature"));
}

TEST_F(TokenAttackTest, AnotherSystemsKeyIsRefused) {
  Start();
  FakeRuntimeService other;
  TokenClaims claims;
  claims.execution_id = kExecution;
  claims.expires_at = absl::Now() + absl::Hours(1);
  ExpectRefused(other.Sign(claims), "TOKEN_INVALID", HasSubstr("known key"));
}

TEST_F(TokenAttackTest, TimesAndScopeAreChecked) {
  Start();
  ExpectRefused(Token([](TokenClaims* c) { c->expires_at = absl::Now() - absl::Seconds(1); }),
                "TOKEN_EXPIRED");
  ExpectRefused(Token([](TokenClaims* c) { c->not_before = absl::Now() + absl::Hours(1); }),
                "TOKEN_INVALID", HasSubstr("nbf"));
  ExpectRefused(Token([](TokenClaims* c) { c->scope = "admin"; }), "TOKEN_INVALID",
                HasSubstr("scope"));
}

TEST_F(TokenAttackTest, JunkAndOversizeAreRefused) {
  Start();
  for (const std::string& junk :
       {std::string("x"), std::string("a.b.c"), std::string("..."), std::string(4097, 'A'),
        Token() + "A", "x" + Token(), Token() + " " + Token(), std::string(12'000, 'A')}) {
    ExpectRefused(junk, "TOKEN_INVALID");
  }
}

TEST_F(TokenAttackTest, ARememberedTokenStillExpires) {
  options_.rate_limit_per_minute = 0;
  Start();
  const absl::Time end = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 2);
  const std::string token = Token([&](TokenClaims* c) { c->expires_at = end; });
  EXPECT_EQ(AskWith(token).status, 200);
  // Asked again and again, so that it is surely remembered; the end is that of the token.
  RawReply reply;
  while ((reply = AskWith(token)).status == 200) {
  }
  ExpectError(reply, 401, "TOKEN_EXPIRED", _);
  EXPECT_GE(absl::Now(), end);
}

TEST_F(TokenAttackTest, ARememberedTokenIsNotRememberedForOthers) {
  Start();
  const std::string token = Token();
  EXPECT_EQ(AskWith(token).status, 200);
  std::string changed = token;
  changed[changed.size() / 2] = changed[changed.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(AskWith(changed).status, 401);
  EXPECT_EQ(AskWith(token).status, 200);
}

TEST_F(TokenAttackTest, TokensOfANewKeyAreTakenAtOnce) {
  Start();
  const std::string old_token = Token();
  EXPECT_EQ(AskWith(old_token).status, 200);
  const int fetches = service_->key_fetches();
  for (int i = 0; i < 3; ++i) {
    service_->RotateKey();
    EXPECT_EQ(AskWith(Token()).status, 200);
    EXPECT_EQ(service_->key_fetches(), fetches + i + 1);
  }
  EXPECT_EQ(AskWith(old_token).status, 200);
}

TEST_F(TokenAttackTest, UnknownKeysShareTheirFetches) {
  options_.key_fetch_interval = absl::Milliseconds(200);
  Start();
  ASSERT_EQ(AskWith(Token()).status, 200);
  const int before = service_->key_fetches();
  FakeRuntimeService other;
  TokenClaims claims;
  claims.execution_id = kExecution;
  claims.expires_at = absl::Now() + absl::Hours(1);
  const std::string foreign = other.Sign(claims);
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(AskWith(foreign).status, 401); });
  }
  for (std::thread& thread : threads) thread.join();
  // One that was under way when the first of them came, one for those who came meanwhile, and one
  // more for stragglers.
  EXPECT_LE(service_->key_fetches() - before, 8);
  EXPECT_GE(service_->key_fetches() - before, 1);
}

TEST_F(TokenAttackTest, EachRefusalIsCountedByItsReason) {
  Start();
  const auto refuse = [&](int status, const RawReply& reply) {
    EXPECT_EQ(reply.status, status) << reply.body;
  };
  const std::string token = Token();
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  refuse(401, AskRaw(RequestText("GET", Path("input"), {})));
  refuse(401, AskWith(absl::StrCat(Encode(R"({"alg":"none"})"), ".", parts[1], ".")));
  FakeRuntimeService other;
  refuse(401, AskWith(other.Sign(TokenClaims())));
  refuse(401, AskWith(absl::StrCat(parts[0], ".", parts[1], ".", Encode(std::string(64, 'x')))));
  refuse(401, AskWith("junk"));
  refuse(401, AskWith(std::string(5000, 'x')));
  refuse(401, AskWith(Token([](TokenClaims* c) { c->scope = "admin"; })));
  refuse(401, AskWith(Token([](TokenClaims* c) { c->expires_at = absl::UnixEpoch(); })));
  refuse(401, AskWith(Token([](TokenClaims* c) { c->not_before = absl::Now() + absl::Hours(1); })));
  refuse(403, AskRaw(RequestText("GET", "/executions/exec_AAAAAAAAAAAA/input", {Bearer(token)})));
  for (const auto& [code, reason] :
       {std::pair{absl::StatusCode::kPermissionDenied, "EXECUTION_ENDED"},
        std::pair{absl::StatusCode::kPermissionDenied, "WRONG_NODE"}}) {
    service_->FailNext(1, MakeError(code, reason, "no"));
    refuse(403, AskWith(token));
  }
  EXPECT_EQ(AskWith(token).status, 200);

  over_loopback_ = true;
  const std::string metrics = AskRaw(RequestText("GET", "/metrics", {})).body;
  for (const char* reason : {"missing", "algorithm", "key", "signature", "format", "size", "scope",
                             "expired", "not_yet", "other_execution", "ended", "wrong_node"}) {
    EXPECT_THAT(metrics, HasSubstr(absl::StrCat("cronium_gateway_token_refusals_total{reason=\"",
                                                reason, "\"} 1\n")));
  }
}

TEST_F(TokenAttackTest, JunkCausesNoFetch) {
  Start();
  ASSERT_EQ(AskWith(Token()).status, 200);
  const int before = service_->key_fetches();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(AskWith(absl::StrCat("junk", i, ".a.b")).status, 401);
  }
  EXPECT_EQ(service_->key_fetches(), before);
}

}  // namespace
}  // namespace cronium::gateway
