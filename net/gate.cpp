#include "net/gate.hpp"

#include "net/headers.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace troupe::net {

namespace {

bool is_ip_literal(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']'))
    name = name.substr(1, name.size() - 2);
  std::string text{name};
  in6_addr out;
  return inet_pton(AF_INET, text.c_str(), &out) == 1 || inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

/// "http://a:80" and Host "a" are the same.
std::string_view without_default_port(std::string_view authority, std::string_view port) {
  return authority.ends_with(port) ? authority.substr(0, authority.size() - port.size()) : authority;
}

bool same_origin(std::string_view origin, std::string_view host) {
  if (origin.starts_with("http://"))
    return equals_ignoring_case(without_default_port(origin.substr(7), ":80"), without_default_port(host, ":80"));
  // A proxy in front may end TLS and pass the Host on.
  if (origin.starts_with("https://"))
    return equals_ignoring_case(without_default_port(origin.substr(8), ":443"), without_default_port(host, ":443"));
  return false;
}

constexpr std::string_view exposed =
  "ETag, X-Request-ID, traceparent, RateLimit, RateLimit-Policy, Retry-After, Accept-Ranges, "
  "Content-Range, Content-Length, X-Troupe-Stale";

} // namespace

std::string_view host_name(std::string_view host) noexcept {
  auto end = host.starts_with('[') ? host.find(']') : host.find(':');
  if (host.starts_with('['))
    return end == std::string_view::npos ? std::string_view{} : host.substr(0, end + 1);
  auto name = host.substr(0, end);
  if (name.find_first_of("/@?# ") != std::string_view::npos)
    return {};
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

bool host_allowed(const server_config& config, const request& req) {
  auto host = req.header("host");
  if (!host)
    return true;
  auto name = host_name(*host);
  if (name.empty())
    return false;
  if (equals_ignoring_case(name, "localhost") || is_ip_literal(name))
    return true;
  return std::any_of(config.allowed_hosts.begin(), config.allowed_hosts.end(),
                     [&](auto& allowed) { return allowed == "*" || equals_ignoring_case(allowed, name); });
}

bool origin_configured(const server_config& config, std::string_view origin) {
  return std::any_of(config.allowed_origins.begin(), config.allowed_origins.end(),
                     [&](auto& allowed) { return equals_ignoring_case(allowed, origin); });
}

bool origin_allowed(const server_config& config, const request& req) {
  auto origin = req.header("origin");
  if (origin && origin_configured(config, *origin))
    return true;
  auto site = req.header("sec-fetch-site");
  if (site && (*site == "cross-site" || *site == "same-site"))
    return false;
  if (!origin)
    return true;
  auto host = req.header("host");
  return host && same_origin(*origin, *host);
}

response preflight_response(const server_config& config, const request& req, std::string_view allow) {
  response out;
  out.status = 204;
  out.content_type = {};
  out.headers.emplace_back("Access-Control-Allow-Methods", allow);
  out.headers.emplace_back("Access-Control-Allow-Headers",
                           "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
                           "Range, X-Request-ID, traceparent");
  out.headers.emplace_back("Access-Control-Max-Age", "600");
  add_cors_headers(config, req, out);
  return out;
}

void add_cors_headers(const server_config& config, const request& req, response& out) {
  if (config.allowed_origins.empty())
    return;
  out.headers.emplace_back("Vary", "Origin");
  auto origin = req.header("origin");
  if (!origin || !origin_configured(config, *origin))
    return;
  out.headers.emplace_back("Access-Control-Allow-Origin", std::string{*origin});
  out.headers.emplace_back("Access-Control-Allow-Credentials", "true");
  out.headers.emplace_back("Access-Control-Expose-Headers", exposed);
}

} // namespace troupe::net
