#include "identity/ticket.hpp"

#include "identity/openssl_handles.hpp"

#include <openssl/ec.h>

#include <array>

namespace troupe::identity {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648, section 5, without padding.
std::string to_base64url(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 3);
  uint32_t held = 0;
  int bits = 0;
  for (char c : bytes) {
    held = held << 8U | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6)
      out += alphabet[held >> (bits - 6) & 63U];
  }
  if (bits > 0)
    out += alphabet[held << (6 - bits) & 63U];
  return out;
}

/// One text for one value: nullopt for padding, for other characters, and for spare bits that are set.
std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  uint32_t held = 0;
  int bits = 0;
  for (char c : text) {
    auto digit = alphabet.find(c);
    if (digit == std::string_view::npos)
      return std::nullopt;
    held = held << 6U | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(held >> bits & 255U);
    }
  }
  if (bits >= 6 || (held & ((1U << bits) - 1)) != 0)
    return std::nullopt;
  return out;
}

/// What is signed: no other signature of this key can be taken for a ticket's.
std::string signed_text(std::string_view body) {
  return "troupe-ticket-1 " + std::string{body};
}

} // namespace

struct ticket_issuer::impl {
  private_key key;
  std::string public_pem;
};

ticket_issuer::ticket_issuer(std::unique_ptr<impl> x) : impl_(std::move(x)) {
}
ticket_issuer::ticket_issuer(ticket_issuer&&) noexcept = default;
ticket_issuer& ticket_issuer::operator=(ticket_issuer&&) noexcept = default;
ticket_issuer::~ticket_issuer() = default;

result<ticket_issuer> ticket_issuer::create() {
  auto made = std::make_unique<impl>();
  made->key.reset(EVP_EC_gen("P-256"));
  if (made->key)
    made->public_pem = public_pem(*made->key);
  if (made->public_pem.empty())
    return openssl_failure("a key for tickets can't be made");
  return ticket_issuer{std::move(made)};
}

const std::string& ticket_issuer::public_key() const noexcept {
  return impl_->public_pem;
}

result<std::string> ticket_issuer::issue(const ticket& x) const {
  TROUPE_TRY(check(x));
  auto json = encode(x);
  // Names that are not UTF-8 would come back as others.
  if (auto same = decode_file_ticket(json); !same || !(*same == x))
    return {errc::validation, "a ticket can't be written for this file: its name is not UTF-8"};
  auto body = to_base64url(json);
  auto signature = sign_with(*impl_->key, signed_text(body));
  if (!signature)
    return std::move(signature).error();
  auto text = body + "." + to_base64url(*signature);
  if (text.size() > max_ticket_text)
    return {errc::too_large, "the path is too long for a ticket"};
  return text;
}

result<ticket> check_ticket(std::string_view text, std::string_view public_key, timestamp now) {
  if (text.size() > max_ticket_text)
    return {errc::forbidden, "the address is longer than any of ours"};
  auto dot = text.find('.');
  if (dot == std::string_view::npos)
    return {errc::forbidden, "the address has no signature"};
  auto body = text.substr(0, dot);
  auto signature = from_base64url(text.substr(dot + 1));
  auto key = parse_public_key(public_key);
  if (!key)
    return {errc::forbidden, "addresses can't be checked here: this node has not heard the coordinator's key yet"};
  if (!signature || !is_signed_by(*key, signed_text(body), *signature))
    return {errc::forbidden,
            "this cluster's coordinator has not signed the address, or has restarted since; ask it for "
            "a new one"};
  auto json = from_base64url(body);
  auto x = json ? decode_file_ticket(*json) : result<ticket>{errc::validation, "a ticket is not base64url"};
  if (!x)
    return {errc::forbidden, x.error().message};
  if (now >= x->expires)
    return {errc::forbidden, "the address has expired at " + to_iso8601(x->expires) + "; ask for a new one"};
  return x;
}

} // namespace troupe::identity
