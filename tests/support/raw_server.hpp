#pragma once

// A TCP server on loopback that answers exactly what a test says, byte by byte.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace troupe::test {

/// One accepted connection, as the handler sees it. Closed when the handler returns.
class raw_peer {
public:
  raw_peer(int fd, const std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {
  }

  /// False when the client is gone.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  /// Until the client closes, the server stops, or the time is over.
  void hold(int milliseconds) const {
    for (int i = 0; i < milliseconds && !stopping_; i += 10) {
      pollfd p{fd_, POLLIN, 0};
      char byte = 0;
      if (::poll(&p, 1, 10) > 0 && ::recv(fd_, &byte, 1, 0) <= 0)
        return;
    }
  }

private:
  int fd_;
  const std::atomic<bool>& stopping_;
};

class raw_server {
public:
  /// Gets the head of each request, one a connection.
  using handler = std::function<void(const raw_peer&, const std::string& head)>;

  explicit raw_server(handler h) : handler_(std::move(h)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(a);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&a), size) != 0 || ::listen(listener_, 64) != 0
        || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size) != 0)
      throw std::runtime_error{"the test's server can't listen"};
    port_ = ntohs(a.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }

  ~raw_server() {
    stopping_ = true;
    thread_.join();
    for (auto& t : connections_)
      t.join();
    ::close(listener_);
  }

  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int port() const {
    return port_;
  }
  std::vector<std::string> heads() const {
    std::lock_guard guard{mutex_};
    return heads_;
  }

private:
  void run() {
    while (!stopping_) {
      pollfd p{listener_, POLLIN, 0};
      if (::poll(&p, 1, 20) <= 0)
        continue;
      auto fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0)
        connections_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    std::string head;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n") && ::recv(fd, &byte, 1, 0) == 1)
      head += byte;
    if (!head.empty()) {
      {
        std::lock_guard guard{mutex_};
        heads_.push_back(head);
      }
      handler_(raw_peer{fd, stopping_}, head);
    }
    ::close(fd);
  }

  handler handler_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

} // namespace troupe::test
