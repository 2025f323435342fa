// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/address_rule.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>

#include "common/error.h"

namespace cronium::controller {
namespace {

AddressRule Rule(const char* allow = "", const char* deny = "") {
  return AddressRule(ParseCidrs(allow).value(), ParseCidrs(deny).value());
}

bool Allows(const AddressRule& rule, const char* address) { return rule.CheckText(address).ok(); }

TEST(AddressRule, RefusesWhatIsNotThePublicInternet) {
  const AddressRule rule;
  for (const char* address :
       {"0.0.0.0",         "0.1.2.3",         "10.0.0.1",        "10.255.255.255",
        "100.64.0.1",      "100.100.100.200", "100.127.255.255", "127.0.0.1",
        "127.255.255.254", "168.63.129.16",   "169.254.169.254", "172.16.0.1",
        "172.31.255.255",  "192.0.0.192",     "192.0.2.1",       "192.88.99.1",
        "192.168.1.1",     "198.18.0.1",      "198.19.255.255",  "198.51.100.7",
        "203.0.113.9",     "224.0.0.1",       "239.255.255.255", "240.0.0.1",
        "255.255.255.255"}) {
    EXPECT_FALSE(Allows(rule, address)) << address;
  }
  for (const char* address : {"::",
                              "::1",
                              "::7f00:1",
                              "::127.0.0.1",
                              "100::1",
                              "2001::1",
                              "2001:0:53aa:64c::1",
                              "2001:db8::1",
                              "2002:7f00:1::1",
                              "2002:808:808::1",
                              "3fff::1",
                              "4000::1",
                              "5f00::1",
                              "64:ff9b:1::1",
                              "fc00::1",
                              "fd00:ec2::254",
                              "fd20:ce::254",
                              "fe80::1",
                              "febf::1",
                              "fec0::1",
                              "ff02::1",
                              "ff0e::1"}) {
    EXPECT_FALSE(Allows(rule, address)) << address;
  }
}

TEST(AddressRule, AllowsThePublicInternetUpToTheBordersOfWhatItRefuses) {
  const AddressRule rule;
  for (const char* address : {"1.1.1.1",         "8.8.8.8",
                              "9.255.255.255",   "11.0.0.0",
                              "100.63.255.255",  "100.128.0.0",
                              "126.255.255.255", "128.0.0.1",
                              "168.63.129.17",   "169.253.255.255",
                              "169.255.0.0",     "172.15.255.255",
                              "172.32.0.0",      "192.0.1.0",
                              "192.167.255.255", "192.169.0.0",
                              "198.17.255.255",  "198.20.0.0",
                              "223.255.255.255", "2001:200::1",
                              "2003::1",         "2606:4700:4700::1111",
                              "2a00:1450::1",    "3ffe::1"}) {
    EXPECT_TRUE(Allows(rule, address)) << address;
  }
}

TEST(AddressRule, SeesTheIpv4AddressInAMappedOrTranslatedOne) {
  const AddressRule rule;
  EXPECT_FALSE(Allows(rule, "::ffff:127.0.0.1"));
  EXPECT_FALSE(Allows(rule, "::ffff:a9fe:a9fe"));
  EXPECT_TRUE(Allows(rule, "::ffff:8.8.8.8"));
  EXPECT_FALSE(Allows(rule, "64:ff9b::10.0.0.1"));
  EXPECT_FALSE(Allows(rule, "64:ff9b::7f00:1"));
  EXPECT_TRUE(Allows(rule, "64:ff9b::8.8.8.8"));
  // What is allowed or denied as IPv4 is so in each of these forms.
  EXPECT_TRUE(Allows(Rule("10.0.0.0/8"), "::ffff:10.1.2.3"));
  EXPECT_TRUE(Allows(Rule("10.0.0.0/8"), "64:ff9b::10.1.2.3"));
  EXPECT_FALSE(Allows(Rule("", "8.8.8.0/24"), "::ffff:8.8.8.8"));
  EXPECT_FALSE(Allows(Rule("", "8.8.8.0/24"), "64:ff9b::8.8.8.8"));
}

TEST(AddressRule, LetsTheOperatorAllowABlockAndNoMore) {
  const AddressRule rule = Rule("127.0.0.0/8, 10.1.0.0/16,fd00::/16");
  EXPECT_TRUE(Allows(rule, "127.3.2.1"));
  EXPECT_TRUE(Allows(rule, "10.1.200.1"));
  EXPECT_FALSE(Allows(rule, "10.2.0.1"));
  EXPECT_TRUE(Allows(rule, "fd00:1::1"));
  EXPECT_FALSE(Allows(rule, "fd01::1"));
  EXPECT_FALSE(Allows(rule, "::1"));
}

TEST(AddressRule, DeniesBeforeItAllows) {
  const AddressRule rule = Rule("10.0.0.0/8", "10.0.0.1,8.8.8.8");
  EXPECT_FALSE(Allows(rule, "10.0.0.1"));
  EXPECT_TRUE(Allows(rule, "10.0.0.2"));
  EXPECT_FALSE(Allows(rule, "8.8.8.8"));
  EXPECT_TRUE(Allows(rule, "8.8.4.4"));
}

TEST(AddressRule, CanDenyEverythingButABlock) {
  const AddressRule denied = Rule("", "0.0.0.0/0,::/0");
  EXPECT_FALSE(Allows(denied, "1.1.1.1"));
  EXPECT_FALSE(Allows(denied, "2a00:1450::1"));
}

TEST(AddressRule, NamesTheAddressTheBlockAndTheFlag) {
  const absl::Status refused = Rule().CheckText("169.254.169.254");
  EXPECT_EQ(ErrorReason(refused), kOutboundAddressRefused);
  EXPECT_NE(refused.message().find("169.254.169.254"), std::string::npos) << refused;
  EXPECT_NE(refused.message().find("169.254.0.0/16"), std::string::npos) << refused;
  EXPECT_NE(refused.message().find("--outbound-allow 169.254.169.254/32"), std::string::npos)
      << refused;
  const absl::Status denied = Rule("", "8.8.8.0/24").CheckText("8.8.8.8");
  EXPECT_NE(denied.message().find("--outbound-deny 8.8.8.0/24"), std::string::npos) << denied;
}

TEST(AddressRule, JudgesSocketAddressesOfBothFamiliesAndRefusesOthers) {
  const AddressRule rule = Rule("127.0.0.0/8");
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  inet_pton(AF_INET, "127.0.0.1", &v4.sin_addr);
  EXPECT_TRUE(rule.Check(reinterpret_cast<const sockaddr*>(&v4)).ok());
  inet_pton(AF_INET, "10.0.0.1", &v4.sin_addr);
  EXPECT_FALSE(rule.Check(reinterpret_cast<const sockaddr*>(&v4)).ok());
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
  EXPECT_TRUE(rule.Check(reinterpret_cast<const sockaddr*>(&v6)).ok());
  inet_pton(AF_INET6, "::1", &v6.sin6_addr);
  EXPECT_FALSE(rule.Check(reinterpret_cast<const sockaddr*>(&v6)).ok());
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_EQ(ErrorReason(rule.Check(reinterpret_cast<const sockaddr*>(&local))),
            kOutboundAddressRefused);
}

TEST(ParseCidr, TakesBlocksAndSingleAddresses) {
  EXPECT_EQ(ParseCidr("10.0.0.0/8")->prefix, 104);
  EXPECT_EQ(ParseCidr("10.1.2.3")->prefix, 128);
  EXPECT_EQ(ParseCidr("fd00::/8")->prefix, 8);
  EXPECT_EQ(ParseCidr("0.0.0.0/0")->prefix, 96);
  EXPECT_TRUE(ParseCidrs("")->empty());
  EXPECT_EQ(ParseCidrs("10.0.0.0/8, ::1 ")->size(), 2u);
}

TEST(ParseCidr, RefusesWhatIsNotCertainlyMeant) {
  for (const char* text :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10/8", "0x7f.0.0.1", "010.0.0.1",
        "localhost", "fe80::1/10", "::/129", "1.2.3"}) {
    EXPECT_EQ(ParseCidr(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ParseCidrs("10.0.0.0/8,nonsense").ok());
}

}  // namespace
}  // namespace cronium::controller
