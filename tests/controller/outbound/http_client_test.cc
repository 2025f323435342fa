// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/http_client.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error.h"
#include "common/pki/pki.h"
#include "controller/outbound/transfer_error.h"
#include "tests/controller/outbound/http_peer.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using Answered = absl::StatusOr<HttpResponse>;

TransferLoopOptions Allowing(const char* allow = "127.0.0.0/8") {
  TransferLoopOptions options;
  options.rule = AddressRule(ParseCidrs(allow).value(), {});
  return options;
}

HttpRequest Get(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  return request;
}

class HttpClientTest : public testing::Test {
 protected:
  explicit HttpClientTest(TransferLoopOptions options = Allowing())
      : loop_(std::move(options)), client_(&loop_) {}

  std::future<Answered> Send(HttpRequest request, HttpClient::Id* id = nullptr) {
    auto answered = std::make_shared<std::promise<Answered>>();
    std::future<Answered> future = answered->get_future();
    const HttpClient::Id sent = client_.Send(std::move(request), [answered](Answered answer) {
      answered->set_value(std::move(answer));
    });
    if (id != nullptr) *id = sent;
    return future;
  }
  Answered Fetch(HttpRequest request) { return Send(std::move(request)).get(); }
  std::string ReasonOf(HttpRequest request) {
    return ErrorReason(Fetch(std::move(request)).status());
  }

  TransferLoop loop_;
  HttpClient client_;
};

TEST_F(HttpClientTest, SendsWhatWasAskedForAndReturnsWhatCame) {
  HttpPeer peer([](const PeerRequest& request) {
    return HttpPeer::Answer(201, "made: " + request.body, "X-Kind: test\r\n");
  });
  HttpRequest request = Get(peer.Url("/things?a=b"));
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}, {"X-Key", "7"}, {"X-Empty", ""}};
  request.body = "{\"n\":1}";
  const Answered answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "made: {\"n\":1}");
  EXPECT_EQ(FindHeader(answer->headers, "x-kind"), "test");
  EXPECT_EQ(answer->url, peer.Url("/things?a=b"));
  const PeerRequest got = peer.requests().at(0);
  EXPECT_EQ(got.method, "POST");
  EXPECT_EQ(got.target, "/things?a=b");
  EXPECT_TRUE(got.Has("Content-Type: application/json"));
  EXPECT_TRUE(got.Has("X-Key: 7"));
  EXPECT_TRUE(got.HasHeader("X-Empty"));
  EXPECT_FALSE(got.HasHeader("Expect"));
}

TEST_F(HttpClientTest, SendsEveryMethodAsItIs) {
  HttpPeer peer([](const PeerRequest& request) {
    return HttpPeer::Answer(200, request.method == "HEAD" ? "" : "ok");
  });
  for (const char* method : {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE", "PURGE"}) {
    HttpRequest request = Get(peer.Url("/"));
    request.method = method;
    ASSERT_TRUE(Fetch(request).ok()) << method;
    EXPECT_EQ(peer.requests().back().method, method);
  }
}

TEST_F(HttpClientTest, TakesAnyStatusForAnAnswer) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(503, "busy"); });
  const Answered answer = Fetch(Get(peer.Url("/")));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "busy");
}

TEST_F(HttpClientTest, UsesAConnectionAgainButNeverForWhatMustNotBeSentTwice) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  ASSERT_TRUE(Fetch(Get(peer.Url("/1"))).ok());
  ASSERT_TRUE(Fetch(Get(peer.Url("/2"))).ok());
  EXPECT_EQ(peer.connections(), 1);
  HttpRequest post = Get(peer.Url("/3"));
  post.method = "POST";
  ASSERT_TRUE(Fetch(post).ok());
  EXPECT_EQ(peer.connections(), 2);
}

TEST_F(HttpClientTest, RefusesAnAddressWhoeverNamesIt) {
  TransferLoop strict{TransferLoopOptions()};
  HttpClient client(&strict);
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  for (const char* host : {"127.0.0.1", "localhost", "0x7f.0.0.1", "0177.1", "2130706433", "[::1]",
                           "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"}) {
    std::promise<Answered> answered;
    client.Send(Get(absl::StrCat("http://", host, ":", peer.port(), "/")),
                [&](Answered answer) { answered.set_value(std::move(answer)); });
    const absl::Status refused = answered.get_future().get().status();
    EXPECT_EQ(ErrorReason(refused), kOutboundAddressRefused) << host << ": " << refused;
  }
  EXPECT_EQ(peer.connections(), 0);
}

