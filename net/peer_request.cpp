#include "net/peer_request.hpp"

#include "net/http_fields.hpp"

#include "protocol/model/json_codec.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

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

} // namespace

peer_request::peer_request(std::string url, patience waits, std::function<void(uint64_t)> moved,
                           const peer_papers& papers, const clock& time) :
  url_(std::move(url)),
  waits_(waits), clock_(&time), papers_(papers), moved_(std::move(moved)) {
}

CURL* peer_request::fresh() {
  fields_.clear();
  said_.clear();
  header_bytes_ = 0;
  connected_ = head_complete_ = false;
  headers_.reset();
  easy_.reset(curl_easy_init());
  auto* h = easy_.get();
  if (!h)
    return nullptr;
  curl_easy_setopt(h, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_USERAGENT, "troupe");
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(h, CURLOPT_MAXAGE_CONN, longest_idle_seconds);
  curl_easy_setopt(h, CURLOPT_BUFFERSIZE, receive_buffer);
  curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, send_buffer);
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<int64_t>(1, waits_.connect.count())));
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, &on_socket);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, &on_connected);
  curl_easy_setopt(h, CURLOPT_PREREQDATA, this);
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

mono_time peer_request::stalls_at() const noexcept {
  return connected_ ? last_byte_ + waits_.stall : mono_time::max();
}

troupe::error peer_request::stalled() const {
  return {errc::timeout, where() + " moved nothing for " + std::to_string(waits_.stall.count()) + " ms"};
}

bool peer_request::take(std::string_view) {
  return true;
}

size_t peer_request::on_header(char* data, size_t size, size_t count, void* self) {
  return static_cast<peer_request*>(self)->take_header({data, size * count}) ? size * count : 0;
}

size_t peer_request::on_body(char* data, size_t size, size_t count, void* self) {
  return static_cast<peer_request*>(self)->take_body({data, size * count}) ? size * count : 0;
}

curl_socket_t peer_request::on_socket(void* self, curlsocktype, curl_sockaddr* a) {
  auto& x = *static_cast<peer_request*>(self);
  if (x.papers_.empty() && !is_loopback(a->addr)) {
    x.address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

int peer_request::on_connected(void* self, char*, char*, int, int) {
  auto& x = *static_cast<peer_request*>(self);
  x.connected_ = true;
  x.touch();
  return CURL_PREREQFUNC_OK;
}

void peer_request::touch() {
  last_byte_ = clock_->mono();
}

bool peer_request::take_header(std::string_view line) {
  touch();
  header_bytes_ += line.size();
  if (header_bytes_ > max_header_bytes) {
    failure_ = troupe::error{errc::protocol, where() + " sent too many header fields"};
    return false;
  }
  if (line.starts_with("HTTP/")) {
    // Also after an interim answer (1xx).
    fields_.clear();
    head_complete_ = false;
    return true;
  }
  if (line == "\r\n" || line == "\n") {
    head_complete_ = true;
    return true;
  }
  if (auto x = parse_field_line(line))
    fields_[x->first] = std::move(x->second);
  return true;
}

bool peer_request::take_body(std::string_view piece) {
  touch();
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
  if (head_complete_ && status() >= 300)
    return refusal();
  if (code != CURLE_OK)
    return curl_error(code);
  // libcurl takes an answer whose head is cut off for one with an empty body.
  if (!head_complete_ || status() / 100 != 2)
    return troupe::error{errc::io, where() + " broke off in the head of its answer"};
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

troupe::error peer_request::curl_error(CURLcode code) const {
  if (address_refused_)
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
    return {errc::unavailable, where() + " can't be reached: " + curl_easy_strerror(code)};
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

std::string peer_request::field(const std::string& name) const {
  auto i = fields_.find(name);
  return i == fields_.end() ? std::string{} : i->second;
}

std::optional<uint64_t> peer_request::number_field(const std::string& name) const {
  auto text = field(name);
  uint64_t out = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return out;
}

long peer_request::status() const {
  long code = 0;
  if (easy_)
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
  return code;
}

std::string peer_request::where() const {
  // Scheme, host and port: what comes behind them is as good as a key.
  auto scheme = url_.find("://");
  auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  auto host = url_.substr(begin, url_.find('/', begin) - begin);
  return host.empty() ? "the node" : host;
}

void peer_request::report(uint64_t bytes, bool last) {
  auto now = clock_->mono();
  if (!moved_ || (!last && now < last_report_ + progress_interval))
    return;
  last_report_ = now;
  moved_(bytes);
}

} // namespace troupe::net
