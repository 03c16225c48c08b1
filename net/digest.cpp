#include "net/digest.hpp"

#include "net/headers.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>

namespace troupe::net {

namespace {

struct context_free {
  void operator()(EVP_MD_CTX* x) const noexcept {
    EVP_MD_CTX_free(x);
  }
};

/// With memory and OpenSSL's default provider none of these calls fails.
void require(bool done) {
  if (!done)
    throw std::bad_alloc{};
}

} // namespace

struct sha256::context {
  std::unique_ptr<EVP_MD_CTX, context_free> md{EVP_MD_CTX_new()};
};

sha256::sha256() : context_(std::make_unique<context>()) {
  require(context_->md && EVP_DigestInit_ex(context_->md.get(), EVP_sha256(), nullptr) == 1);
}

sha256::sha256(const sha256& other) : context_(std::make_unique<context>()) {
  require(context_->md && EVP_MD_CTX_copy_ex(context_->md.get(), other.context_->md.get()) == 1);
}

sha256& sha256::operator=(const sha256& other) {
  if (this != &other)
    require(EVP_MD_CTX_copy_ex(context_->md.get(), other.context_->md.get()) == 1);
  return *this;
}

sha256::~sha256() = default;

void sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->md.get(), bytes.data(), bytes.size()) == 1);
}

std::string sha256::field() const {
  sha256 last{*this};
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(last.context_->md.get(), sum.data(), &size) == 1);
  auto length = EVP_EncodeBlock(text.data(), sum.data(), static_cast<int>(size));
  return "sha-256=:" + std::string(reinterpret_cast<char*>(text.data()), static_cast<size_t>(length)) + ":";
}

bool has_digest(std::string_view value, std::string_view field) {
  auto members = split_list(value);
  return std::find(members.begin(), members.end(), field) != members.end();
}

} // namespace troupe::net
