#include "net/multipart.hpp"

#include "net/headers.hpp"
#include "net/url.hpp"

#include <string.h>

#include <algorithm>

namespace troupe::net {

namespace {

error malformed(std::string_view what) {
  return {errc::validation, "the multipart body is malformed: " + std::string{what}};
}

/// A name in a Content-Disposition. filename* (RFC 5987) is decoded, UTF-8 only.
std::optional<std::string> file_name_of(std::string_view disposition) {
  if (auto extended = header_parameter(disposition, "filename*")) {
    constexpr std::string_view prefix = "utf-8''";
    if (extended->size() > prefix.size() && equals_ignoring_case(extended->substr(0, prefix.size()), prefix))
      if (auto decoded = percent_decode(std::string_view{*extended}.substr(prefix.size()), false))
        return decoded;
  }
  return header_parameter(disposition, "filename");
}

} // namespace

result<std::string> multipart_boundary(std::string_view content_type) {
  if (!equals_ignoring_case(media_type(content_type), "multipart/form-data"))
    return {errc::unsupported_media, "send the file as multipart/form-data"};
  auto boundary = header_parameter(content_type, "boundary");
  constexpr std::string_view allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ";
  if (!boundary || boundary->empty() || boundary->size() > 70 || boundary->ends_with(' ')
      || boundary->find_first_not_of(allowed) != std::string::npos)
    return {errc::validation, "the Content-Type has no usable boundary"};
  return *std::move(boundary);
}

multipart_parser::multipart_parser(std::string_view boundary, part_handler& handler) :
  delimiter_("\r\n--" + std::string{boundary}), handler_(handler), matched_(2) {
  // The first delimiter may stand at the very start: as if a CRLF had gone before.
}

result<void> multipart_parser::feed(std::string_view data) {
  while (!data.empty()) {
    switch (state_) {
    case state::preamble:
    case state::data:
      TROUPE_TRY(scan(data));
      break;
    case state::delimiter_end:
      TROUPE_TRY(end_delimiter(data));
      break;
    case state::head:
      TROUPE_TRY(read_head(data));
      break;
    case state::epilogue:
      return {};
    }
  }
  return {};
}

result<void> multipart_parser::emit(std::string_view piece) {
  if (state_ != state::data || piece.empty())
    return {};
  return handler_.on_data(piece);
}

/// Looks for the delimiter; passes on what can't be part of it.
result<void> multipart_parser::scan(std::string_view& data) {
  // A delimiter that began in an earlier piece. It holds no CR but its first byte, so a mismatch restarts at zero.
  while (matched_ > 0 && matched_ < delimiter_.size() && !data.empty()) {
    if (data.front() == delimiter_[matched_]) {
      ++matched_;
      data.remove_prefix(1);
    } else {
      auto held = std::string_view{delimiter_}.substr(0, matched_);
      matched_ = 0;
      TROUPE_TRY(emit(held));
    }
  }
  if (matched_ < delimiter_.size()) {
    if (data.empty())
      return {};
    auto found = static_cast<const char*>(memmem(data.data(), data.size(), delimiter_.data(), delimiter_.size()));
    if (!found) {
      // The longest end of the data that a delimiter may begin with.
      auto tail = data.rfind('\r');
      auto begins = tail != std::string_view::npos && delimiter_.starts_with(data.substr(tail));
      matched_ = begins ? data.size() - tail : 0;
      auto piece = data.substr(0, data.size() - matched_);
      data = {};
      return emit(piece);
    }
    auto length = static_cast<size_t>(found - data.data());
    TROUPE_TRY(emit(data.substr(0, length)));
    data.remove_prefix(length + delimiter_.size());
  }
  matched_ = 0;
  auto ended = state_ == state::data;
  state_ = state::delimiter_end;
  pending_.clear();
  return ended ? handler_.on_part_end() : result<void>{};
}

/// "--" (the last one), or padding and CRLF.
result<void> multipart_parser::end_delimiter(std::string_view& data) {
  while (!data.empty()) {
    pending_.push_back(data.front());
    data.remove_prefix(1);
    if (pending_ == "--") {
      state_ = state::epilogue;
      return {};
    }
    if (pending_.ends_with("\r\n")) {
      if (!trim(std::string_view{pending_}.substr(0, pending_.size() - 2)).empty())
        return malformed("bytes after a boundary");
      state_ = state::head;
      // An empty header is one CRLF, which the search below sees as the second of two.
      pending_ = "\r\n";
      return {};
    }
    if (pending_.size() > 256)
      return malformed("bytes after a boundary");
  }
  return {};
}

result<void> multipart_parser::read_head(std::string_view& data) {
  auto old = pending_.size();
  auto room = max_part_header_bytes + 4 - std::min(old, max_part_header_bytes);
  auto taken = std::min(data.size(), room);
  pending_.append(data.substr(0, taken));
  auto end = pending_.find("\r\n\r\n", old >= 3 ? old - 3 : 0);
  if (end == std::string::npos) {
    if (pending_.size() > max_part_header_bytes)
      return malformed("the header of a part is too long");
    data.remove_prefix(taken);
    return {};
  }
  data.remove_prefix(end + 4 - old);
  pending_.resize(end + 2);
  return start_part();
}

result<void> multipart_parser::start_part() {
  if (++parts_ > max_parts)
    return malformed("too many parts");
  part_head head;
  bool disposed = false;
  std::string_view lines = pending_;
  lines.remove_prefix(2);
  while (!lines.empty()) {
    auto end = lines.find("\r\n");
    auto line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    auto colon = line.find(':');
    if (colon == std::string_view::npos)
      return malformed("a part has a header line without a colon");
    auto value = trim(line.substr(colon + 1));
    if (equals_ignoring_case(line.substr(0, colon), "content-disposition")) {
      auto name = header_parameter(value, "name");
      if (disposed || !equals_ignoring_case(media_type(value), "form-data") || !name)
        return malformed("a part has no proper Content-Disposition");
      disposed = true;
      head.name = *std::move(name);
      head.file_name = file_name_of(value);
    } else if (equals_ignoring_case(line.substr(0, colon), "content-type")) {
      head.content_type = value;
    }
  }
  if (!disposed)
    return malformed("a part has no Content-Disposition");
  state_ = state::data;
  matched_ = 0;
  pending_.clear();
  return handler_.on_part(head);
}

result<void> multipart_parser::finish() const {
  if (state_ != state::epilogue)
    return malformed("it ends before its closing boundary");
  return {};
}

} // namespace troupe::net
