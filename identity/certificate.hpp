#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::identity {

/// What a node may be. `admin`: the command line on another machine.
inline constexpr std::string_view roles[] = {"coordinator", "gateway", "worker", "admin"};
bool is_role(std::string_view text) noexcept;
/// 1 to 64 of a-z, 0-9, '-', '_', '.'; begins with a letter or digit. A name is a file name, too.
bool is_node_name(std::string_view text) noexcept;

/// What a certificate says of its holder (X.509 v3, RFC 5280).
struct certificate_facts {
  /// Subject, common name.
  std::string name;
  /// From subjectAltName: "urn:troupe:role:worker" is the role worker.
  std::vector<std::string> roles;
  /// From subjectAltName: DNS names and addresses by which the node is reached.
  std::vector<std::string> hosts;
  timestamp not_before{};
  timestamp not_after{};
  /// Hexadecimal.
  std::string serial;
  /// SHA-256 over the whole certificate, hexadecimal.
  std::string fingerprint;
  /// May issue others.
  bool is_authority = false;

  bool has_role(std::string_view role) const noexcept;
};

/// What the text says, true or not. errc::validation when it holds no certificate.
result<certificate_facts> read_certificate(std::string_view pem);

/// What the holder of `pem` is allowed: issued by `authority` and valid at `now`. errc::forbidden otherwise, with what
/// to do about it.
result<certificate_facts> check_certificate(std::string_view pem, std::string_view authority, timestamp now);

/// A certificate that ends sooner than that should be renewed.
inline constexpr std::chrono::hours renew_soon{24 * 30};
/// That it should be, until when it is valid and how that is done; empty: there is time.
std::string renewal_due(const certificate_facts& x, timestamp now);

/// A signature over the text by the key (PKCS #8 or SEC 1, PEM), which a certificate of it confirms. errc::validation
/// for what is no key.
result<std::string> sign(std::string_view key, std::string_view text);
/// errc::forbidden when the holder of the certificate has not signed exactly this.
result<void> check_signature(std::string_view certificate, std::string_view text, std::string_view signature);
/// errc::validation when the key is not the certificate's.
result<void> check_key(std::string_view certificate, std::string_view key);

} // namespace troupe::identity
