// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/address_rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error.h"

namespace cronium::controller {
namespace {

constexpr int kIpv4Bits = 96;  // The prefix of ::ffff:0:0/96, behind which IPv4 lies.

struct Builtin {
  const char* cidr;
  const char* what;
};

// Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), RFC 1112 and 5771
// for multicast, RFC 3879 for site-local, and the clouds' own pages for metadata services that lie
// outside of those blocks.
constexpr Builtin kBuiltins[] = {
    {"0.0.0.0/8", "this network, unspecified"},
    {"10.0.0.0/8", "private"},
    {"100.64.0.0/10", "carrier-grade NAT"},
    {"127.0.0.0/8", "loopback"},
    {"168.63.129.16/32", "metadata service of a cloud"},
    {"169.254.0.0/16", "link-local, metadata services of clouds"},
    {"172.16.0.0/12", "private"},
    {"192.0.0.0/24", "protocol assignments"},
    {"192.0.2.0/24", "documentation"},
    {"192.88.99.0/24", "6to4 relays"},
    {"192.168.0.0/16", "private"},
    {"198.18.0.0/15", "benchmarking"},
    {"198.51.100.0/24", "documentation"},
    {"203.0.113.0/24", "documentation"},
    {"224.0.0.0/4", "multicast"},
    {"240.0.0.0/4", "reserved, broadcast"},
    {"::/128", "unspecified"},
    {"::1/128", "loopback"},
    {"2001::/23", "protocol assignments, Teredo"},
    {"2001:db8::/32", "documentation"},
    {"2002::/16", "6to4"},
    {"3fff::/20", "documentation"},
    {"fc00::/7", "private"},
    {"fe80::/10", "link-local"},
    {"fec0::/10", "site-local"},
    {"ff00::/8", "multicast"},
};

struct BuiltinBlock {
  Cidr cidr;
  const char* what;
};

const std::vector<BuiltinBlock>& BuiltinBlocks() {
  static const auto* const blocks = [] {
    auto* made = new std::vector<BuiltinBlock>();
    for (const Builtin& builtin : kBuiltins) {
      made->push_back({ParseCidr(builtin.cidr).value(), builtin.what});
    }
    return made;
  }();
  return *blocks;
}

Cidr MustParse(const char* text) { return ParseCidr(text).value(); }

IpBytes FromIpv4(const in_addr& address) {
  IpBytes bytes{};
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(&bytes[12], &address, 4);
  return bytes;
}

IpBytes FromIpv6(const in6_addr& address) {
  IpBytes bytes;
  std::memcpy(bytes.data(), &address, 16);
  return bytes;
}

bool IsIpv4(const IpBytes& bytes) {
  static const Cidr mapped{FromIpv4(in_addr{}), kIpv4Bits, ""};
  return mapped.Contains(bytes);
}

std::string ToText(const IpBytes& bytes) {
  char text[INET6_ADDRSTRLEN];
  if (IsIpv4(bytes)) {
    inet_ntop(AF_INET, &bytes[12], text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof(text));
  }
  return text;
}

bool ParseAddress(absl::string_view text, IpBytes* bytes) {
  const std::string address(text);
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    *bytes = FromIpv4(v4);
    return true;
  }
  if (inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
    *bytes = FromIpv6(v6);
    return true;
  }
  return false;
}

absl::Status Refusal(const std::string& address, absl::string_view why, absl::string_view advice) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, kOutboundAddressRefused,
      absl::StrCat("the controller does not connect to ", address, ": ", why, "; ", advice),
      {{"address", address}});
}

const Cidr* Find(const std::vector<Cidr>& blocks, const IpBytes& address) {
  const auto it = std::find_if(blocks.begin(), blocks.end(),
                               [&](const Cidr& block) { return block.Contains(address); });
  return it == blocks.end() ? nullptr : &*it;
}

