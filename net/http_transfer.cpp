#include "net/http_transfer.hpp"

#include "net/http_address.hpp"
#include "net/http_fields.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe::net {

namespace {

constexpr size_t max_header_bytes = 256 * 1024;
constexpr milliseconds progress_interval{100};

troupe::error file_error(int number) {
  if (number == ENOSPC || number == EDQUOT)
    return {errc::storage_full, "no space is left for the download"};
  return {errc::io, std::string{"writing the download failed: "} + std::strerror(number)};
}

struct url_deleter {
  void operator()(CURLU* x) const noexcept {
    curl_url_cleanup(x);
  }
};

std::string url_part(const char* url, CURLUPart part, unsigned flags) {
  std::unique_ptr<CURLU, url_deleter> parsed{curl_url()};
  char* text = nullptr;
  if (!url || !parsed || curl_url_set(parsed.get(), CURLUPART_URL, url, 0) != CURLUE_OK
      || curl_url_get(parsed.get(), part, &text, flags) != CURLUE_OK)
    return {};
  std::string result{text};
  curl_free(text);
  return result;
}

} // namespace

http_transfer::http_transfer(ports::http_download what, progress_function progress, done_function done,
                             const clock& time) :
  curl_exchange(time, what.stall_timeout, max_header_bytes),
  what_(std::move(what)), progress_(std::move(progress)), done_(std::move(done)) {
}

CURL* http_transfer::begin() {
  body_ = body::undecided;
  restart_ = false;
  auto* h = fresh_handle(what_.url, what_.connect_timeout);
  if (!h)
    return nullptr;
  curl_easy_setopt(h, CURLOPT_PRIVATE, this);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
  // One connection a transfer: a connection that another one was allowed to make must not be used by this one.
  curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
  headers_.reset();
  if (what_.offset > 0) {
    curl_easy_setopt(h, CURLOPT_RANGE, (std::to_string(what_.offset) + "-").c_str());
    if (!what_.validator.empty())
      headers_.reset(curl_slist_append(nullptr, ("If-Range: " + what_.validator).c_str()));
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers_.get());
  }
  return h;
}

bool http_transfer::finish(CURLcode code) {
  if (code == CURLE_OK && !failure_ && !head_complete())
    failure_ = cut_off_head();
  if (code == CURLE_OK && !failure_ && body_ == body::undecided)
    decide_body();
  if (restart_ && !restarted_) {
    restarted_ = true;
    what_.offset = 0;
    what_.validator.clear();
    failure_.reset();
    return true;
  }
  end(outcome(code));
  return false;
}

void http_transfer::end(result<ports::http_response> x) {
  easy_.reset();
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(x));
}

void http_transfer::fail(troupe::error why) {
  end(std::move(why));
}

troupe::error http_transfer::stalled() const {
  return {errc::timeout, where() + " sent nothing for " + std::to_string(what_.stall_timeout.count()) + " ms"};
}

bool http_transfer::permits(const curl_sockaddr& address) const {
  return what_.allow_private || is_public_address(&address.addr, address.addrlen);
}

bool http_transfer::wants_fields() const {
  return body_ == body::undecided;
}

bool http_transfer::take_body(std::string_view piece) {
  if (body_ == body::undecided)
    decide_body();
  if (failure_ || restart_ || complete_already_ || body_ == body::dropped)
    return false;
  return write(piece);
}

/// What this answer means for the file. Called at the first byte of a body, or at the end of an answer without one.
void http_transfer::decide_body() {
  body_ = body::dropped;
  result<void> x;
  auto code = status();
  if (code == 200) {
    curl_off_t length = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    restarted_ = restarted_ || what_.offset > 0;
    x = start_file(0, length >= 0 ? std::optional<uint64_t>{static_cast<uint64_t>(length)} : std::nullopt);
  } else if (code == 206) {
    x = decide_part();
  } else if (code == 416 && what_.offset > 0) {
    auto range = parse_content_range(field("content-range"));
    if (range && range->total == what_.offset) {
      complete_already_ = true;
      position_ = what_.offset;
      total_ = what_.offset;
    } else {
      restart_ = true;
    }
  }
  if (!x)
    failure_ = std::move(x).error();
}

result<void> http_transfer::decide_part() {
  auto range = parse_content_range(field("content-range"));
  if (!range || !range->first)
    return {errc::io, where() + " sent a part of the file without saying which"};
  // A server that does not know If-Range sends a part of whatever the file is now.
  bool another_file = !what_.validator.empty() && !validator().empty() && validator() != what_.validator;
  if (*range->first != what_.offset || another_file) {
    if (what_.offset == 0 || restarted_)
      return {errc::io, where() + " sent another part of the file than was asked for"};
    restart_ = true;
    return {};
  }
  return start_file(what_.offset, range->total);
}

