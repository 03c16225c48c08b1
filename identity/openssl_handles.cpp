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

private_key parse_public_key(std::string_view pem) {
  private_key out;
  if (auto bio = reader_of(pem))
    out.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  openssl_errors();
  return out;
}

std::string public_pem(EVP_PKEY& key) {
  memory_bio bio{BIO_new(BIO_s_mem())};
  return bio && PEM_write_bio_PUBKEY(bio.get(), &key) == 1 ? text_of(*bio) : std::string{};
}

result<std::string> sign_with(EVP_PKEY& key, std::string_view text) {
  digest_context context{EVP_MD_CTX_new()};
  auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, &key) != 1
      || EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1)
    return openssl_failure("a text can't be signed");
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size()) != 1)
    return openssl_failure("a text can't be signed");
  out.resize(size);
  return out;
}

bool is_signed_by(EVP_PKEY& key, std::string_view text, std::string_view signature) {
  digest_context context{EVP_MD_CTX_new()};
  const bool good =
    context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, &key) == 1
    && EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                        reinterpret_cast<const unsigned char*>(text.data()), text.size())
         == 1;
  openssl_errors();
  return good;
}

} // namespace troupe::identity
