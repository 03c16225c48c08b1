#include "net/curl_exchange.hpp"

#include "net/http_fields.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace troupe::net {

curl_exchange::curl_exchange(const clock& time, milliseconds stall, size_t max_header_bytes) :
  clock_(&time), stall_(stall), max_header_bytes_(max_header_bytes) {
}

bool curl_exchange::wants_fields() const {
  return true;
}

CURL* curl_exchange::fresh_handle(const std::string& url, milliseconds connect) {
  fields_.clear();
  header_bytes_ = 0;
  connected_ = head_complete_ = false;
  easy_.reset(curl_easy_init());
  auto* h = easy_.get();
  if (!h)
    return nullptr;
  curl_easy_setopt(h, CURLOPT_URL, url.c_str());
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_USERAGENT, "troupe");
  curl_easy_setopt(h, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<int64_t>(1, connect.count())));
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, &on_socket);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, &on_connected);
  curl_easy_setopt(h, CURLOPT_PREREQDATA, this);
  return h;
}

mono_time curl_exchange::stalls_at() const noexcept {
  return connected_ ? last_byte_ + stall_ : mono_time::max();
}

size_t curl_exchange::on_header(char* data, size_t size, size_t count, void* self) {
  return static_cast<curl_exchange*>(self)->take_header({data, size * count}) ? size * count : 0;
}

size_t curl_exchange::on_body(char* data, size_t size, size_t count, void* self) {
  auto& x = *static_cast<curl_exchange*>(self);
  x.touch();
  return x.take_body({data, size * count}) ? size * count : 0;
}

curl_socket_t curl_exchange::on_socket(void* self, curlsocktype, curl_sockaddr* a) {
  auto& x = *static_cast<curl_exchange*>(self);
  if (!x.permits(*a)) {
    x.address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

int curl_exchange::on_connected(void* self, char*, char*, int, int) {
  auto& x = *static_cast<curl_exchange*>(self);
  x.connected_ = true;
  x.touch();
  return CURL_PREREQFUNC_OK;
}

bool curl_exchange::take_header(std::string_view line) {
  touch();
  header_bytes_ += line.size();
  if (header_bytes_ > max_header_bytes_) {
    failure_ = troupe::error{errc::io, where() + " sent too many header fields"};
    return false;
  }
  if (!wants_fields())
    return true;
  if (line.starts_with("HTTP/")) {
    // Also after an interim answer (1xx) or a redirection.
    fields_.clear();
    head_complete_ = false;
    return true;
  }
  if (line == "\r\n" || line == "\n")
    head_complete_ = true;
  else if (auto x = parse_field_line(line))
    fields_[x->first] = std::move(x->second);
  return true;
}

void curl_exchange::touch() {
  last_byte_ = clock_->mono();
}

std::string curl_exchange::field(const std::string& name) const {
  auto i = fields_.find(name);
  return i == fields_.end() ? std::string{} : i->second;
}

long curl_exchange::status() const {
  long code = 0;
  if (easy_)
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
  return code;
}

troupe::error curl_exchange::cut_off_head() const {
  return {errc::io, where() + " broke off in the head of its answer"};
}

} // namespace troupe::net
