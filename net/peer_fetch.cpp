#include "net/peer_fetch.hpp"

#include "net/disk_error.hpp"
#include "net/http_fields.hpp"

#include <unistd.h>

#include <cerrno>
#include <limits>

namespace troupe::net {

peer_fetch::peer_fetch(ports::range_fetch what, std::function<void(uint64_t)> moved, done_function done,
                       const peer_papers& papers, const clock& time) :
  peer_request(what.url, {what.connect_timeout, what.stall_timeout}, std::move(moved), papers, time),
  what_(std::move(what)), done_(std::move(done)) {
}

CURL* peer_fetch::begin() {
  constexpr auto most = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  if (what_.length == 0 || what_.offset > most || what_.length > most - what_.offset) {
    failure_ = troupe::error{errc::validation, "a range of a file has at least one byte and ends before 8 EiB"};
    return nullptr;
  }
  auto* h = fresh();
  if (h)
    curl_easy_setopt(h, CURLOPT_RANGE,
                     (std::to_string(what_.offset) + "-" + std::to_string(what_.offset + what_.length - 1)).c_str());
  return h;
}

bool peer_fetch::check_range() {
  auto range = parse_content_range(field("content-range"));
  range_checked_ =
    status() == 206 && range && range->first == what_.offset && range->last == what_.offset + what_.length - 1;
  if (!range_checked_) {
    // A file that ends before is another one than the address was made for.
    auto shorter =
      status() == 206 && range && range->first == what_.offset && range->last < what_.offset + what_.length;
    failure_ = shorter ? troupe::error{errc::conflict, where() + " has another, shorter file by now"}
                       : troupe::error{errc::protocol, where() + " sent other bytes than were asked for"};
  }
  return range_checked_;
}

bool peer_fetch::take(std::string_view piece) {
  if (!range_checked_ && !check_range())
    return false;
  if (piece.size() > what_.length - received_) {
    failure_ = troupe::error{errc::protocol, where() + " sent more bytes than were asked for"};
    return false;
  }
  hash_.add(piece);
  while (!piece.empty()) {
    auto n = ::pwrite(what_.descriptor, piece.data(), piece.size(), static_cast<off_t>(what_.offset + received_));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      failure_ = disk_error(errno, "what is fetched from " + where() + " can't be written");
      return false;
    }
    piece.remove_prefix(static_cast<size_t>(n));
    received_ += static_cast<uint64_t>(n);
  }
  report(received_, false);
  return true;
}

result<void> peer_fetch::outcome(CURLcode code) {
  if (auto why = problem(code)) {
    // The range begins behind the file's end.
    if (!failure_ && status() == 416)
      why->code = errc::conflict;
    return *why;
  }
  if (!range_checked_ && !check_range())
    return *failure_;
  if (received_ != what_.length)
    return {errc::io, where() + " broke off after " + std::to_string(received_) + " of " + std::to_string(what_.length)
                        + " bytes"};
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
