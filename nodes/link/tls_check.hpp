#pragma once

#include "identity/folders.hpp"

namespace troupe::node {

/// One thing that was looked at, and what came of it.
struct tls_finding {
  std::string what;
  bool good = false;
  /// A sentence; what to do when it is not good.
  std::string said;
};

/// A TLS handshake of our own with a node's mesh port, or that of its files, step by step up to the first that fails:
/// CAF's tells no reason. `own` is what we show. Blocks for at most about three times the limit.
std::vector<tls_finding> check_tls(const std::string& host, uint16_t port, const identity::node_papers& own,
                                   timestamp now, milliseconds limit);

} // namespace troupe::node
