#pragma once

// Owners of OpenSSL's objects. Only the sources of this room and of nodes/link include it.

#include "protocol/model/result.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

namespace troupe::identity {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* x) const noexcept {
    Free(x);
  }
};

template <class T, auto Free>
using handle = std::unique_ptr<T, freed_by<Free>>;

using x509 = handle<X509, X509_free>;
using private_key = handle<EVP_PKEY, EVP_PKEY_free>;
using digest_context = handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using memory_bio = handle<BIO, BIO_free_all>;
using big_number = handle<BIGNUM, BN_free>;
using names = handle<GENERAL_NAMES, GENERAL_NAMES_free>;
using store_context = handle<X509_STORE_CTX, X509_STORE_CTX_free>;
using trust_store = handle<X509_STORE, X509_STORE_free>;

/// What OpenSSL complains of, oldest first; empties its queue of this thread.
std::string openssl_errors();
/// errc::internal with `what` and OpenSSL's complaint.
error openssl_failure(const std::string& what);

/// Null when the text holds no such thing; OpenSSL's queue is empty afterwards.
x509 parse_certificate(std::string_view pem);
private_key parse_key(std::string_view pem);
std::string to_pem(X509& x);
std::string to_pem(EVP_PKEY& key);
private_key parse_public_key(std::string_view pem);
std::string public_pem(EVP_PKEY& key);

/// ECDSA or RSA over SHA-256. The queue is empty afterwards.
result<std::string> sign_with(EVP_PKEY& key, std::string_view text);
bool is_signed_by(EVP_PKEY& key, std::string_view text, std::string_view signature);

} // namespace troupe::identity