// Why the address is not on the public Internet; empty where it is.
std::string NotPublic(const IpBytes& address) {
  for (const BuiltinBlock& block : BuiltinBlocks()) {
    if (block.cidr.Contains(address)) return absl::StrCat(block.what, " (", block.cidr.text, ")");
  }
  static const Cidr global_unicast = MustParse("2000::/3");
  if (!IsIpv4(address) && !global_unicast.Contains(address)) {
    return "not global unicast (outside 2000::/3)";
  }
  return "";
}

}  // namespace

bool Cidr::Contains(const IpBytes& address) const {
  const int whole = prefix / 8;
  if (std::memcmp(base.data(), address.data(), whole) != 0) return false;
  const int rest = prefix % 8;
  if (rest == 0) return true;
  const int mask = 0xff << (8 - rest);
  return (base[whole] & mask) == (address[whole] & mask);
}

absl::StatusOr<Cidr> ParseCidr(absl::string_view text) {
  const auto bad = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not an address or a block such as 10.0.0.0/8: ", why));
  };
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  Cidr cidr;
  cidr.text = std::string(text);
  if (!ParseAddress(parts[0], &cidr.base)) return bad("the address is not one in digits");
  const bool ipv4 = parts[0].find(':') == absl::string_view::npos;
  const int bits = ipv4 ? 32 : 128;
  int prefix = bits;
  if (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &prefix) || prefix < 0 || prefix > bits)) {
    return bad(absl::StrCat("the number after the slash is from 0 to ", bits));
  }
  cidr.prefix = ipv4 ? prefix + kIpv4Bits : prefix;
  for (int bit = cidr.prefix; bit < 128; ++bit) {
    if ((cidr.base[bit / 8] & (0x80 >> (bit % 8))) != 0) {
      return bad(absl::StrCat("it has bits set behind its first ", prefix));
    }
  }
  return cidr;
}

absl::StatusOr<std::vector<Cidr>> ParseCidrs(absl::string_view text) {
  std::vector<Cidr> cidrs;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    absl::StatusOr<Cidr> cidr = ParseCidr(absl::StripAsciiWhitespace(part));
    if (!cidr.ok()) return cidr.status();
    cidrs.push_back(*std::move(cidr));
  }
  return cidrs;
}

AddressRule::AddressRule(std::vector<Cidr> allow, std::vector<Cidr> deny)
    : allow_(std::move(allow)), deny_(std::move(deny)) {}

absl::Status AddressRule::Check(const sockaddr* address) const {
  if (address->sa_family == AF_INET) {
    return CheckBytes(FromIpv4(reinterpret_cast<const sockaddr_in*>(address)->sin_addr));
  }
  if (address->sa_family == AF_INET6) {
    return CheckBytes(FromIpv6(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr));
  }
  return Refusal(absl::StrCat("an address of family ", address->sa_family), "neither IPv4 nor IPv6",
                 "no flag allows it");
}

absl::Status AddressRule::CheckText(absl::string_view address) const {
  IpBytes bytes;
  if (!ParseAddress(address, &bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is not an IP address"));
  }
  return CheckBytes(bytes);
}

absl::Status AddressRule::CheckBytes(const IpBytes& address) const {
  const std::string text = ToText(address);
  if (const Cidr* denied = Find(deny_, address)) {
    return Refusal(text, absl::StrCat("--outbound-deny ", denied->text),
                   "the operator of the controller decided so");
  }
  if (Find(allow_, address) != nullptr) return absl::OkStatus();
  // NAT64 (RFC 6052): what is reached is the IPv4 address in the last four bytes.
  static const Cidr nat64 = MustParse("64:ff9b::/96");
  if (nat64.Contains(address)) {
    IpBytes ipv4 = FromIpv4(in_addr{});
    std::copy(address.begin() + 12, address.end(), ipv4.begin() + 12);
    return CheckBytes(ipv4);
  }
  const std::string why = NotPublic(address);
  if (why.empty()) return absl::OkStatus();
  return Refusal(text, why,
                 absl::StrCat("the operator can allow it with --outbound-allow ", text,
                              IsIpv4(address) ? "/32" : "/128"));
}

}  // namespace cronium::controller
