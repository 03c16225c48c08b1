#pragma once

// A thousand WebSocket clients (RFC 6455) on one thread, the same code for every side; only the few texts that a side
// wants differ. They read, and look for the time that a report carries.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::bench {

enum class side { troupe, ws, socket_io };

/// One connection after the upgrade: blocking until then, non-blocking afterwards. Ends the program with a message when
/// the server does not do its part.
class web_socket {
public:
  web_socket(uint16_t port, const std::string& path);
  ~web_socket();
  web_socket(const web_socket&) = delete;
  web_socket& operator=(const web_socket&) = delete;

  /// One masked frame; waits while the socket is full.
  void send(std::string_view text, uint8_t opcode = 1);
  /// Reads what is there (waits for something, if asked to) and calls `take(text)` for each text message.
  template <class F>
  void read(bool wait, F&& take);
  int descriptor() const noexcept {
    return fd_;
  }

private:
  /// False: nothing there.
  bool fill(bool wait);
  /// The next whole message in the buffer; false if there is none.
  bool next(std::string_view& text);

  int fd_ = -1;
  std::string buffer_;
  size_t used_ = 0;
};

template <class F>
void web_socket::read(bool wait, F&& take) {
  if (!fill(wait))
    return;
  for (std::string_view text; next(text);)
    take(text);
  buffer_.erase(0, used_);
  used_ = 0;
}

/// What arrived of one measurement.
struct deliveries {
  /// Only reports that were stamped in this time count.
  int64_t from_ns = 0;
  int64_t to_ns = 0;
  /// Report → client, each.
  std::vector<uint32_t> latency_us;
};

class client_crowd {
public:
  /// Connects and subscribes them one after another: client i in two of the topics, so that all topics have equally
  /// many.
  client_crowd(side which, uint16_t port, size_t clients, const std::vector<std::string>& topics);
  ~client_crowd();

  /// Reads until that time of CLOCK_MONOTONIC.
  void run(int64_t until_ns, deliveries& into);

private:
  void subscribe(web_socket& client, const std::string& a, const std::string& b);
  void take(web_socket& client, std::string_view text, deliveries& into);

  side side_;
  int epoll_ = -1;
  std::vector<web_socket*> clients_;
};

} // namespace troupe::bench
