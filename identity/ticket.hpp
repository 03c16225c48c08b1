#pragma once

#include "protocol/model/file_ticket.hpp"

#include <memory>

namespace troupe::identity {

using ticket = file_ticket;

/// Bytes of a ticket as text, at most: it is part of an address. Room for the longest path that Linux opens (4096
/// bytes, a third more as base64url), with a node's name and all else; not for one whose names have to be escaped
/// throughout.
inline constexpr size_t max_ticket_text = 8192;

/// Signs tickets: base64url of the ticket's JSON, '.', base64url of an ECDSA P-256 signature (SHA-256, DER) over the
/// part before the dot. The key lives as long as this does and is never written anywhere: after a restart of the
/// coordinator the old tickets hold nowhere that has heard of the new key. issue() from any thread.
class ticket_issuer {
public:
  static result<ticket_issuer> create();

  ticket_issuer(ticket_issuer&&) noexcept;
  ticket_issuer& operator=(ticket_issuer&&) noexcept;
  ~ticket_issuer();

  /// PEM, SubjectPublicKeyInfo: what nodes check tickets with.
  const std::string& public_key() const noexcept;
  /// errc::validation for a ticket that nobody would accept; errc::too_large for a path that leaves no room.
  result<std::string> issue(const ticket& x) const;

private:
  struct impl;
  explicit ticket_issuer(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

/// What the text allows, if the holder of the key has signed it and it has not expired. errc::forbidden otherwise.
/// Nothing of the text is looked at before its signature holds.
result<ticket> check_ticket(std::string_view text, std::string_view public_key, timestamp now);

} // namespace troupe::identity
