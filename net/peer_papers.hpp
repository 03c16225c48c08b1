#pragma once

#include <string>

namespace troupe::net {

/// PEM texts: who this node is, and who may be on the other side. All empty: plain HTTP on loopback addresses only.
struct peer_papers {
  std::string certificate;
  std::string key;
  std::string authority;

  bool empty() const noexcept {
    return certificate.empty() && key.empty() && authority.empty();
  }
};

} // namespace troupe::net