result<void> http_transfer::start_file(uint64_t position, std::optional<uint64_t> total) {
  if (what_.max_bytes > 0 && total && *total > what_.max_bytes)
    return {errc::too_large, "the file at " + where() + " has " + std::to_string(*total) + " bytes, more than allowed"};
  struct stat info {};
  if (::fstat(what_.descriptor, &info) != 0)
    return file_error(errno);
  if (static_cast<uint64_t>(info.st_size) < position)
    return {errc::io, "the first part of the download is shorter than it was; begin anew"};
  // Drops what is behind the position, so that it is right for descriptors that append, too. Devices have no size.
  if (S_ISREG(info.st_mode)
      && (::ftruncate(what_.descriptor, static_cast<off_t>(position)) != 0
          || ::lseek(what_.descriptor, static_cast<off_t>(position), SEEK_SET) < 0))
    return file_error(errno);
  position_ = position;
  total_ = total;
  body_ = body::file;
  return {};
}

bool http_transfer::write(std::string_view piece) {
  if (what_.max_bytes > 0 && position_ + piece.size() > what_.max_bytes) {
    failure_ = troupe::error{errc::too_large, "the file at " + where() + " has more bytes than allowed"};
    return false;
  }
  while (!piece.empty()) {
    auto n = ::write(what_.descriptor, piece.data(), piece.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      failure_ = file_error(errno);
      return false;
    }
    piece.remove_prefix(static_cast<size_t>(n));
    position_ += static_cast<uint64_t>(n);
  }
  report(false);
  return true;
}

void http_transfer::report(bool last) {
  auto now = clock_->mono();
  if (!progress_ || (!last && now < last_report_ + progress_interval))
    return;
  last_report_ = now;
  progress_({position_, total_.value_or(0), validator()});
}

std::string http_transfer::validator() const {
  auto etag = field("etag");
  return etag.starts_with('"') ? etag : field("last-modified");
}

std::string http_transfer::file_name() const {
  auto name = file_name_of(field("content-disposition"));
  if (!name.empty())
    return name;
  char* url = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_EFFECTIVE_URL, &url);
  auto path = url_part(url, CURLUPART_PATH, CURLU_URLDECODE);
  return path.substr(path.find_last_of('/') + 1);
}

/// The server, without path, query or credentials.
std::string http_transfer::where() const {
  char* url = nullptr;
  if (easy_)
    curl_easy_getinfo(easy_.get(), CURLINFO_EFFECTIVE_URL, &url);
  auto host = url_part(url ? url : what_.url.c_str(), CURLUPART_HOST, 0);
  return host.empty() ? "the server" : host;
}

result<ports::http_response> http_transfer::outcome(CURLcode code) {
  if (failure_)
    return *failure_;
  if (complete_already_)
    return file_response();
  auto answered = status();
  // A body that nobody wants is cut off by us: the status says what happened.
  bool cut_off = code == CURLE_WRITE_ERROR && body_ == body::dropped;
  if ((code == CURLE_OK || cut_off) && answered != 200 && answered != 206)
    return status_error(answered);
  if (code != CURLE_OK)
    return curl_error(code);
  if (total_ && position_ != *total_)
    return troupe::error{errc::io, where() + " broke off after " + std::to_string(position_) + " of "
                                     + std::to_string(*total_) + " bytes"};
  return file_response();
}

result<ports::http_response> http_transfer::file_response() {
  ports::http_response x;
  x.status = static_cast<int>(status());
  x.content_type = field("content-type");
  x.validator = validator();
  x.file_name = file_name();
  x.size = position_;
  x.restarted = restarted_;
  report(true);
  return x;
}

result<ports::http_response> http_transfer::status_error(long code) const {
  auto say = [&](errc c, const char* what) {
    return troupe::error{c, where() + " " + what + " (status " + std::to_string(code) + ")"};
  };
  if (code == 404 || code == 410)
    return say(errc::not_found, "does not have this file");
  if (code == 429 || code == 503) {
    auto x = say(errc::rate_limited, "asks to come back later");
    x.retry_after = parse_retry_after(field("retry-after"), clock_->wall());
    return x;
  }
  if (code == 408)
    return say(errc::timeout, "gave up waiting");
  if (code >= 500)
    return say(errc::io, "failed");
  return say(errc::unprocessable, "does not give this file out");
}

result<ports::http_response> http_transfer::curl_error(CURLcode code) const {
  if (address_refused() && code == CURLE_COULDNT_CONNECT)
    return troupe::error{errc::forbidden, where() + " is in a private network: downloads from there are not allowed"};
  switch (code) {
  case CURLE_URL_MALFORMAT:
    return troupe::error{errc::validation, "the URL can't be understood"};
  case CURLE_UNSUPPORTED_PROTOCOL:
    return troupe::error{errc::validation, "only http and https URLs can be downloaded"};
  case CURLE_TOO_MANY_REDIRECTS:
    return troupe::error{errc::unprocessable, where() + " redirects without end"};
  case CURLE_OPERATION_TIMEDOUT:
    return troupe::error{errc::timeout, where() + " could not be reached in time"};
  case CURLE_PARTIAL_FILE:
    return troupe::error{errc::io, where() + " broke off after " + std::to_string(position_) + " bytes"};
  default:
    return troupe::error{errc::io, where() + ": " + curl_easy_strerror(code)};
  }
}

} // namespace troupe::net
