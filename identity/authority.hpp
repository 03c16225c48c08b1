#pragma once

#include "identity/certificate.hpp"

#include <memory>

namespace troupe::identity {

/// What a new certificate shall say.
struct certificate_order {
  std::string name;
  std::vector<std::string> roles;
  /// DNS names and addresses; may be empty.
  std::vector<std::string> hosts;
  std::chrono::hours valid{24 * 365};
};

/// Both PEM. The key is nobody's but the holder's: mode 0600 wherever it is written.
struct credentials {
  std::string certificate;
  std::string key;
};

/// The private certificate authority of one cluster: its key signs who is a node of it, and as what. ECDSA on P-256.
/// Not thread safe.
class authority {
public:
  /// A new one, valid for ten years. `cluster` is a name for people.
  static result<authority> create(const std::string& cluster, timestamp now);
  /// errc::validation when this is no authority, or the key is another's.
  static result<authority> load(const credentials& own);

  authority(authority&&) noexcept;
  authority& operator=(authority&&) noexcept;
  ~authority();

  /// A certificate for a new key. errc::validation names what is wrong with the order.
  result<credentials> issue(const certificate_order& order, timestamp now) const;

  const credentials& own() const noexcept;

private:
  struct impl;
  explicit authority(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::identity
