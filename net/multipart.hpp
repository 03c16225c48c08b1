#pragma once

// Incremental multipart/form-data (RFC 7578, RFC 2046 section 5.1): data goes through as it comes, nothing is kept but
// part headers and a delimiter's length.

#include "protocol/model/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace troupe::net {

struct part_head {
  std::string name;
  /// Present for files; as sent, not to be trusted.
  std::optional<std::string> file_name;
  std::string content_type;
};

class part_handler {
public:
  virtual ~part_handler() = default;
  virtual result<void> on_part(const part_head& head) = 0;
  virtual result<void> on_data(std::string_view piece) = 0;
  virtual result<void> on_part_end() = 0;
};

/// Boundary of a Content-Type; errc::unsupported_media when it isn't multipart/form-data, errc::validation when the
/// boundary is missing or not 1 to 70 allowed characters.
result<std::string> multipart_boundary(std::string_view content_type);

class multipart_parser {
public:
  /// `handler` must outlive the parser. An error of the handler's ends the parsing and comes back.
  multipart_parser(std::string_view boundary, part_handler& handler);

  result<void> feed(std::string_view data);
  /// After the last byte: errc::validation when the closing delimiter has not come.
  result<void> finish() const;

  static constexpr size_t max_part_header_bytes = 8 * 1024;
  static constexpr size_t max_parts = 32;

private:
  enum class state : uint8_t { preamble, delimiter_end, head, data, epilogue };

  result<void> scan(std::string_view& data);
  result<void> emit(std::string_view piece);
  result<void> end_delimiter(std::string_view& data);
  result<void> read_head(std::string_view& data);
  result<void> start_part();

  /// CRLF "--" boundary.
  std::string delimiter_;
  part_handler& handler_;
  state state_ = state::preamble;
  /// Bytes of the delimiter that the data so far ended with.
  size_t matched_;
  /// What follows a delimiter, or a part's header, so far.
  std::string pending_;
  size_t parts_ = 0;
};

} // namespace troupe::net
