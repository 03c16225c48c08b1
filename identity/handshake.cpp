#include "identity/handshake.hpp"

#include "identity/openssl_handles.hpp"

#include <openssl/rand.h>

#include <algorithm>

namespace troupe::identity {

namespace {

constexpr int challenge_bytes = 32;

/// Lengths before the parts: no two occasions have one text.
std::string signed_text(side who, std::string_view challenge, std::string_view claim) {
  std::string out = who == side::door ? "troupe-mesh-1 door " : "troupe-mesh-1 caller ";
  for (auto part : {challenge, claim}) {
    out += std::to_string(part.size());
    out += ':';
    out += part;
  }
  return out;
}

} // namespace

result<std::string> new_challenge() {
  std::string out(challenge_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), challenge_bytes) != 1)
    return openssl_failure("this machine gives no random numbers");
  return out;
}

result<proof> prove(const node_papers& own, side who, std::string_view challenge, std::string_view claim) {
  auto signature = sign(own.own.key, signed_text(who, challenge, claim));
  if (!signature)
    return std::move(signature).error();
  return proof{own.own.certificate, std::move(*signature)};
}

result<certificate_facts> check_proof(const proof& x, side who, std::string_view challenge, std::string_view claim,
                                      std::string_view authority, timestamp now) {
  if (challenge.size() != challenge_bytes)
    return {errc::forbidden, "the peer has been given nothing to sign"};
  auto facts = check_certificate(x.certificate, authority, now);
  if (!facts)
    return facts;
  TROUPE_TRY(check_signature(x.certificate, signed_text(who, challenge, claim), x.signature));
  return facts;
}

std::string caller_claim(uint32_t protocol_version, std::string_view role, std::string_view name) {
  return std::to_string(protocol_version) + " " + std::string{role} + " " + std::string{name};
}

result<void> check_host(const certificate_facts& door, std::string_view host) {
  if (std::find(door.hosts.begin(), door.hosts.end(), host) != door.hosts.end())
    return {};
  std::string known;
  for (auto& x : door.hosts)
    known += (known.empty() ? "" : ", ") + x;
  return {errc::forbidden, "the certificate of '" + door.name + "' is for " + (known.empty() ? "no address" : known)
                             + ", not for " + std::string{host} + "; call it by one of those, or issue it with '--host "
                             + std::string{host} + "'"};
}

} // namespace troupe::identity
