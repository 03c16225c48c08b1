#pragma once

// Boost.Beast's HTTP/1 parser behind an interface of our own, so that one .cpp includes Beast.

#include "net/message.hpp"

#include <span>

namespace troupe::net {

/// Why a request could not be read, as the status it gets.
struct parse_failure {
  int status = 400;
  std::string_view reason;
};

/// Incremental and strict (RFC 9112): refuses what two parsers could read in two ways (smuggling). One request after
/// another through reset().
class request_parser {
public:
  struct limits {
    uint32_t header_bytes;
    uint32_t header_count;
  };
  explicit request_parser(limits l);
  ~request_parser();
  request_parser(const request_parser&) = delete;
  request_parser& operator=(const request_parser&) = delete;

  /// Forgets the last request.
  void reset();

  /// Presents `data`, everything unconsumed so far from the start of the request; how many bytes were used. Stops at
  /// the end of the header. The header's views point into `data` (names are lower-cased in place): it must stay until
  /// the request is done with.
  size_t put_head(std::span<char> data, request& out);
  /// Presents bytes after the header; appends what belongs to the body to `pieces` (views into `data`).
  size_t put_body(std::string_view data, std::vector<std::string_view>& pieces);

  bool head_done() const noexcept;
  bool done() const noexcept;
  /// Set: no byte after this can be understood, the connection must end.
  const std::optional<parse_failure>& failure() const noexcept;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::net
