#include "net/peer_push.hpp"

#include "net/disk_error.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace troupe::net {

namespace {

/// After each the other side says what it has.
constexpr uint64_t piece_size = 64ull << 20U;
/// What libcurl takes before it finds that a connection was closed meanwhile.
constexpr uint64_t most_sent_twice = 256 * 1024;
/// Hashed at a time while others wait: some ten milliseconds.
constexpr uint64_t hash_turn = 8ull << 20U;
constexpr size_t hash_block = 256 * 1024;

} // namespace

peer_push::peer_push(ports::file_push what, std::function<void(uint64_t)> moved, done_function done,
                     const peer_papers& papers, const clock& time) :
  peer_request(what.url, {what.connect_timeout, what.stall_timeout}, std::move(moved), papers, time),
  what_(std::move(what)), done_(std::move(done)) {
}

bool peer_push::prepare() {
  std::vector<char> block(hash_block);
  for (uint64_t turn = 0; hashed_ < there_; turn += block.size()) {
    if (turn >= hash_turn)
      return false;
    auto n = read_at(hashed_, block.data(), std::min<uint64_t>(block.size(), there_ - hashed_));
    if (!n)
      return true;
    hash_.add({block.data(), *n});
    hashed_ += *n;
  }
  return true;
}

CURL* peer_push::begin() {
  auto* h = failure_ ? nullptr : fresh();
  if (!h)
    return nullptr;
  if (step_ == step::ask) {
    curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    return h;
  }
  piece_ = std::min(piece_size, what_.size - there_);
  sent_ = 0;
  hash_before_ = hash_;
  curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, "PATCH");
  curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(piece_));
  curl_easy_setopt(h, CURLOPT_READFUNCTION, &on_read);
  curl_easy_setopt(h, CURLOPT_READDATA, this);
  curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, &on_seek);
  curl_easy_setopt(h, CURLOPT_SEEKDATA, this);
  add_header("Content-Type: application/partial-upload");
  add_header("Upload-Offset: " + std::to_string(there_));
  if (step_ == step::complete) {
    add_header("Upload-Complete: ?1");
    add_header("Repr-Digest: " + hash_.field());
  }
  return h;
}

size_t peer_push::on_read(char* to, size_t size, size_t count, void* self) {
  return static_cast<peer_push*>(self)->read(to, size * count);
}

int peer_push::on_seek(void* self, curl_off_t offset, int origin) {
  // A connection that had died was tried: the same piece over a new one. Of a piece that was on its way part may have
  // arrived: whoever pushes again asks how much.
  auto& x = *static_cast<peer_push*>(self);
  if (offset != 0 || origin != SEEK_SET || x.sent_ > most_sent_twice)
    return CURL_SEEKFUNC_FAIL;
  x.sent_ = 0;
  x.hash_ = x.hash_before_;
  x.hashed_ = x.there_;
  return CURL_SEEKFUNC_OK;
}

size_t peer_push::read(char* to, size_t size) {
  touch();
  auto n = read_at(there_ + sent_, to, std::min<uint64_t>(size, piece_ - sent_));
  if (!n)
    return CURL_READFUNC_ABORT;
  hash_.add({to, *n});
  sent_ += *n;
  hashed_ += *n;
  report(hashed_, false);
  return *n;
}

std::optional<size_t> peer_push::read_at(uint64_t from, char* to, size_t size) {
  if (size == 0)
    return 0;
  for (;;) {
    auto n = ::pread(what_.descriptor, to, size, static_cast<off_t>(from));
    if (n > 0)
      return static_cast<size_t>(n);
    if (n < 0 && errno == EINTR)
      continue;
    failure_ = n < 0 ? disk_error(errno, "the file for " + where() + " can't be read")
                     : troupe::error{errc::io, "the file for " + where() + " is shorter than it was"};
    return std::nullopt;
  }
}

bool peer_push::finish(CURLcode code) {
  auto why = problem(code);
  // More or less of the file has arrived than we thought: no matter of its content.
  if (why && step_ == step::send && status() == http_status(errc::conflict) && number_field("upload-offset")
      && field("upload-complete") != "?1")
    why->code = errc::io;
  auto x = why ? result<void>{*why} : after(step_);
  if (!x || step_ == step::done) {
    if (x)
      report(what_.size, true);
    end(std::move(x));
    return false;
  }
  easy_.reset();
  return true;
}

result<void> peer_push::after(step what) {
  if (what == step::complete) {
    step_ = step::done;
    return {};
  }
  auto there = number_field("upload-offset");
  if (!there)
    return {errc::protocol, where() + " does not say how much of the file it has"};
  if (what == step::ask && *there > what_.size)
    return {errc::conflict, where() + " has a longer file under this name"};
  if (what == step::send && *there != there_ + piece_)
    return {errc::protocol, where() + " has not taken what it was sent"};
  there_ = *there;
  step_ = there_ == what_.size ? step::complete : step::send;
  return {};
}

void peer_push::fail(troupe::error why) {
  end(failure_ ? *failure_ : std::move(why));
}

void peer_push::end(result<void> outcome) {
  easy_.reset();
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(outcome));
}

peer_publish::peer_publish(std::string url, std::function<void(result<void>)> done, const peer_papers& papers,
                           const clock& time) :
  peer_request(std::move(url), {}, {}, papers, time),
  done_(std::move(done)) {
}

CURL* peer_publish::begin() {
  auto* h = fresh();
  if (h) {
    curl_easy_setopt(h, CURLOPT_POST, 1L);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L);
  }
  return h;
}

bool peer_publish::finish(CURLcode code) {
  auto why = problem(code);
  end(why ? result<void>{*why} : result<void>{});
  return false;
}

void peer_publish::fail(troupe::error why) {
  end(std::move(why));
}

void peer_publish::end(result<void> outcome) {
  easy_.reset();
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(outcome));
}

} // namespace troupe::net
