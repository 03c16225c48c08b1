#include "net/peer_fetch.hpp"

#include "net/disk_error.hpp"
#include "net/headers.hpp"
#include "net/http_fields.hpp"

#include <unistd.h>

#include <cerrno>
#include <limits>

namespace troupe::net {

namespace {

/// In order, apart from each other, and none beyond what a file can have.
bool can_be_asked_for(const std::vector<byte_span>& ranges) noexcept {
  constexpr auto most = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  if (ranges.empty() || ranges.size() > ports::max_fetch_ranges)
    return false;
  for (size_t i = 0; i < ranges.size(); ++i)
    if (ranges[i].begin >= ranges[i].end || ranges[i].end > most || (i > 0 && ranges[i].begin <= ranges[i - 1].end))
      return false;
  return true;
}

std::string range_list(const std::vector<byte_span>& ranges) {
  std::string out;
  for (auto& x : ranges)
    out += (out.empty() ? "" : ",") + std::to_string(x.begin) + "-" + std::to_string(x.end - 1);
  return out;
}

} // namespace

static_assert(ports::max_fetch_ranges <= max_ranges);

peer_fetch::peer_fetch(ports::range_fetch what, std::function<void(uint64_t)> moved, done_function done,
                       const peer_papers& papers, const clock& time) :
  peer_request(what.url, {what.connect_timeout, what.stall_timeout}, std::move(moved), papers, time),
  what_(std::move(what)), done_(std::move(done)) {
  for (auto& x : what_.ranges)
    length_ += x.end - x.begin;
}

CURL* peer_fetch::begin() {
  if (!can_be_asked_for(what_.ranges) || what_.base > what_.ranges.front().begin) {
    failure_ =
      troupe::error{errc::validation, "ranges of a file begin in ours, have at least one byte, are apart from each other, at "
                                      "most "
                                        + std::to_string(ports::max_fetch_ranges) + " of them, and end before 8 EiB"};
    return nullptr;
  }
  auto* h = fresh();
  if (h)
    curl_easy_setopt(h, CURLOPT_RANGE, range_list(what_.ranges).c_str());
  return h;
}

bool peer_fetch::refuse(troupe::error why) {
  failure_ = std::move(why);
  return false;
}

bool peer_fetch::check_head() {
  head_checked_ = what_.ranges.size() == 1 ? check_range() : check_parts();
  return head_checked_;
}

bool peer_fetch::check_range() {
  const auto& wanted = what_.ranges.front();
  auto range = parse_content_range(field("content-range"));
  if (status() != 206 || !range || range->first != wanted.begin || range->last >= wanted.end)
    return refuse({errc::protocol, where() + " sent other bytes than were asked for"});
  // A file that ends before is another one than the address was made for.
  return range->last + 1 == wanted.end || refuse({errc::conflict, where() + " has another, shorter file by now"});
}

bool peer_fetch::check_parts() {
  const auto type = field("content-type");
  auto boundary = header_parameter(type, "boundary");
  // Ranges behind the end of a file are left out: then there may be one, and no parts.
  const bool shorter = status() == 206 && parse_content_range(field("content-range"));
  if (shorter)
    return refuse({errc::conflict, where() + " has another, shorter file by now"});
  if (status() != 206 || !equals_ignoring_case(media_type(type), "multipart/byteranges") || !boundary)
    return refuse({errc::protocol, where() + " sent other bytes than were asked for"});
  parts_.emplace(*boundary, what_.ranges,
                 [this](uint64_t offset, std::string_view bytes) { return write(offset, bytes); });
  return true;
}

bool peer_fetch::take(std::string_view piece) {
  if (!head_checked_ && !check_head())
    return false;
  hash_.add(piece);
  if (parts_) {
    if (auto taken = parts_->add(piece); !taken)
      return refuse({taken.error().code, where() + ": " + taken.error().message});
  } else {
    if (piece.size() > length_ - received_)
      return refuse({errc::protocol, where() + " sent more bytes than were asked for"});
    if (auto written = write(what_.ranges.front().begin + received_, piece); !written)
      return refuse(written.error());
  }
  report(received_, false);
  return true;
}

result<void> peer_fetch::write(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::pwrite(what_.descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset - what_.base));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return disk_error(errno, "what is fetched from " + where() + " can't be written");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
    received_ += static_cast<uint64_t>(n);
  }
  return {};
}

bool peer_fetch::complete() const noexcept {
  return received_ == length_ && (!parts_ || parts_->complete());
}

result<void> peer_fetch::outcome(CURLcode code) {
  if (auto why = problem(code)) {
    // The first range begins behind the file's end.
    if (!failure_ && status() == 416)
      why->code = errc::conflict;
    return *why;
  }
  if (!head_checked_ && !check_head())
    return *failure_;
  if (!complete())
    return {errc::io,
            where() + " broke off after " + std::to_string(received_) + " of " + std::to_string(length_) + " bytes"};
  if (!has_digest(field("content-digest"), hash_.field()))
    return {errc::io, "what arrived from " + where() + " is not what was sent: its digest is missing or another one"};
  return {};
}

bool peer_fetch::finish(CURLcode code) {
  if (auto x = outcome(code); !x) {
    end({0, std::move(x).error()});
    return false;
  }
  report(received_, true);
  end({received_, {errc::none, {}}});
  return false;
}

void peer_fetch::fail(troupe::error why) {
  end({0, failure_ ? *failure_ : std::move(why)});
}

void peer_fetch::end(ports::peer_files::fetched outcome) {
  easy_.reset();
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(outcome));
}

} // namespace troupe::net
