// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/settings.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>

#include "runtime-gateway/helpers/retry.h"
#include "runtime-gateway/helpers/text.h"

namespace cronium::gateway::helpers {
namespace {

// "address port" of a URL, or its error.
std::string AddressOf(const std::string& url) {
  Endpoint endpoint;
  std::string error = ParseUrlEndpoint(url, &endpoint);
  if (!error.empty()) return error;
  char text[INET6_ADDRSTRLEN] = "";
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&endpoint.address);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&endpoint.address);
  if (endpoint.address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return std::string(text) + " " + std::to_string(ntohs(v4->sin_port));
  }
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  return std::string(text) + " " + std::to_string(ntohs(v6->sin6_port));
}

TEST(ParseUrlEndpoint, TakesNumericAddressesAndTheTwoNames) {
  EXPECT_EQ(AddressOf("http://runtime-api:8081"), "127.0.0.1 8081");
  EXPECT_EQ(AddressOf("http://localhost:8081/"), "127.0.0.1 8081");
  EXPECT_EQ(AddressOf("http://10.1.2.3"), "10.1.2.3 80");
  EXPECT_EQ(AddressOf("http://[::1]:9"), "::1 9");
  EXPECT_EQ(AddressOf("http://[::1]"), "::1 80");
}

TEST(ParseUrlEndpoint, RefusesWhatItCannotConnectTo) {
  for (const char* url : {"", "runtime-api:8081", "https://localhost:1", "http://example.org:80",
                          "http://localhost:0", "http://localhost:65536", "http://localhost:",
                          "http://localhost:80/base", "http://", "http://user@localhost"}) {
    EXPECT_EQ(AddressOf(url).substr(0, 29), "must be http://ADDRESS[:PORT]") << url;
  }
}

TEST(ParseUnixEndpoint, RefusesAPathThatASocketCannotHave) {
  Endpoint endpoint;
  EXPECT_EQ(ParseUnixEndpoint("/run/api.sock", &endpoint), "");
  EXPECT_STREQ(reinterpret_cast<const sockaddr_un*>(&endpoint.address)->sun_path, "/run/api.sock");
  EXPECT_EQ(endpoint.name, "unix:/run/api.sock");
  EXPECT_EQ(ParseUnixEndpoint("api.sock", &endpoint),
            "must be an absolute path of at most 107 bytes, not 'api.sock'");
  EXPECT_NE(ParseUnixEndpoint("/" + std::string(107, 'x'), &endpoint), "");
}

TEST(ParseRetryFor, TakesSeconds) {
  int64_t ms = -1;
  EXPECT_EQ(ParseRetryFor("300", &ms), "");
  EXPECT_EQ(ms, 300'000);
  EXPECT_EQ(ParseRetryFor("0", &ms), "");
  EXPECT_EQ(ms, 0);
  EXPECT_EQ(ParseRetryFor("1.5", &ms), "");
  EXPECT_EQ(ms, 1'500);
  EXPECT_EQ(ParseRetryFor("0.0625", &ms), "");
  EXPECT_EQ(ms, 62);
  EXPECT_EQ(ParseRetryFor("86400", &ms), "");
}

TEST(ParseRetryFor, RefusesAnythingElse) {
  int64_t ms = 7;
  for (const char* text : {"", "-1", "5m", "1e3", ".5", "5.", "86401", "999999", "1.2.3", " 1"}) {
    EXPECT_EQ(ParseRetryFor(text, &ms),
              "must be a number of seconds from 0 to 86400, not '" + std::string(text) + "'");
  }
  EXPECT_EQ(ms, 7);
}

TEST(RetryDelay, DoublesUpToItsLimitWithinItsSpread) {
  for (const uint32_t random : {0u, 1u, 12345u, 4294967295u}) {
    int64_t full = kFirstDelayMs;
    for (int tries = 1; tries < 100; ++tries) {
      const int64_t delay = RetryDelayMs(tries, std::nullopt, random);
      EXPECT_GE(delay, full / 2);
      EXPECT_LE(delay, full);
      full = std::min(full * 2, kMaxDelayMs);
    }
  }
}

TEST(RetryDelay, HonoursTheServersTime) {
  for (const uint32_t random : {0u, 77u, 4294967295u}) {
    EXPECT_GE(RetryDelayMs(1, 10, random), 10'000);
    EXPECT_LE(RetryDelayMs(1, 10, random), 10'000 + kFirstDelayMs);
    EXPECT_GE(RetryDelayMs(20, 0, random), kMaxDelayMs / 2) << "never sooner than by itself";
  }
}

TEST(MayRetry, IsForWhatMayPass) {
  for (const int status : {429, 500, 502, 503, 504}) EXPECT_TRUE(MayRetry(status)) << status;
  for (const int status : {301, 400, 401, 403, 404, 409, 412, 413}) {
    EXPECT_FALSE(MayRetry(status)) << status;
  }
}

TEST(Text, PercentEncodesAllButTheUnreserved) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a/b c%?#é"), "a%2Fb%20c%25%3F%23%C3%A9");
}

TEST(Text, SplitsListsAndDropsBlanks) {
  EXPECT_EQ(SplitList(" a@x , b@y,, "), (std::vector<std::string_view>{"a@x", "b@y"}));
  EXPECT_TRUE(SplitList("").empty());
}

TEST(Text, StaysOnOneLine) {
  EXPECT_EQ(OneLine("a\nb\tc"), "a b c");
  EXPECT_EQ(OneLine(std::string(1001, 'x')).size(), 1003);
}

}  // namespace
}  // namespace cronium::gateway::helpers
