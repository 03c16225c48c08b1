#include "net/multipart_ranges.hpp"

#include "net/headers.hpp"
#include "net/http_fields.hpp"

#include <algorithm>

namespace troupe::net {

namespace {

/// Boundary and fields of one part.
constexpr size_t max_head = 1024;

error other_bytes() {
  return {errc::protocol, "the answer has other bytes than were asked for"};
}

} // namespace

std::string part_head(const std::string& boundary, const byte_range& range, uint64_t size) {
  return "\r\n--" + boundary + "\r\nContent-Range: bytes " + std::to_string(range.first) + "-"
         + std::to_string(range.first + range.length - 1) + "/" + std::to_string(size) + "\r\n\r\n";
}

std::string parts_end(const std::string& boundary) {
  return "\r\n--" + boundary + "--\r\n";
}

part_reader::part_reader(std::string boundary, std::vector<byte_span> ranges, taker take) :
  boundary_(std::move(boundary)), ranges_(std::move(ranges)), take_(std::move(take)) {
}

result<void> part_reader::add(std::string_view piece) {
  while (!piece.empty()) {
    if (phase_ == phase::over)
      return other_bytes();
    TROUPE_TRY(phase_ == phase::head ? read_head(piece) : read_data(piece));
  }
  return {};
}

/// Up to the empty line behind the fields, or to the end of the line that closes the body.
result<void> part_reader::read_head(std::string_view& piece) {
  const auto end = next_ == ranges_.size() ? parts_end(boundary_) : std::string{"\r\n\r\n"};
  while (!piece.empty()) {
    head_ += piece.front();
    piece.remove_prefix(1);
    if (head_.size() > max_head)
      return other_bytes();
    if (head_.ends_with(end))
      return check_head();
  }
  return {};
}

result<void> part_reader::check_head() {
  const auto head = std::exchange(head_, {});
  if (next_ == ranges_.size()) {
    phase_ = phase::over;
    return head == parts_end(boundary_) ? result<void>{} : other_bytes();
  }
  const auto first = "\r\n--" + boundary_ + "\r\n";
  if (!head.starts_with(first))
    return other_bytes();
  std::optional<content_range> range;
  std::string_view lines{head};
  lines.remove_prefix(first.size());
  while (!lines.empty()) {
    const auto length = lines.find("\r\n");
    if (auto field = parse_field_line(lines.substr(0, length)); field && field->first == "content-range")
      range = parse_content_range(field->second);
    lines.remove_prefix(length + 2);
  }
  const auto& wanted = ranges_[next_];
  if (!range || range->first != wanted.begin || range->last >= wanted.end)
    return other_bytes();
  if (range->last + 1 < wanted.end)
    return {errc::conflict, "the file is another, shorter one by now"};
  offset_ = wanted.begin;
  phase_ = phase::data;
  return {};
}

result<void> part_reader::read_data(std::string_view& piece) {
  const auto end = ranges_[next_].end;
  const auto part = piece.substr(0, std::min<uint64_t>(piece.size(), end - offset_));
  TROUPE_TRY(take_(offset_, part));
  piece.remove_prefix(part.size());
  offset_ += part.size();
  bytes_ += part.size();
  if (offset_ == end) {
    ++next_;
    phase_ = phase::head;
  }
  return {};
}

} // namespace troupe::net
