#include "identity/authority.hpp"

#include "identity/openssl_handles.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace troupe::identity {

namespace {

constexpr std::chrono::hours authority_valid{24 * 3652};
/// The clocks of a cluster's machines may differ by so much before a new certificate is refused as one of the future.
constexpr std::chrono::hours backdated{24};
constexpr std::chrono::hours longest_valid{24 * 3652};

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

/// Labels of letters, digits and hyphens (RFC 1123, section 2.1).
bool is_host_name(const std::string& host) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !host.empty() && host.size() <= 253 && host[0] != '-' && host[0] != '.' && host.find("..") == std::string::npos
         && std::all_of(host.begin(), host.end(), allowed);
}

result<void> check(const certificate_order& order) {
  if (!is_node_name(order.name))
    return {errc::validation, "'" + order.name
                                + "' can't be a node's name: 1 to 64 of a-z, 0-9, '-', '_' and '.', the first a letter "
                                  "or digit"};
  if (order.roles.empty())
    return {errc::validation, "a certificate needs a role: coordinator, gateway, worker or admin"};
  for (auto& role : order.roles)
    if (!is_role(role))
      return {errc::validation, "'" + role + "' is no role; there are coordinator, gateway, worker and admin"};
  for (auto& host : order.hosts)
    if (!is_address(host) && !is_host_name(host))
      return {errc::validation, "'" + host + "' is neither a host name nor an address"};
  if (order.valid < std::chrono::hours{1} || order.valid > longest_valid)
    return {errc::validation, "a certificate is valid for an hour at least and ten years at most"};
  return {};
}

bool set_serial(X509& x) {
  big_number number{BN_new()};
  // 159 bits: positive in 20 octets (RFC 5280, section 4.1.2.2).
  return number && BN_rand(number.get(), 159, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1
         && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&x)) != nullptr;
}

bool set_times(X509& x, timestamp now, std::chrono::hours valid) {
  auto seconds = [](timestamp t) { return static_cast<time_t>(to_ms(t) / 1000); };
  return ASN1_TIME_set(X509_getm_notBefore(&x), seconds(now - backdated)) != nullptr
         && ASN1_TIME_set(X509_getm_notAfter(&x), seconds(now + valid)) != nullptr;
}

bool add_name(X509_NAME* to, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(to, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.c_str()), -1,
                                    -1, 0)
         == 1;
}

bool add_extension(X509& to, X509& issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
  handle<X509_EXTENSION, X509_EXTENSION_free> x{X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
  return x && X509_add_ext(&to, x.get(), -1) == 1;
}

std::string alternative_names(const certificate_order& order) {
  std::string out;
  for (auto& role : order.roles)
    out += (out.empty() ? "URI:urn:troupe:role:" : ",URI:urn:troupe:role:") + role;
  for (auto& host : order.hosts)
    out += (is_address(host) ? ",IP:" : ",DNS:") + host;
  return out;
}

private_key new_key() {
  return private_key{EVP_EC_gen("P-256")};
}

/// Everything but the extensions and the signature.
bool fill(X509& x, EVP_PKEY& key, const std::string& name, timestamp now, std::chrono::hours valid) {
  return X509_set_version(&x, X509_VERSION_3) == 1 && set_serial(x) && set_times(x, now, valid)
         && X509_set_pubkey(&x, &key) == 1 && add_name(X509_get_subject_name(&x), "O", "Troupe")
         && add_name(X509_get_subject_name(&x), "CN", name);
}

bool finish_authority(X509& x, EVP_PKEY& key) {
  return X509_set_issuer_name(&x, X509_get_subject_name(&x)) == 1
         && add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
         && add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign")
         && add_extension(x, x, NID_subject_key_identifier, "hash") && X509_sign(&x, &key, EVP_sha256()) > 0;
}

bool finish_node(X509& x, X509& issuer, EVP_PKEY& issuer_key, const certificate_order& order) {
  return X509_set_issuer_name(&x, X509_get_subject_name(&issuer)) == 1
         && add_extension(x, issuer, NID_basic_constraints, "critical,CA:FALSE")
         && add_extension(x, issuer, NID_key_usage, "critical,digitalSignature")
         // Each node is both: it connects, and is connected to.
         && add_extension(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth")
         && add_extension(x, issuer, NID_subject_alt_name, alternative_names(order))
         && add_extension(x, issuer, NID_subject_key_identifier, "hash")
         && add_extension(x, issuer, NID_authority_key_identifier, "keyid:always")
         && X509_sign(&x, &issuer_key, EVP_sha256()) > 0;
}

} // namespace

struct authority::impl {
  x509 certificate;
  private_key key;
  credentials text;
};

authority::authority(std::unique_ptr<impl> x) : impl_(std::move(x)) {
}
authority::authority(authority&&) noexcept = default;
authority& authority::operator=(authority&&) noexcept = default;
authority::~authority() = default;

result<authority> authority::create(const std::string& cluster, timestamp now) {
  if (!is_node_name(cluster))
    return {errc::validation, "'" + cluster
                                + "' can't be a cluster's name: 1 to 64 of a-z, 0-9, '-', '_' and '.', the first a "
                                  "letter or digit"};
  auto key = new_key();
  x509 x{X509_new()};
  if (!key || !x || !fill(*x, *key, cluster, now, authority_valid) || !finish_authority(*x, *key))
    return openssl_failure("the authority's certificate can't be made");
  return load({to_pem(*x), to_pem(*key)});
}

result<authority> authority::load(const credentials& own) {
  TROUPE_TRY(check_key(own.certificate, own.key));
  auto out = std::make_unique<impl>();
  out->certificate = parse_certificate(own.certificate);
  out->key = parse_key(own.key);
  out->text = own;
  if (X509_check_ca(out->certificate.get()) != 1)
    return {errc::validation, "this is the certificate of a node, not of an authority"};
  return authority{std::move(out)};
}

result<credentials> authority::issue(const certificate_order& order, timestamp now) const {
  TROUPE_TRY(check(order));
  auto key = new_key();
  x509 x{X509_new()};
  if (!key || !x || !fill(*x, *key, order.name, now, order.valid)
      || !finish_node(*x, *impl_->certificate, *impl_->key, order))
    return openssl_failure("the certificate of '" + order.name + "' can't be made");
  return credentials{to_pem(*x), to_pem(*key)};
}

const credentials& authority::own() const noexcept {
  return impl_->text;
}

} // namespace troupe::identity
