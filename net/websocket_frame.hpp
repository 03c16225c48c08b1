#pragma once

// RFC 6455 framing, server side. Ours and not Beast's stream: a stream keeps kilobytes a connection, masks and copies;
// here an idle connection holds no buffer, and one rendered frame goes to a thousand sockets.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::net::ws {

enum class opcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

namespace close_code {
inline constexpr uint16_t normal = 1000;
inline constexpr uint16_t going_away = 1001;
inline constexpr uint16_t protocol_error = 1002;
inline constexpr uint16_t unsupported_data = 1003;
inline constexpr uint16_t invalid_payload = 1007;
inline constexpr uint16_t too_big = 1009;
inline constexpr uint16_t try_again_later = 1013;
} // namespace close_code

/// An unmasked, final frame.
std::string frame(opcode op, std::string_view payload);
inline std::string text_frame(std::string_view text) {
  return frame(opcode::text, text);
}
std::string close_frame(uint16_t code, std::string_view reason);

/// Sec-WebSocket-Accept for a client's key; nullopt: the key is not 16 bytes of base64.
std::optional<std::string> accept_key(std::string_view key);

/// True for well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text) noexcept;

/// Reads a client's frames as they come.
class reader {
public:
  explicit reader(size_t max_message) : max_message_(max_message) {
  }

  struct handler {
    virtual ~handler() = default;
    virtual void on_text(std::string_view message) = 0;
    virtual void on_ping(std::string_view payload) = 0;
    virtual void on_pong() = 0;
    /// The peer's close frame; 1005 when it has no code. Nothing follows.
    virtual void on_close(uint16_t code) = 0;
    /// The peer broke the protocol: close with this code. Nothing follows.
    virtual void on_violation(uint16_t code, std::string_view reason) = 0;
  };
  void feed(std::string_view data, handler& to);

private:
  struct header {
    opcode op = opcode::text;
    bool final = true;
    uint64_t length = 0;
    size_t size = 0;
    unsigned char mask[4] = {};
  };
  enum class outcome : uint8_t { need_more, good, bad };
  outcome read_header(std::string_view data, header& out, handler& to);
  void violation(handler& to, uint16_t code, std::string_view reason);
  void control(const header& h, std::string& payload, handler& to);
  void message(const header& h, std::string payload, handler& to);

  size_t max_message_;
  /// An unfinished frame; empty while idle.
  std::string pending_;
  /// Earlier fragments of an unfinished message.
  std::string fragments_;
  bool in_message_ = false;
  bool ended_ = false;
};

} // namespace troupe::net::ws
