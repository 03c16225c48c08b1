#include "identity/certificate.hpp"

#include "identity/openssl_handles.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace troupe::identity {

namespace {

constexpr std::string_view role_prefix = "urn:troupe:role:";

std::string hexadecimal(const unsigned char* bytes, size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4U];
    out += digits[bytes[i] & 15U];
  }
  return out;
}

std::string text_of(const ASN1_STRING* x) {
  unsigned char* utf8 = nullptr;
  const int size = x ? ASN1_STRING_to_UTF8(&utf8, x) : -1;
  std::string out = size > 0 ? std::string(reinterpret_cast<char*>(utf8), static_cast<size_t>(size)) : std::string{};
  OPENSSL_free(utf8);
  return out;
}

std::string common_name(const X509& x) {
  auto* subject = X509_get_subject_name(&x);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return at < 0 ? std::string{} : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

timestamp time_of(const ASN1_TIME* x) {
  tm parts{};
  if (!x || ASN1_TIME_to_tm(x, &parts) != 1)
    return {};
  return from_ms(static_cast<int64_t>(timegm(&parts)) * 1000);
}

std::string address_text(const ASN1_OCTET_STRING& x) {
  char text[INET6_ADDRSTRLEN] = "";
  const int size = ASN1_STRING_length(&x);
  if (size == 4 || size == 16)
    inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(&x), text, sizeof text);
  return text;
}

void read_alternative_names(const X509& x, certificate_facts& out) {
  names all{static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&x, NID_subject_alt_name, nullptr, nullptr))};
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    auto* n = sk_GENERAL_NAME_value(all.get(), i);
    if (n->type == GEN_DNS)
      out.hosts.push_back(text_of(n->d.dNSName));
    else if (n->type == GEN_IPADD)
      out.hosts.push_back(address_text(*n->d.iPAddress));
    else if (n->type == GEN_URI)
      if (auto text = text_of(n->d.uniformResourceIdentifier); text.starts_with(role_prefix))
        out.roles.push_back(text.substr(role_prefix.size()));
  }
}

certificate_facts facts_of(X509& x) {
  certificate_facts out;
  out.name = common_name(x);
  read_alternative_names(x, out);
  out.not_before = time_of(X509_get0_notBefore(&x));
  out.not_after = time_of(X509_get0_notAfter(&x));
  out.is_authority = X509_check_ca(&x) == 1;
  if (auto* serial = X509_get0_serialNumber(&x))
    out.serial = hexadecimal(ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial)));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(&x, EVP_sha256(), digest.data(), &size) == 1)
    out.fingerprint = hexadecimal(digest.data(), size);
  openssl_errors();
  return out;
}

std::string day(timestamp t) {
  return to_iso8601(t).substr(0, 10);
}

error refusal(const certificate_facts& facts, int code) {
  const auto whose = "the certificate of '" + facts.name + "' ";
  switch (code) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return {errc::forbidden, whose + "has expired on " + day(facts.not_after)
                               + "; make a new one with 'troupe cert renew " + facts.name
                               + "' where the authority's key is, unless the clock of this machine is wrong"};
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return {errc::forbidden,
            whose + "is valid from " + to_iso8601(facts.not_before) + " on; is the clock of this machine right?"};
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    return {errc::forbidden, whose
                               + "is not of this cluster's authority; issue one with 'troupe cert issue' from the "
                                 "folder that 'troupe cert init' made for this cluster"};
  default:
    return {errc::forbidden, whose + "is not accepted: " + X509_verify_cert_error_string(code)};
  }
}

} // namespace

bool is_role(std::string_view text) noexcept {
  return std::find(std::begin(roles), std::end(roles), text) != std::end(roles);
}

bool is_node_name(std::string_view text) noexcept {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 64 && plain(text[0])
         && std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '-' || c == '_' || c == '.'; });
}

bool certificate_facts::has_role(std::string_view role) const noexcept {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

result<certificate_facts> read_certificate(std::string_view pem) {
  auto x = parse_certificate(pem);
  if (!x)
    return {errc::validation, "this is no certificate (PEM, X.509)"};
  return facts_of(*x);
}

result<certificate_facts> check_certificate(std::string_view pem, std::string_view authority, timestamp now) {
  auto x = parse_certificate(pem);
  auto root = parse_certificate(authority);
  if (!x || !root)
    return {errc::forbidden, x ? "the authority's certificate can't be read" : "the certificate can't be read"};
  auto facts = facts_of(*x);
  trust_store trusted{X509_STORE_new()};
  store_context check{X509_STORE_CTX_new()};
  if (!trusted || !check || X509_STORE_add_cert(trusted.get(), root.get()) != 1
      || X509_STORE_CTX_init(check.get(), trusted.get(), x.get(), nullptr) != 1)
    return openssl_failure("a certificate can't be checked");
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(check.get()), static_cast<time_t>(to_ms(now) / 1000));
  const bool good = X509_verify_cert(check.get()) == 1;
  openssl_errors();
  if (!good)
    return refusal(facts, X509_STORE_CTX_get_error(check.get()));
  if (facts.is_authority)
    return {errc::forbidden, "the authority's own certificate is no node's; issue one with 'troupe cert issue'"};
  return facts;
}

result<std::string> sign(std::string_view key, std::string_view text) {
  auto secret = parse_key(key);
  if (!secret)
    return {errc::validation, "this is no private key (PEM)"};
  return sign_with(*secret, text);
}

result<void> check_signature(std::string_view certificate, std::string_view text, std::string_view signature) {
  auto x = parse_certificate(certificate);
  if (!x)
    return {errc::forbidden, "the certificate can't be read"};
  if (!is_signed_by(*X509_get0_pubkey(x.get()), text, signature))
    return {errc::forbidden, "the peer has shown a certificate whose key it does not hold"};
  return {};
}

result<void> check_key(std::string_view certificate, std::string_view key) {
  auto x = parse_certificate(certificate);
  auto secret = parse_key(key);
  if (!x || !secret)
    return {errc::validation, x ? "this is no private key (PEM)" : "this is no certificate (PEM, X.509)"};
  const bool match = X509_check_private_key(x.get(), secret.get()) == 1;
  openssl_errors();
  if (!match)
    return {errc::validation, "the key is not the certificate's"};
  return {};
}

std::string renewal_due(const certificate_facts& x, timestamp now) {
  if (x.not_after - now >= renew_soon)
    return {};
  const auto days = std::chrono::floor<std::chrono::days>(x.not_after - now).count();
  const auto when = x.not_after <= now ? "has ended"
                    : days == 1        ? "ends in 1 day"
                                       : "ends in " + std::to_string(days) + " days";
  return "the certificate of '" + x.name + "' " + when + " (" + day(x.not_after)
         + "), and connections that are made after that are refused; make a new one with 'troupe cert renew " + x.name
         + "' where the authority's key is, bring it to the node and restart it";
}

} // namespace troupe::identity
