// One connection's TLS errors must not end another.
//
// OpenSSL keeps the errors of a thread in one queue, and SSL_get_error looks into it: whoever calls SSL_read or
// SSL_write has to empty it before (SSL_get_error(3), "The current thread's error queue must be empty before the
// TLS/SSL I/O operation is attempted"). caf_openssl 0.17.6 serves all peers on one thread and does not: a peer that
// hangs up without a close, or anybody who knocks without a certificate, leaves an error there, and the next peer with
// nothing to say loses its connection.
//
// CAF has no place to do it for it, so the program's own definitions of the four functions come before libssl's and do
// what the manual asks of every caller.

#include "nodes/link/interposed/real.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

using troupe::node::real;

extern "C" {

int SSL_read(SSL* ssl, void* buffer, int size) {
  static auto* const libssl = real<decltype(SSL_read)>("SSL_read");
  ERR_clear_error();
  return libssl(ssl, buffer, size);
}

int SSL_write(SSL* ssl, const void* buffer, int size) {
  static auto* const libssl = real<decltype(SSL_write)>("SSL_write");
  ERR_clear_error();
  return libssl(ssl, buffer, size);
}

int SSL_connect(SSL* ssl) {
  static auto* const libssl = real<decltype(SSL_connect)>("SSL_connect");
  ERR_clear_error();
  return libssl(ssl);
}

int SSL_accept(SSL* ssl) {
  static auto* const libssl = real<decltype(SSL_accept)>("SSL_accept");
  ERR_clear_error();
  return libssl(ssl);
}

} // extern "C"
