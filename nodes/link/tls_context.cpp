#include "nodes/link/tls_context.hpp"

#include "identity/openssl_handles.hpp"
#include "nodes/link/handshake_watch.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>
#include <mutex>

namespace troupe::node {

namespace {

using identity::memory_bio;
using identity::private_key;
using identity::x509;
using context_handle = identity::handle<SSL_CTX, SSL_CTX_free>;

struct shared_context {
  std::mutex mutex;
  context_handle context;
};

/// Connections outlive whoever made it: it is never freed.
shared_context& shared() {
  static auto* const out = new shared_context;
  return *out;
}

memory_bio reader(const std::string& text) {
  return memory_bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

x509 certificate_in(const std::string& pem) {
  auto text = reader(pem);
  return x509{text ? PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr) : nullptr};
}

private_key key_in(const std::string& pem) {
  auto text = reader(pem);
  return private_key{text ? PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr) : nullptr};
}

bool use_papers(SSL_CTX& context, const identity::node_papers& own) {
  auto certificate = certificate_in(own.own.certificate);
  auto authority = certificate_in(own.authority);
  auto key = key_in(own.own.key);
  return certificate && authority && key && SSL_CTX_use_certificate(&context, certificate.get()) == 1
         && SSL_CTX_use_PrivateKey(&context, key.get()) == 1 && SSL_CTX_check_private_key(&context) == 1
         && X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), authority.get()) == 1;
}

} // namespace

result<void> make_tls_context(const identity::node_papers& own) {
  context_handle made{SSL_CTX_new(TLS_method())};
  if (!made || SSL_CTX_set_min_proto_version(made.get(), TLS1_3_VERSION) != 1 || !use_papers(*made, own)) {
    ERR_clear_error();
    return {errc::validation, own.folder + ": OpenSSL can't use these papers; issue new ones with 'troupe cert issue'"};
  }
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Without sessions that are taken up again each connection shows its certificate.
  SSL_CTX_set_session_cache_mode(made.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(made.get(), 0);
  handshake_watch::of_process().watch(*made);
  auto& x = shared();
  std::lock_guard guard{x.mutex};
  x.context = std::move(made);
  return {};
}

SSL_CTX* share_tls_context() noexcept {
  auto& x = shared();
  std::lock_guard guard{x.mutex};
  if (!x.context || SSL_CTX_up_ref(x.context.get()) != 1)
    return nullptr;
  return x.context.get();
}

} // namespace troupe::node
