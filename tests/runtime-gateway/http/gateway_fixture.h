// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_GATEWAY_FIXTURE_H_
#define CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_GATEWAY_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/token/token.h"
#include "runtime-gateway/gateway.h"
#include "tests/runtime-gateway/http/fake_controller.h"
#include "tests/runtime-gateway/http/raw_client.h"

namespace cronium::gateway {

// The gateway as it is, between a fake controller and raw sockets. Tests set options_ and then call
// Start.
class GatewayFixture : public testing::Test {
 protected:
  static constexpr char kExecution[] = "exec_0aZ9zA0aZ9zA";

  GatewayFixture();
  ~GatewayFixture() override;

  void Start();
  // Ends the gateway, so that Start makes another on the same folder.
  void StopGateway() { gateway_.reset(); }

  std::string UnixAddress() const { return gateway_->addresses()[0]; }
  std::string LoopbackAddress() const { return gateway_->addresses()[1]; }

  // A good token for kExecution, unless `change` makes it otherwise.
  std::string Token(const std::function<void(TokenClaims*)>& change = nullptr) const;
  static std::string Bearer(const std::string& token) { return "Authorization: Bearer " + token; }

  // /executions/{kExecution}/REST.
  static std::string Path(const std::string& rest);

  // One request on a connection of its own, with a good token.
  RawReply Ask(const std::string& method, const std::string& rest, const std::string& body = "",
               const std::vector<std::string>& headers = {}) const;
  // The same with what is given and no more.
  RawReply AskRaw(const std::string& request) const;

  // That it is an error whose body has all four members, and that they say this.
  static void ExpectError(const RawReply& reply, int status, const std::string& code,
                          const testing::Matcher<const std::string&>& message);

  FakeController controller_;
  FakeRuntimeService* const service_ = controller_.service();
  const RealClock clock_;
  GatewayOptions options_;
  std::string folder_;
  // What Ask connects to; the unix socket unless a test says otherwise.
  bool over_loopback_ = false;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_GATEWAY_FIXTURE_H_
