#pragma once

#include <sys/socket.h>

namespace troupe::net {

/// Is this an address of the public internet? False for this machine, private, link-local, shared (CGNAT), multicast,
/// documentation, reserved, and for IPv6 forms that carry such an IPv4 address (mapped, NAT64), after the registries of
/// RFC 6890; and for anything that is not IP.
bool is_public_address(const sockaddr* address, socklen_t size) noexcept;

} // namespace troupe::net
