// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime-gateway/http/gateway_fixture.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/rpc/credentials.h"

namespace cronium::gateway {

GatewayFixture::GatewayFixture() {
  std::string pattern = testing::TempDir() + "gateway-test-XXXXXX";
  folder_ = mkdtemp(pattern.data());
  options_.socket_dir = folder_ + "/api";
  options_.listen = "127.0.0.1:0";
  options_.client.dev_node = "web-1";
  options_.key_fetch_interval = absl::Milliseconds(10);
}

GatewayFixture::~GatewayFixture() {
  // What is held would hold the gateway for as long as its drain.
  service_->Hold(false);
  gateway_.reset();
  std::filesystem::remove_all(folder_);
}

void GatewayFixture::Start() {
  absl::StatusOr<std::unique_ptr<Gateway>> gateway =
      Gateway::Start(options_,
                     grpc::CreateCustomChannel(controller_.address(), DevChannelCredentials(),
                                               ClientChannelArguments(/*own_connection=*/true)),
                     &clock_);
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  gateway_ = *std::move(gateway);
}

std::string GatewayFixture::Token(const std::function<void(TokenClaims*)>& change) const {
  TokenClaims claims;
  claims.execution_id = kExecution;
  claims.job_id = "job_0aZ9zA0aZ9zA";
  claims.event_id = "event-1";
  claims.user_id = "default";
  claims.issued_at = absl::Now();
  claims.not_before = absl::Now() - absl::Minutes(1);
  claims.expires_at = absl::Now() + absl::Hours(1);
  claims.token_id = "1";
  if (change) change(&claims);
  return service_->Sign(claims);
}

std::string GatewayFixture::Path(const std::string& rest) {
  return absl::StrCat("/executions/", kExecution, "/", rest);
}

RawReply GatewayFixture::Ask(const std::string& method, const std::string& rest,
                             const std::string& body,
                             const std::vector<std::string>& headers) const {
  std::vector<std::string> all = headers;
  all.push_back(Bearer(Token()));
  return AskRaw(RequestText(method, Path(rest), all, body));
}

RawReply GatewayFixture::AskRaw(const std::string& request) const {
  RawConnection connection(over_loopback_ ? LoopbackAddress() : UnixAddress());
  // What is refused may be closed before it is sent to the end.
  (void)connection.Send(request);
  return connection.Read(/*to_head=*/request.substr(0, 5) == "HEAD ");
}

void GatewayFixture::ExpectError(const RawReply& reply, int status, const std::string& code,
                                 const testing::Matcher<const std::string&>& message) {
  EXPECT_EQ(reply.status, status) << reply.body;
  const nlohmann::json body = nlohmann::json::parse(reply.body, nullptr, false);
  ASSERT_TRUE(body.is_object()) << reply.body;
  EXPECT_EQ(body.size(), 4u) << reply.body;
  EXPECT_EQ(body.value("success", true), false) << reply.body;
  EXPECT_EQ(body.value("code", ""), code) << reply.body;
  EXPECT_EQ(body.value("error", ""), reply.reason) << reply.body;
  EXPECT_THAT(body.value("message", ""), message);
  const auto content_type = reply.headers.find("content-type");
  ASSERT_NE(content_type, reply.headers.end());
  EXPECT_EQ(content_type->second, "application/json");
  if (status == 429 || status == 503) {
    EXPECT_TRUE(reply.headers.contains("retry-after")) << reply.body;
  }
}

}  // namespace cronium::gateway