TEST_F(HttpClientTest, DoesNotAskTheEnvironmentForAProxy) {
  HttpPeer proxy([](const PeerRequest&) { return HttpPeer::Answer(200, "from the proxy"); });
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, "direct"); });
  setenv("http_proxy", proxy.Url("").c_str(), 1);
  setenv("all_proxy", proxy.Url("").c_str(), 1);
  const Answered answer = Fetch(Get(peer.Url("/")));
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "direct");
}

TEST_F(HttpClientTest, RefusesMalformedRequests) {
  HttpRequest request = Get("http://127.0.0.1:1/");
  request.method = "GET / HTTP/1.1\r\nX: ";
  EXPECT_EQ(ReasonOf(request), kOutboundBadRequest);
  request.method = "GET";
  request.headers = {{"X-Key", "a\r\nX-Other: b"}};
  EXPECT_EQ(ReasonOf(request), kOutboundBadRequest);
  request.headers = {{"X Key", "a"}};
  EXPECT_EQ(ReasonOf(request), kOutboundBadRequest);
  request.headers = {{"hOsT", "internal"}};
  EXPECT_EQ(ReasonOf(request), kOutboundBadRequest);
  request.headers = {{"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(ReasonOf(request), kOutboundBadRequest);
  EXPECT_EQ(ReasonOf(Get("http://user:secret@127.0.0.1:1/")), kOutboundBadRequest);
  EXPECT_EQ(ReasonOf(Get("file:///etc/passwd")), kOutboundBadUrl);
  EXPECT_EQ(ReasonOf(Get("gopher://127.0.0.1:1/")), kOutboundBadUrl);
}

// ---- Limits

TEST_F(HttpClientTest, EndsABodyOverItsLimitWithAnErrorOrCutsItWhereAskedTo) {
  HttpPeer peer(
      [](const PeerRequest&) { return HttpPeer::Answer(200, std::string(300'000, 'x')); });
  HttpRequest request = Get(peer.Url("/"));
  request.max_body_bytes = 1000;
  EXPECT_EQ(ReasonOf(request), kOutboundBodyTooLarge);
  request.cut_body = true;
  Answered answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, std::string(1000, 'x'));
  EXPECT_TRUE(answer->body_cut);
  request.max_body_bytes = 300'000;
  answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body.size(), 300'000u);
  EXPECT_FALSE(answer->body_cut);
}

TEST_F(HttpClientTest, EndsEndlessHeadersWithAnError) {
  HttpPeer peer([](const PeerRequest&) {
    std::string headers;
    for (int i = 0; i < 2000; ++i)
      absl::StrAppend(&headers, "X-", i, ": ", std::string(50, 'x'), "\r\n");
    return HttpPeer::Answer(200, "", headers);
  });
  EXPECT_EQ(ReasonOf(Get(peer.Url("/"))), kOutboundHeadersTooLarge);
}

TEST_F(HttpClientTest, GivesUpAPeerThatDoesNotAnswer) {
  HttpPeer peer([](const PeerRequest&) -> std::optional<std::string> { return std::nullopt; });
  HttpRequest request = Get(peer.Url("/secret-path"));
  request.timeout = absl::Milliseconds(50);
  const absl::Status late = Fetch(request).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ErrorReason(late), kOutboundTimeout);
  EXPECT_TRUE(absl::StrContains(late.message(), "127.0.0.1")) << late;
  EXPECT_FALSE(absl::StrContains(late.message(), "secret")) << late;
  EXPECT_FALSE(NothingWasSent(late));
}

TEST_F(HttpClientTest, CancelsACallUnderWay) {
  std::promise<void> arrived;
  HttpPeer peer([&](const PeerRequest&) -> std::optional<std::string> {
    arrived.set_value();
    return std::nullopt;
  });
  HttpClient::Id id = 0;
  std::future<Answered> answer = Send(Get(peer.Url("/")), &id);
  arrived.get_future().wait();
  client_.Cancel(id);
  EXPECT_EQ(answer.get().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(HttpClientTest, SaysWhetherARequestWentOut) {
  int free_port;
  {
    HttpPeer gone([](const PeerRequest&) { return std::nullopt; });
    free_port = gone.port();
  }
  const absl::Status refused =
      Fetch(Get(absl::StrCat("http://127.0.0.1:", free_port, "/"))).status();
  EXPECT_EQ(ErrorReason(refused), kOutboundConnectFailed) << refused;
  EXPECT_TRUE(NothingWasSent(refused));
  const absl::Status unknown = Fetch(Get("http://no-such-host.invalid/")).status();
  EXPECT_EQ(ErrorReason(unknown), kOutboundUnresolved) << unknown;
  EXPECT_TRUE(NothingWasSent(unknown));
  HttpPeer closing([](const PeerRequest&) { return std::string(); });
  HttpRequest post = Get(closing.Url("/"));
  post.method = "POST";
  const absl::Status lost = Fetch(post).status();
  EXPECT_EQ(ErrorReason(lost), kOutboundConnectionLost) << lost;
  EXPECT_FALSE(NothingWasSent(lost));
  EXPECT_EQ(closing.requests().size(), 1u);
}

// ---- Redirects

std::string Redirect(int status, absl::string_view to) {
  return HttpPeer::Answer(status, "over there", absl::StrCat("Location: ", to, "\r\n"));
}

TEST_F(HttpClientTest, FollowsRedirectsOnlyWhereAskedTo) {
  HttpPeer peer([](const PeerRequest& request) {
    return request.target == "/old" ? Redirect(302, "/new") : HttpPeer::Answer(200, "here");
  });
  HttpRequest request = Get(peer.Url("/old"));
  EXPECT_EQ(Fetch(request)->status, 302);
  request.max_redirects = 1;
  const Answered answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "here");
  EXPECT_EQ(answer->url, peer.Url("/new"));
  EXPECT_EQ(answer->redirects, 1);
}

TEST_F(HttpClientTest, ChangesTheMethodAsEachStatusHasIt) {
  HttpPeer peer([](const PeerRequest& request) {
    if (request.target.size() == 4) return Redirect(std::stoi(request.target.substr(1)), "/to");
    return HttpPeer::Answer(200, absl::StrCat(request.method, " ", request.body));
  });
  const auto after = [&](int status, const char* method) {
    HttpRequest request = Get(peer.Url(absl::StrCat("/", status)));
    request.method = method;
    request.body = "data";
    request.max_redirects = 3;
    return Fetch(request)->body;
  };
  EXPECT_EQ(after(301, "POST"), "GET ");
  EXPECT_EQ(after(302, "POST"), "GET ");
  EXPECT_EQ(after(303, "PUT"), "GET ");
  EXPECT_EQ(after(302, "PUT"), "PUT data");
  EXPECT_EQ(after(307, "POST"), "POST data");
  EXPECT_EQ(after(308, "PUT"), "PUT data");
}

TEST_F(HttpClientTest, GivesUpALoopOfRedirects) {
  HttpPeer peer([](const PeerRequest&) { return Redirect(302, "/again"); });
  HttpRequest request = Get(peer.Url("/"));
  request.max_redirects = 5;
  EXPECT_EQ(ReasonOf(request), kOutboundRedirectRefused);
  EXPECT_EQ(peer.requests().size(), 6u);
}

TEST_F(HttpClientTest, KeepsCredentialsFromAnotherOrigin) {
  HttpPeer other([](const PeerRequest&) { return HttpPeer::Answer(200, "there"); });
  HttpPeer peer([&](const PeerRequest& request) {
    return Redirect(307, request.target == "/here" ? "/there" : other.Url("/"));
  });
  HttpRequest request = Get(peer.Url("/here"));
  request.headers = {{"Authorization", "Bearer secret"},
                     {"Cookie", "s=1"},
                     {"X-Api-Key", "secret"},
                     {"Accept", "text/plain"}};
  request.max_redirects = 3;
  ASSERT_EQ(Fetch(request)->body, "there");
  // Within the origin they stay.
  EXPECT_TRUE(peer.requests().at(1).Has("Authorization: Bearer secret"));
  EXPECT_TRUE(peer.requests().at(1).Has("X-Api-Key: secret"));
  const PeerRequest crossed = other.requests().at(0);
  EXPECT_FALSE(crossed.HasHeader("Authorization"));
  EXPECT_FALSE(crossed.HasHeader("Cookie"));
  EXPECT_FALSE(crossed.HasHeader("X-Api-Key"));
  EXPECT_TRUE(crossed.Has("Accept: text/plain"));
}

TEST(HttpRedirect, DoesNotLeadPastTheAddressRule) {
  TransferLoop loop(Allowing("127.0.0.1"));
  HttpClient client(&loop);
  HttpPeer inner([](const PeerRequest&) { return HttpPeer::Answer(200, "secret"); }, "127.0.0.2");
  HttpPeer outer([&](const PeerRequest&) { return Redirect(302, inner.Url("/")); });
  HttpRequest request = Get(outer.Url("/"));
  request.max_redirects = 3;
  std::promise<Answered> answered;
  client.Send(request, [&](Answered answer) { answered.set_value(std::move(answer)); });
  const absl::Status refused = answered.get_future().get().status();
  EXPECT_EQ(ErrorReason(refused), kOutboundAddressRefused) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "127.0.0.2")) << refused;
  EXPECT_EQ(inner.connections(), 0);
}

TEST_F(HttpClientTest, DoesNotFollowARedirectToAnotherProtocol) {
  for (const char* to : {"file:///etc/passwd", "gopher://127.0.0.1:1/", "smtp://127.0.0.1/"}) {
    HttpPeer peer([&](const PeerRequest&) { return Redirect(302, to); });
    HttpRequest request = Get(peer.Url("/"));
    request.max_redirects = 3;
    EXPECT_EQ(ReasonOf(request), kOutboundRedirectRefused) << to;
  }
}

// ---- TLS

KeyAndCertificate TestCa() {
  const absl::Time now = absl::Now();
  return MakeCa("test", now - absl::Hours(1), now + absl::Hours(24)).value();
}

HttpPeer::Tls Certificate(const KeyAndCertificate& ca, std::string host) {
  CertificateRequest request;
  request.uri = ControllerUri("test");
  request.hosts = {std::move(host)};
  request.not_before = absl::Now() - absl::Hours(1);
  request.not_after = absl::Now() + absl::Hours(1);
  const KeyAndCertificate issued = IssueCertificate(ca, request).value();
  return {issued.certificate_pem, issued.key_pem};
}

class HttpsTest : public testing::Test {
 protected:
  HttpsTest() : ca_(TestCa()) { std::ofstream(dir_.path() + "/ca.crt") << ca_.certificate_pem; }
  absl::Status Fetch(const std::string& url, bool with_ca, int max_redirects = 0) {
    TransferLoopOptions options = Allowing();
    if (with_ca) options.ca_file = dir_.path() + "/ca.crt";
    TransferLoop loop(std::move(options));
    HttpClient client(&loop);
    HttpRequest request = Get(url);
    request.max_redirects = max_redirects;
    std::promise<Answered> answered;
    client.Send(request, [&](Answered answer) { answered.set_value(std::move(answer)); });
    return answered.get_future().get().status();
  }

  TempDir dir_;
  const KeyAndCertificate ca_;
};

TEST_F(HttpsTest, TrustsTheCaThatTheOperatorAdds) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); }, "127.0.0.1",
                Certificate(ca_, "127.0.0.1"));
  EXPECT_TRUE(Fetch(peer.Url("/"), /*with_ca=*/true).ok());
  const absl::Status untrusted = Fetch(peer.Url("/"), /*with_ca=*/false);
  EXPECT_EQ(ErrorReason(untrusted), kOutboundTlsUntrusted) << untrusted;
  EXPECT_EQ(peer.requests().size(), 1u);
}

