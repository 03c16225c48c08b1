#include "tests/support/raw_http.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace troupe::test {

namespace {

constexpr int patience_ms = 10'000;

void parse_head(raw_answer& out) {
  size_t line = out.head.find("\r\n");
  out.status = out.head.size() > 12 ? std::atoi(out.head.c_str() + 9) : 0;
  while (line != std::string::npos && line + 2 < out.head.size()) {
    auto begin = line + 2;
    line = out.head.find("\r\n", begin);
    auto text = out.head.substr(begin, line - begin);
    auto colon = text.find(": ");
    if (colon == std::string::npos)
      continue;
    auto name = text.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    out.headers[name] = text.substr(colon + 2);
  }
}

} // namespace

raw_client::raw_client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    close();
}

raw_client::~raw_client() {
  close();
}

void raw_client::close() {
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = -1;
}

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd p{fd_, POLLOUT, 0};
    if (::poll(&p, 1, patience_ms) <= 0)
      return false;
    auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool raw_client::fill(int ms) {
  pollfd p{fd_, POLLIN, 0};
  if (fd_ < 0 || ::poll(&p, 1, ms) <= 0)
    return false;
  char bytes[65536];
  auto n = ::recv(fd_, bytes, sizeof bytes, 0);
  if (n <= 0)
    return false;
  buffer_.append(bytes, static_cast<size_t>(n));
  return true;
}

std::optional<raw_answer> raw_client::read(bool head_only) {
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!fill(patience_ms))
      return std::nullopt;
  raw_answer out;
  out.head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  parse_head(out);
  if (head_only || out.status < 200 || out.status == 204 || out.status == 304)
    return out;
  auto length = out.headers.find("content-length");
  if (length == out.headers.end()) {
    while (fill(patience_ms)) {}
    out.body = std::move(buffer_);
    buffer_.clear();
    return out;
  }
  auto n = std::stoull(length->second);
  while (buffer_.size() < n)
    if (!fill(patience_ms))
      return std::nullopt;
  out.body = buffer_.substr(0, n);
  buffer_.erase(0, n);
  return out;
}

std::string raw_client::read_bytes(size_t n) {
  while (buffer_.size() < n && fill(patience_ms)) {}
  auto out = buffer_.substr(0, n);
  buffer_.erase(0, out.size());
  return out;
}

std::string raw_client::read_until(std::string_view text) {
  size_t at;
  while ((at = buffer_.find(text)) == std::string::npos && fill(patience_ms)) {}
  auto n = at == std::string::npos ? buffer_.size() : at + text.size();
  auto out = buffer_.substr(0, n);
  buffer_.erase(0, n);
  return out;
}

bool raw_client::closed_within(int ms) {
  pollfd p{fd_, POLLIN, 0};
  char byte;
  return ::poll(&p, 1, ms) > 0 && ::recv(fd_, &byte, 1, MSG_PEEK) <= 0;
}

void raw_client::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void raw_client::reset() {
  linger option{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
  close();
}

std::string get(std::string_view path, std::string_view more) {
  return "GET " + std::string{path} + " HTTP/1.1\r\nHost: localhost\r\n" + std::string{more} + "\r\n";
}

std::string with_body(std::string_view method, std::string_view path, std::string_view body, std::string_view more) {
  return std::string{method} + " " + std::string{path} + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n" + std::string{more} + "\r\n" + std::string{body};
}

} // namespace troupe::test
