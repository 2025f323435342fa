// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/url.h"

#include <gtest/gtest.h>

#include <string>

#include "common/error.h"

namespace cronium::controller {
namespace {

TEST(HttpUrl, IsReadAsCurlReadsIt) {
  const HttpUrl url = ParseHttpUrl("HTTPS://Example.COM/a/../b?q=1#part").value();
  EXPECT_EQ(url.text, "https://example.com/b?q=1");
  EXPECT_EQ(url.origin, "https://example.com:443");
  EXPECT_EQ(ParseHttpUrl("http://[::1]:8080/")->host, "[::1]");
  // Other ways to write 127.0.0.1 are that address.
  for (const char* text :
       {"http://0x7f.1/", "http://0177.0.0.1/", "http://2130706433/", "http://127.1/"}) {
    EXPECT_EQ(ParseHttpUrl(text)->host, "127.0.0.1") << text;
  }
}

TEST(HttpUrl, TellsAndDropsUserinfo) {
  const HttpUrl url = ParseHttpUrl("http://user:secret@example.com/x").value();
  EXPECT_TRUE(url.has_userinfo);
  EXPECT_EQ(url.text, "http://example.com/x");
  EXPECT_EQ(ParseHttpUrl("http://good.example@evil.example/")->host, "evil.example");
}

TEST(HttpUrl, RefusesOtherSchemesAndWhatIsNone) {
  for (const char* text :
       {"", "example.com", "/path", "file:///etc/passwd", "gopher://example.com/", "ftp://a/",
        "http://", "http://a b/", "http://example.com/\r\nHost: x", "http://ex\x01/",
        "https://example.com/\xc3\xa4", "dict://localhost:11211/stat"}) {
    const absl::Status refused = ParseHttpUrl(text).status();
    EXPECT_EQ(ErrorReason(refused), "OUTBOUND_BAD_URL") << text;
  }
  EXPECT_FALSE(ParseHttpUrl("http://a/" + std::string(9000, 'x')).ok());
}

TEST(HttpUrl, DoesNotRepeatARefusedUrl) {
  const absl::Status refused = ParseHttpUrl("ftp://user:secret@example.com/").status();
  EXPECT_EQ(refused.message().find("secret"), std::string::npos) << refused;
}

TEST(HttpUrl, ResolvesALocation) {
  const HttpUrl base = ParseHttpUrl("https://example.com/a/b?x=1").value();
  EXPECT_EQ(ResolveLocation(base, "/c")->text, "https://example.com/c");
  EXPECT_EQ(ResolveLocation(base, "c")->text, "https://example.com/a/c");
  EXPECT_EQ(ResolveLocation(base, "//other.example/c")->origin, "https://other.example:443");
  EXPECT_EQ(ResolveLocation(base, "http://other.example")->scheme, "http");
  EXPECT_FALSE(ResolveLocation(base, "file:///etc/passwd").ok());
  EXPECT_FALSE(ResolveLocation(base, "gopher://x/").ok());
}

TEST(LoggableUrl, HasNeitherUserinfoNorValuesOfTheQuery) {
  EXPECT_EQ(LoggableUrl("https://u:p@example.com/a?token=abc&x=1&bare#f"),
            "https://example.com/a?token=***&x=***&***");
  EXPECT_EQ(LoggableUrl("https://example.com/a"), "https://example.com/a");
  EXPECT_EQ(LoggableUrl("nonsense"), "(no URL)");
}

}  // namespace
}  // namespace cronium::controller
