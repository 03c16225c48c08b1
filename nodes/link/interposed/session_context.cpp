// One TLS context for all connections, made when the node starts.
//
// caf_openssl 0.17.6 makes one for each connection: it reads node.pem, node.key and ca.pem anew, and throws on the
// thread that serves all peers when they can't be read or don't fit. Whoever reached the port while an operator copied
// new papers there, or while no descriptor was free, ended the process.

#include "nodes/link/tls_context.hpp"

#include <caf/openssl/session.hpp>

namespace caf::openssl {

/// Null only before there is one: CAF refuses the connection.
SSL_CTX* session::create_ssl_context() {
  return troupe::node::share_tls_context();
}

} // namespace caf::openssl