TEST_F(HttpsTest, RefusesACertificateOfAnotherName) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); }, "127.0.0.1",
                Certificate(ca_, "other.example"));
  const absl::Status untrusted = Fetch(peer.Url("/"), /*with_ca=*/true);
  EXPECT_EQ(ErrorReason(untrusted), kOutboundTlsUntrusted) << untrusted;
  EXPECT_TRUE(peer.requests().empty());
}

TEST_F(HttpsTest, SaysSoWhereThePeerSpeaksNoTls) {
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  const absl::Status failed =
      Fetch(absl::StrCat("https://127.0.0.1:", peer.port(), "/"), /*with_ca=*/true);
  EXPECT_EQ(ErrorReason(failed), kOutboundTlsFailed) << failed;
}

TEST_F(HttpsTest, DoesNotFollowARedirectToClearText) {
  HttpPeer clear([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  HttpPeer peer([&](const PeerRequest&) { return Redirect(302, clear.Url("/")); }, "127.0.0.1",
                Certificate(ca_, "127.0.0.1"));
  EXPECT_EQ(ErrorReason(Fetch(peer.Url("/"), true, 3)), kOutboundRedirectRefused);
  EXPECT_EQ(clear.connections(), 0);
}

}  // namespace
}  // namespace cronium::controller
