#include "identity/openssl_handles.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace troupe::identity {

namespace {

memory_bio reader_of(std::string_view text) {
  return memory_bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

std::string text_of(BIO& bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(&bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string{};
}

/// Keys of ours have no passphrase: OpenSSL must not ask a terminal for one.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

} // namespace

std::string openssl_errors() {
  std::string out;
  while (auto code = ERR_get_error()) {
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    out += out.empty() ? text : std::string("; ") + text;
  }
  return out;
}

error openssl_failure(const std::string& what) {
  auto why = openssl_errors();
  return {errc::internal, why.empty() ? what : what + ": " + why};
}

x509 parse_certificate(std::string_view pem) {
  x509 out;
  if (auto bio = reader_of(pem))
    out.reset(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
  openssl_errors();
  return out;
}

private_key parse_key(std::string_view pem) {
  private_key out;
  if (auto bio = reader_of(pem))
    out.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  openssl_errors();
  return out;
}

std::string to_pem(X509& x) {
  memory_bio bio{BIO_new(BIO_s_mem())};
  return bio && PEM_write_bio_X509(bio.get(), &x) == 1 ? text_of(*bio) : std::string{};
}

std::string to_pem(EVP_PKEY& key) {
  memory_bio bio{BIO_new(BIO_s_mem())};
  return bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1
           ? text_of(*bio)
           : std::string{};
}

} // namespace troupe::identity
