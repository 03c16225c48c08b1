#pragma once

// A TCP relay on loopback that cuts each connection after so many bytes of the client's.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace troupe::test {

class cutting_proxy {
public:
  explicit cutting_proxy(uint16_t target) :
    target_(target), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto a = loopback(0);
    socklen_t size = sizeof a;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&a), size) != 0 || ::listen(listener_, 16) != 0
        || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size) != 0)
      throw std::runtime_error{"the test's relay can't listen"};
    port = ntohs(a.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }
  ~cutting_proxy() {
    stopping_ = true;
    thread_.join();
    for (auto& t : connections_)
      t.join();
    ::close(listener_);
  }

  uint16_t port = 0;
  /// Of each connection from now on.
  std::atomic<uint64_t> bytes_until_cut{UINT64_MAX};
  /// Of all connections so far.
  std::atomic<uint64_t> bytes_from_clients{0};

private:
  static sockaddr_in loopback(uint16_t p) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(p);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
  }

  void run() {
    while (!stopping_) {
      pollfd p{listener_, POLLIN, 0};
      if (::poll(&p, 1, 20) <= 0)
        continue;
      auto client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      auto server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      auto a = loopback(target_);
      if (client >= 0 && ::connect(server, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0)
        connections_.emplace_back([this, client, server] { relay(client, server); });
    }
  }

  void relay(int client, int server) {
    auto left = bytes_until_cut.load();
    std::array<pollfd, 2> both{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    while (!stopping_ && left > 0) {
      if (::poll(both.data(), 2, 20) <= 0)
        continue;
      bool up = (both[0].revents & (POLLIN | POLLHUP)) != 0;
      std::array<char, 16 * 1024> buffer;
      auto room = up ? std::min<uint64_t>(buffer.size(), left) : buffer.size();
      auto n = ::recv(up ? client : server, buffer.data(), room, 0);
      if (n <= 0)
        break;
      if (::send(up ? server : client, buffer.data(), static_cast<size_t>(n), MSG_NOSIGNAL) != n)
        break;
      if (up) {
        left -= static_cast<uint64_t>(n);
        bytes_from_clients += static_cast<uint64_t>(n);
      }
    }
    ::close(client);
    ::close(server);
  }

  uint16_t target_;
  int listener_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> connections_;
  std::thread thread_;
};

} // namespace troupe::test
