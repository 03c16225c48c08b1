#pragma once

// Who may ask at all: the Host allow-list (DNS rebinding) and the check of where a page comes from (design.md, Safety).

#include "net/message.hpp"
#include "net/server_config.hpp"

namespace troupe::net {

/// Host without its port; "[::1]:80" → "[::1]". Empty: malformed.
std::string_view host_name(std::string_view host) noexcept;

/// IP addresses and localhost always pass: no name can be rebound to them. A missing Host (HTTP/1.0) passes.
bool host_allowed(const server_config& config, const request& req);

/// True when the request's Origin is in allowed_origins.
bool origin_configured(const server_config& config, std::string_view origin);

/// For writes, WebSocket and SSE: no Origin (not a browser), our own or a configured one. A browser that says
/// Sec-Fetch-Site: cross-site or same-site needs a configured one.
bool origin_allowed(const server_config& config, const request& req);

/// What a CORS preflight (OPTIONS with Origin and Access-Control-Request-Method) gets.
response preflight_response(const server_config& config, const request& req, std::string_view allow);
/// Adds Access-Control-* to an answer for a configured origin.
void add_cors_headers(const server_config& config, const request& req, response& out);

} // namespace troupe::net
