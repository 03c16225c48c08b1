#include "net/redis_connection.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace troupe::net {

namespace {

troupe::error away(std::string what) {
  return {errc::unavailable, "Redis " + std::move(what)};
}

troupe::error away(int number) {
  return away(std::string{"can't be reached: "} + std::strerror(number));
}

} // namespace

std::string format_redis_command(const std::vector<std::string_view>& words) {
  std::vector<const char*> starts;
  std::vector<size_t> sizes;
  for (auto& w : words) {
    starts.push_back(w.data());
    sizes.push_back(w.size());
  }
  char* text = nullptr;
  auto size = redisFormatCommandArgv(&text, static_cast<int>(words.size()), starts.data(), sizes.data());
  std::string result;
  if (size > 0)
    result.assign(text, static_cast<size_t>(size));
  redisFreeCommand(text);
  return result;
}

result<redis_connection> redis_connection::open(const redis_address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  auto port = std::to_string(address.port);
  if (auto code = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found); code != 0)
    return away(std::string{"can't be found: "} + ::gai_strerror(code));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard{found, &::freeaddrinfo};
  int problem = ECONNREFUSED;
  for (auto* i = found; i; i = i->ai_next) {
    unique_fd fd{::socket(i->ai_family, i->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, i->ai_protocol)};
    if (!fd) {
      problem = errno;
      continue;
    }
    int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::connect(fd.get(), i->ai_addr, i->ai_addrlen) == 0 || errno == EINPROGRESS)
      return redis_connection{std::move(fd)};
    problem = errno;
  }
  return away(problem);
}

result<void> redis_connection::connected() const {
  int problem = 0;
  socklen_t size = sizeof(problem);
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
    problem = errno;
  if (problem != 0)
    return away(problem);
  return {};
}

result<void> redis_connection::flush() {
  while (wants_write()) {
    auto n = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      break;
    if (n < 0)
      return away(errno);
    sent_ += static_cast<size_t>(n);
  }
  if (!wants_write()) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > 1024 * 1024) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  return {};
}

result<void> redis_connection::receive() {
  char buffer[16 * 1024];
  for (;;) {
    auto n = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return {};
    if (n < 0)
      return away(errno);
    if (n == 0)
      return away("closed the connection");
    if (redisReaderFeed(reader_.get(), buffer, static_cast<size_t>(n)) != REDIS_OK)
      return away("sent what is not its protocol");
  }
}

result<redis_reply> redis_connection::next_reply() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK)
    return away("sent what is not its protocol");
  return redis_reply{static_cast<redisReply*>(reply)};
}

} // namespace troupe::net
