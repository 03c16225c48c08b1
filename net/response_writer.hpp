#pragma once

// Turns a response into bytes: status line, headers, conditional and compressed bodies.

#include "net/message.hpp"
#include "net/server_config.hpp"

namespace troupe::net {

struct route;

std::string_view reason_phrase(int status) noexcept;

/// What is decided about a response before its head is written.
struct framing {
  bool keep_alive = true;
  /// HEAD: the head says what a GET would.
  bool head_only = false;
  uint64_t content_length = 0;
  /// Ends with the connection (SSE).
  bool until_close = false;
};

/// ETag, 304 for a matching If-None-Match, a content coding for text that is worth it and accepted, CORS.
void finish_response(const server_config& config, const route* matched, const request& req, response& out);

/// Appends the head. `date` is an IMF-fixdate.
void write_head(const request& req, const response& what, const framing& f, std::string_view date, std::string& out);

uint64_t content_length_of(const response& what) noexcept;

} // namespace troupe::net
