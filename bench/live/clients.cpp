#include "bench/live/clients.hpp"

#include "bench/live/reports.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace troupe::bench {

namespace {

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "live_load: %s (%s)\n", what, std::strerror(errno));
  std::_Exit(1);
}

void wait_for(int fd, short events) {
  pollfd p{fd, events, 0};
  if (poll(&p, 1, 20'000) <= 0)
    give_up("the server does not go on");
}

} // namespace

int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

web_socket::web_socket(uint16_t port, const std::string& path) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd_ < 0 || (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0 && errno != EINPROGRESS))
    give_up("no connection");
  wait_for(fd_, POLLOUT);
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto request = "GET " + path + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port)
                 + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dHJvdXBlIGxpdmUgbG9hZA==\r\n\r\n";
  if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    give_up("no upgrade");
  size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    fill(true);
  if (buffer_.compare(0, 12, "HTTP/1.1 101") != 0) {
    std::fprintf(stderr, "%s\n", buffer_.c_str());
    give_up("the upgrade was refused");
  }
  // Frames may have come with it.
  buffer_.erase(0, end + 4);
}

web_socket::~web_socket() {
  close(fd_);
}

void web_socket::send(std::string_view text, uint8_t opcode) {
  std::string frame{static_cast<char>(0x80 | opcode)};
  if (text.size() < 126) {
    frame += static_cast<char>(0x80 | text.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(text.size() >> 8);
    frame += static_cast<char>(text.size());
  }
  // A mask of zeros is a mask.
  frame.append(4, '\0');
  frame += text;
  for (size_t done = 0; done < frame.size();) {
    auto n = ::send(fd_, frame.data() + done, frame.size() - done, MSG_NOSIGNAL);
    if (n > 0)
      done += static_cast<size_t>(n);
    else if (errno == EAGAIN)
      wait_for(fd_, POLLOUT);
    else
      give_up("a connection broke off");
  }
}

bool web_socket::fill(bool wait) {
  char room[65'536];
  for (;;) {
    auto n = recv(fd_, room, sizeof(room), 0);
    if (n > 0) {
      buffer_.append(room, static_cast<size_t>(n));
      return true;
    }
    if (n == 0 || errno != EAGAIN)
      give_up("the server closed a connection");
    if (!wait)
      return false;
    wait_for(fd_, POLLIN);
  }
}

bool web_socket::next(std::string_view& text) {
  for (;;) {
    auto left = std::string_view{buffer_}.substr(used_);
    if (left.size() < 2)
      return false;
    auto byte = [&](size_t i) { return static_cast<uint8_t>(left[i]); };
    size_t head = 2;
    size_t size = byte(1) & 0x7f;
    if (size == 126) {
      if (left.size() < 4)
        return false;
      size = size_t{byte(2)} << 8 | byte(3);
      head = 4;
    } else if (size == 127) {
      give_up("a message of more than 64 KiB");
    }
    if (left.size() < head + size)
      return false;
    used_ += head + size;
    switch (byte(0) & 0x0f) {
    case 1:
      text = left.substr(head, size);
      return true;
    case 8:
      give_up("the server said good-bye");
    case 9:
      send(left.substr(head, size), 10);
      break;
    default:
      break;
    }
  }
}

client_crowd::client_crowd(side which, uint16_t port, size_t clients, const std::vector<std::string>& topics) :
  side_(which), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  auto path = which == side::socket_io ? "/socket.io/?EIO=4&transport=websocket" : "/ws";
  for (size_t i = 0; i < clients; ++i) {
    auto client = new web_socket(port, path);
    clients_.push_back(client);
    subscribe(*client, topics[i % topics.size()], topics[(i + topics.size() / 2) % topics.size()]);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = client;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, client->descriptor(), &e) != 0)
      give_up("epoll");
  }
}

client_crowd::~client_crowd() {
  for (auto client : clients_)
    delete client;
  close(epoll_);
}

void client_crowd::subscribe(web_socket& client, const std::string& a, const std::string& b) {
  auto until = [&](std::string_view prefix, size_t count) {
    while (count > 0)
      client.read(true, [&](std::string_view text) { count -= count > 0 && text.starts_with(prefix); });
  };
  if (side_ == side::socket_io) {
    // Engine.IO opens, Socket.IO connects to the namespace "/" (protocol 5).
    client.send("40");
    until("40", 1);
    client.send("42[\"subscribe-job\",\"" + a + "\"]");
    client.send("42[\"subscribe-job\",\"" + b + "\"]");
    until("42[\"subscribed\"", 2);
    return;
  }
  client.send(R"({"type":"subscribe","topics":[")" + a + R"(",")" + b + R"("]})");
  until(R"({"type":"subscribed")", 2);
}

void client_crowd::take(web_socket& client, std::string_view text, deliveries& into) {
  static constexpr std::string_view mark = "\"message\":\"t=";
  auto at = text.find(mark);
  if (at == std::string_view::npos) {
    // Engine.IO's ping.
    if (side_ == side::socket_io && text == "2")
      client.send("3");
    return;
  }
  int64_t sent = 0;
  std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), sent);
  if (sent >= into.from_ns && sent < into.to_ns)
    into.latency_us.push_back(static_cast<uint32_t>((now_ns() - sent) / 1000));
}

void client_crowd::run(int64_t until_ns, deliveries& into) {
  std::array<epoll_event, 256> ready;
  for (int64_t left; (left = until_ns - now_ns()) > 0;) {
    auto n = epoll_wait(epoll_, ready.data(), ready.size(), static_cast<int>(left / 1'000'000) + 1);
    for (int i = 0; i < n; ++i) {
      auto client = static_cast<web_socket*>(ready[i].data.ptr);
      client->read(false, [&](std::string_view text) { take(*client, text, into); });
    }
  }
}

} // namespace troupe::bench
