// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_OUTBOUND_ADDRESS_RULE_H_
#define CRONIUM_CONTROLLER_OUTBOUND_ADDRESS_RULE_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::controller {

inline constexpr absl::string_view kOutboundAddressRefused = "OUTBOUND_ADDRESS_REFUSED";

// An address of either family, 16 bytes; IPv4 as ::ffff:a.b.c.d.
using IpBytes = std::array<uint8_t, 16>;

// A block of addresses.
struct Cidr {
  IpBytes base{};
  // Of 128 bits; an IPv4 block's prefix plus 96.
  int prefix = 128;
  // As a person writes it: 10.0.0.0/8.
  std::string text;

  bool Contains(const IpBytes& address) const;
};

// `10.0.0.0/8`, `fd00::/8`, or an address alone for itself. INVALID_ARGUMENT; also where bits
// behind the prefix are set, since it is not clear then what was meant.
absl::StatusOr<Cidr> ParseCidr(absl::string_view text);
// CIDRs with commas between them; none where the text is empty.
absl::StatusOr<std::vector<Cidr>> ParseCidrs(absl::string_view text);

// Where the controller may connect to on behalf of users, so that a job or an action cannot be
// used to reach what only the controller reaches (server-side request forgery). The first that
// holds decides:
//
//   1. in a block of `deny`: refused
//   2. in a block of `allow`: allowed
//   3. in a block that is not the public Internet (private, loopback, link-local, multicast,
//      documentation, carrier NAT, a cloud's metadata service and so on, from the special-purpose
//      registries of IANA, RFC 6890): refused
//   4. else: allowed
//
// An IPv6 address that stands for an IPv4 address (mapped, or translated by NAT64's well-known
// prefix) is judged as that IPv4 address; what older transition mechanisms embed is refused whole.
// Names mean nothing here: the rule is asked about the address of each socket before it connects.
// Immutable, so thread-safe.
class AddressRule {
 public:
  // Neither allows nor denies more than the built-in blocks.
  AddressRule() = default;
  AddressRule(std::vector<Cidr> allow, std::vector<Cidr> deny);

  // OK, or PERMISSION_DENIED (OUTBOUND_ADDRESS_REFUSED) that names the address, the block and the
  // flag. Families other than IPv4 and IPv6 are refused.
  absl::Status Check(const sockaddr* address) const;
  // The same for an address in digits; INVALID_ARGUMENT where it is none.
  absl::Status CheckText(absl::string_view address) const;

 private:
  absl::Status CheckBytes(const IpBytes& address) const;

  std::vector<Cidr> allow_;
  std::vector<Cidr> deny_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_OUTBOUND_ADDRESS_RULE_H_
