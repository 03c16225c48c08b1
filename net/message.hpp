#pragma once

// A request and a response as handlers see them: no sockets, no Beast.

#include "protocol/model/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::net {

enum class verb : uint8_t { get, head, post, put, patch, del, options, other };

/// "GET", "HEAD", …; "OTHER" for the rest (metrics' label, so the client can't choose it).
std::string_view to_string(verb v) noexcept;
verb verb_from(std::string_view name) noexcept;

/// One HTTP request (RFC 9110, 9112). Views are valid until the response is on its way.
struct request {
  verb method = verb::get;
  /// 10 or 11.
  int version = 11;
  /// As sent, without scheme and authority.
  std::string target;
  /// Decoded path, and decoded query parameters in order.
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  /// Values of the route's {name}s, in their order.
  std::vector<std::string> path_values;
  /// Names in lower case, in the order received.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  /// Whole body for routes that take JSON; empty otherwise.
  std::string body;
  /// IP address of the peer.
  std::string peer;
  /// X-Request-ID, accepted or made.
  std::string id;
  /// W3C trace context, accepted or made (model/trace.hpp).
  std::string traceparent;
  /// nullopt: chunked.
  std::optional<uint64_t> content_length = 0;
  bool keep_alive = true;
  bool upgrade = false;

  /// First value of a header; `name` in lower case.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    for (auto& [n, v] : headers)
      if (n == name)
        return v;
    return std::nullopt;
  }
  /// First value of a query parameter; nullptr if there is none.
  const std::string* parameter(std::string_view name) const noexcept {
    for (auto& [n, v] : query)
      if (n == name)
        return &v;
    return nullptr;
  }
};

/// A file that is open for as long as anybody sends from it.
struct shared_file;
using shared_file_ptr = std::shared_ptr<const shared_file>;

/// Part of a body: some text, then `length` bytes of a file from `offset`.
struct file_part {
  std::string before;
  shared_file_ptr file;
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// What follows the response on the same connection.
enum class stream_kind : uint8_t { none, websocket, sse };

struct stream_start {
  stream_kind kind = stream_kind::none;
  /// SSE: topics with where the client left off ("epoch-seq", empty: from now on).
  std::vector<std::string> topics;
  std::string since;
};

struct response {
  int status = 200;
  /// A string literal, as it is read when the answer is written; empty: no Content-Type.
  std::string_view content_type = "application/json; charset=utf-8";
  /// Names must be string literals.
  std::vector<std::pair<std::string_view, std::string>> headers;
  std::string body;
  /// Instead of `body`: encoded once, shared by many.
  std::shared_ptr<const std::string> shared_body;
  /// Instead of both: files, then `trailer`.
  std::vector<file_part> parts;
  std::string trailer;
  /// With its quotes; empty: none. GET and HEAD compare If-None-Match with it.
  std::string etag;
  stream_start stream;

  std::string_view text() const noexcept {
    return shared_body ? std::string_view{*shared_body} : std::string_view{body};
  }
};

response json_response(int status, std::string body);
/// contract.md "Rules": the error envelope, or problem+json when the request accepts it; Retry-After where it is due.
response error_response(const request& req, const error& what);

} // namespace troupe::net
