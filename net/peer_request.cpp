#include "net/peer_request.hpp"

#include "protocol/model/json_codec.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace troupe::net {

namespace {

constexpr size_t max_header_bytes = 64 * 1024;
/// Of what a node says of its refusal.
constexpr size_t max_said = 16 * 1024;
constexpr milliseconds progress_interval{100};
/// Below the other side's idle deadline: a connection that is just being closed is not used again.
constexpr long longest_idle_seconds = 50;
constexpr long receive_buffer = 512 * 1024;
constexpr long send_buffer = 128 * 1024;

bool is_loopback(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24U == 127;
  return address.sa_family == AF_INET6
         && IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

void set_blob(CURL* handle, CURLoption option, const std::string& text) {
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(handle, option, &blob);
}

errc code_by_status(long status) {
  for (auto code : {errc::forbidden, errc::not_found, errc::conflict, errc::too_large, errc::rate_limited,
                    errc::storage_full, errc::unavailable})
    if (http_status(code) == status)
      return code;
  return status >= 500 ? errc::io : errc::protocol;
}

/// Host and port. Nothing of what comes behind them, which is as good as a key.
std::string place_of(const std::string& url) {
  auto scheme = url.find("://");
  auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  auto host = url.substr(begin, url.find('/', begin) - begin);
  return host.empty() ? "the node" : host;
}

} // namespace

peer_request::peer_request(std::string url, patience waits, std::function<void(uint64_t)> moved,
                           const peer_papers& papers, const clock& time) :
  curl_exchange(time, waits.stall, max_header_bytes),
  url_(std::move(url)), waits_(waits), place_(place_of(url_)), papers_(papers), moved_(std::move(moved)) {
}

CURL* peer_request::fresh() {
  said_.clear();
  headers_.reset();
  auto* h = fresh_handle(url_, waits_.connect);
  if (!h)
    return nullptr;
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(h, CURLOPT_MAXAGE_CONN, longest_idle_seconds);
  curl_easy_setopt(h, CURLOPT_BUFFERSIZE, receive_buffer);
  curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, send_buffer);
  set_papers(h);
  // No pause before a body: the other side says no at once or not at all.
  add_header("Expect:");
  return h;
}

void peer_request::set_papers(CURL* h) {
  if (papers_.empty()) {
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http");
    return;
  }
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(h, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
  // Of the machine's authorities none speaks for a node.
  curl_easy_setopt(h, CURLOPT_CAPATH, nullptr);
  set_blob(h, CURLOPT_CAINFO_BLOB, papers_.authority);
  if (papers_.certificate.empty())
    return;
  set_blob(h, CURLOPT_SSLCERT_BLOB, papers_.certificate);
  set_blob(h, CURLOPT_SSLKEY_BLOB, papers_.key);
}

void peer_request::add_header(const std::string& line) {
  if (auto* all = curl_slist_append(headers_.get(), line.c_str())) {
    (void)headers_.release();
    headers_.reset(all);
  }
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers_.get());
}

troupe::error peer_request::stalled() const {
  return {errc::timeout, where() + " moved nothing for " + std::to_string(waits_.stall.count()) + " ms"};
}

bool peer_request::take(std::string_view) {
  return true;
}

bool peer_request::permits(const curl_sockaddr& address) const {
  return !papers_.empty() || is_loopback(address.addr);
}

bool peer_request::take_body(std::string_view piece) {
  if (failure_)
    return false;
  if (status() / 100 == 2)
    return take(piece);
  // A refusal without end is cut off: its status is told.
  said_.append(piece.substr(0, max_said - said_.size()));
  return said_.size() < max_said;
}

std::optional<troupe::error> peer_request::problem(CURLcode code) {
  if (failure_)
    return failure_;
  // What was refused while we were still sending comes with an error of the connection, and counts for more.
  if (head_complete() && status() >= 300)
    return refusal();
  if (code != CURLE_OK)
    return curl_error(code);
  if (!head_complete() || status() / 100 != 2)
    return cut_off_head();
  return std::nullopt;
}

/// {"code","message"}, or after a HEAD the code in a field of the header.
troupe::error peer_request::refusal() const {
  troupe::error out{code_by_status(status()), {}};
  auto code = field("error-code");
  if (!said_.empty())
    if (auto doc = parse_json(said_, "an answer"))
      object_reader{*doc, "an answer"}.read("code", code).read("message", out.message);
  if (!code.empty())
    out.code = errc_from(code);
  if (out.code == errc::none)
    out.code = errc::protocol;
  out.message = where() + ": " + (out.message.empty() ? std::string{describe(out.code)} : out.message.substr(0, 1000))
                + " (status " + std::to_string(status()) + ")";
  if (auto seconds = number_field("retry-after"))
    out.retry_after = std::chrono::seconds{std::min<uint64_t>(*seconds, 3600)};
  return out;
}

/// "Connection refused" says more than that it could not connect.
std::string peer_request::why_unreachable(CURLcode code) const {
  long number = 0;
  const bool known =
    code == CURLE_COULDNT_CONNECT && curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number) == CURLE_OK;
  return known && number != 0 ? std::generic_category().message(static_cast<int>(number)) : curl_easy_strerror(code);
}

troupe::error peer_request::curl_error(CURLcode code) const {
  if (address_refused())
    return {errc::forbidden, where()
                               + " is another machine, and this node has no certificate: files go over the network "
                                 "by TLS only; make certificates with 'troupe cert'"};
  switch (code) {
  case CURLE_URL_MALFORMAT:
    return {errc::validation, "the address can't be understood"};
  case CURLE_UNSUPPORTED_PROTOCOL:
    return {errc::validation, papers_.empty() ? "this node has no certificate for an https address"
                                              : "a node's files are at an https address"};
  case CURLE_COULDNT_CONNECT:
  case CURLE_COULDNT_RESOLVE_HOST:
    return {errc::unavailable, where() + " can't be reached: " + why_unreachable(code)};
  case CURLE_OPERATION_TIMEDOUT:
    return {errc::timeout, where() + " could not be reached in time"};
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
    return {errc::forbidden, where() + " has no certificate of this cluster for its address, or this node has none: "
                               + curl_easy_strerror(code)};
  case CURLE_SSL_CONNECT_ERROR:
    return {errc::unavailable, where() + " does not answer by TLS 1.3: " + curl_easy_strerror(code)};
  default:
    return {errc::io, where() + ": " + curl_easy_strerror(code)};
  }
}

std::optional<uint64_t> peer_request::number_field(const std::string& name) const {
  auto text = field(name);
  uint64_t out = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return out;
}

const std::string& peer_request::place() const noexcept {
  return place_;
}

std::string peer_request::where() const {
  return place_;
}

void peer_request::report(uint64_t bytes, bool last) {
  auto now = clock_->mono();
  if (!moved_ || (!last && now < last_report_ + progress_interval))
    return;
  last_report_ = now;
  moved_(reported_ = bytes);
}

void peer_request::others_move() {
  report(reported_, true);
}

} // namespace troupe::net
