#include "nodes/link/reachable.hpp"

#include "protocol/ports/fd.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

namespace troupe::node {

namespace {

using time_point = std::chrono::steady_clock::time_point;

/// 0 and a connected socket, or errno.
int try_address(const addrinfo& to, time_point end, unique_fd& fd) {
  fd = unique_fd{::socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to.ai_protocol)};
  if (!fd)
    return errno;
  if (::connect(fd.get(), to.ai_addr, to.ai_addrlen) == 0)
    return 0;
  if (errno != EINPROGRESS)
    return errno;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd waiting{fd.get(), POLLOUT, 0};
    const int n = ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n == 0 ? ETIMEDOUT : errno;
    int failure = 0;
    socklen_t size = sizeof failure;
    return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno;
  }
}

} // namespace

result<unique_fd> connect_within(const std::string& host, uint16_t port, milliseconds limit) {
  const auto where = host + ":" + std::to_string(port);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); code != 0)
    return {errc::unavailable, host + ": no such host (" + ::gai_strerror(code) + ")"};
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned{found, &::freeaddrinfo};
  const auto end = std::chrono::steady_clock::now() + limit;
  int failure = ECONNREFUSED;
  int64_t left = 0;
  for (auto* x = found; x; x = x->ai_next)
    ++left;
  for (auto* x = found; x; x = x->ai_next, --left) {
    // One that swallows what is sent to it leaves the others their time.
    const auto now = std::chrono::steady_clock::now();
    if (unique_fd fd; (failure = try_address(*x, now + (end - now) / left, fd)) == 0)
      return fd;
  }
  return {errc::unavailable, "nobody answers at " + where + " (" + std::strerror(failure) + ")"};
}

result<void> reachable(const std::string& host, uint16_t port, milliseconds limit) {
  auto fd = connect_within(host, port, limit);
  return fd ? result<void>{} : std::move(fd).error();
}

} // namespace troupe::node
