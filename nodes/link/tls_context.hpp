#pragma once

#include "identity/folders.hpp"

#include <openssl/ssl.h>

namespace troupe::node {

/// Makes the context of all TLS connections on the mesh, from papers that were read and checked: their files are not
/// looked at again, so new papers are taken at the next start. Any thread, before the first connection; the last one
/// counts. errc::validation when OpenSSL won't have them.
result<void> make_tls_context(const identity::node_papers& own);

/// A reference to it for the caller to free; null before it was made. Any thread.
SSL_CTX* share_tls_context() noexcept;

} // namespace troupe::node
