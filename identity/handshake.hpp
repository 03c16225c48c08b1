#pragma once

#include "identity/folders.hpp"

namespace troupe::identity {

/// Who shows who it is. What one side has signed is worth nothing from the other.
enum class side { caller, door };

/// A certificate, and a signature that only its holder can have made for this occasion.
struct proof {
  std::string certificate;
  std::string signature;
};

/// 32 random bytes, to be signed by the other side once. errc::internal without entropy.
result<std::string> new_challenge();

/// `claim`: what is asked for with it, so that it can't be used for anything else.
result<proof> prove(const node_papers& own, side who, std::string_view challenge, std::string_view claim);
/// What the certificate says of whoever made the proof. errc::forbidden, with what to do, when it is none of this
/// cluster, has expired, or has not signed exactly this.
result<certificate_facts> check_proof(const proof& x, side who, std::string_view challenge, std::string_view claim,
                                      std::string_view authority, timestamp now);

/// The claims of both sides: for the caller everything that the door decides by.
inline constexpr std::string_view door_claim = "door";
std::string caller_claim(uint32_t protocol_version, std::string_view role, std::string_view name);

/// For a caller: the door's certificate is for the host that was called. Without it another node of the cluster could
/// answer there and pass on what it hears. errc::forbidden names both.
result<void> check_host(const certificate_facts& door, std::string_view host);

} // namespace troupe::identity
