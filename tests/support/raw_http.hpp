#pragma once

// A client that sends exactly the bytes it is told to: for what a proper HTTP client can't be made to do.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::test {

struct raw_answer {
  int status = 0;
  /// Names in lower case; the last of several.
  std::map<std::string, std::string> headers;
  std::string head;
  std::string body;

  std::string header(const std::string& name) const {
    auto i = headers.find(name);
    return i == headers.end() ? std::string{} : i->second;
  }
};

/// One TCP connection to the loopback; every wait is bounded (10 s).
class raw_client {
public:
  explicit raw_client(uint16_t port);
  ~raw_client();
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// False: the peer is gone.
  bool send(std::string_view bytes);
  /// The next answer, by Content-Length or to the end; `head_only` for HEAD. nullopt: closed or too late.
  std::optional<raw_answer> read(bool head_only = false);
  std::optional<raw_answer> ask(std::string_view bytes) {
    send(bytes);
    return read();
  }
  /// At least `n` bytes, or what came before the end.
  std::string read_bytes(size_t n);
  /// Until `text` has come or the end; everything so far.
  std::string read_until(std::string_view text);
  /// True when the peer closes within `ms`.
  bool closed_within(int ms);
  void half_close();
  /// Ends with a reset instead of a proper close.
  void reset();
  void close();
  int fd() const noexcept {
    return fd_;
  }

private:
  bool fill(int ms);

  int fd_ = -1;
  std::string buffer_;
};

/// "GET path HTTP/1.1" with a Host and more header lines.
std::string get(std::string_view path, std::string_view more = {});
std::string with_body(std::string_view method, std::string_view path, std::string_view body,
                      std::string_view more = "Content-Type: application/json\r\n");

} // namespace troupe::test
