#include "net/websocket_frame.hpp"

#include <openssl/evp.h>

#include <array>

namespace troupe::net::ws {

namespace {

bool is_control(opcode op) {
  return static_cast<uint8_t>(op) >= 8;
}

bool is_known(uint8_t op) {
  return op <= 2 || (op >= 8 && op <= 10);
}

/// Codes that may stand in a close frame (RFC 6455, 7.4).
bool valid_close_code(uint16_t code) {
  if (code >= 3000 && code <= 4999)
    return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

} // namespace

std::string frame(opcode op, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 10);
  out.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(op)));
  auto n = payload.size();
  auto append_length = [&](int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(n >> shift));
  };
  if (n < 126) {
    out.push_back(static_cast<char>(n));
  } else if (n <= 0xffff) {
    out.push_back(126);
    append_length(2);
  } else {
    out.push_back(127);
    append_length(8);
  }
  return out.append(payload);
}

std::string close_frame(uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  payload.append(reason.substr(0, 123));
  return frame(opcode::close, payload);
}

std::optional<std::string> accept_key(std::string_view key) {
  // 16 bytes are 22 characters and "==".
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (key.size() != 24 || !key.ends_with("==") || key.substr(0, 22).find_first_not_of(alphabet) != key.npos)
    return std::nullopt;
  auto text = std::string{key} + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) != 1)
    return std::nullopt;
  std::array<unsigned char, 64> encoded{};
  auto n = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
  return std::string(reinterpret_cast<char*>(encoded.data()), static_cast<size_t>(n));
}

bool is_utf8(std::string_view text) noexcept {
  auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto continues = [&](size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
  for (size_t i = 0; i < text.size();) {
    auto c = at(i);
    if (c < 0x80) {
      ++i;
    } else if (c >= 0xc2 && c <= 0xdf && continues(i + 1)) {
      i += 2;
    } else if (c >= 0xe0 && c <= 0xef && continues(i + 1) && continues(i + 2)) {
      if ((c == 0xe0 && at(i + 1) < 0xa0) || (c == 0xed && at(i + 1) > 0x9f))
        return false;
      i += 3;
    } else if (c >= 0xf0 && c <= 0xf4 && continues(i + 1) && continues(i + 2) && continues(i + 3)) {
      if ((c == 0xf0 && at(i + 1) < 0x90) || (c == 0xf4 && at(i + 1) > 0x8f))
        return false;
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

void reader::violation(handler& to, uint16_t code, std::string_view reason) {
  ended_ = true;
  to.on_violation(code, reason);
}

reader::outcome reader::read_header(std::string_view data, header& out, handler& to) {
  if (data.size() < 2)
    return outcome::need_more;
  auto at = [&](size_t i) { return static_cast<unsigned char>(data[i]); };
  auto bad = [&](uint16_t code, std::string_view reason) {
    violation(to, code, reason);
    return outcome::bad;
  };
  auto op = static_cast<uint8_t>(at(0) & 0x0f);
  if (at(0) & 0x70)
    return bad(close_code::protocol_error, "reserved bits are set");
  if (!is_known(op))
    return bad(close_code::protocol_error, "unknown opcode");
  if (!(at(1) & 0x80))
    return bad(close_code::protocol_error, "a client's frame must be masked");
  out.op = static_cast<opcode>(op);
  out.final = at(0) & 0x80;
  out.length = at(1) & 0x7f;
  if (is_control(out.op) && (out.length > 125 || !out.final))
    return bad(close_code::protocol_error, "a control frame is too long or fragmented");
  size_t extra = out.length == 126 ? 2 : out.length == 127 ? 8 : 0;
  out.size = 2 + extra + 4;
  if (data.size() < out.size)
    return outcome::need_more;
  if (extra > 0) {
    out.length = 0;
    for (size_t i = 0; i < extra; ++i)
      out.length = out.length << 8 | at(2 + i);
    if (out.length < (extra == 2 ? 126u : 0x10000u))
      return bad(close_code::protocol_error, "the length is not in its shortest form");
  }
  if (!is_control(out.op) && out.length + fragments_.size() > max_message_)
    return bad(close_code::too_big, "the message is larger than the limit");
  for (size_t i = 0; i < 4; ++i)
    out.mask[i] = at(2 + extra + i);
  return outcome::good;
}

void reader::feed(std::string_view data, handler& to) {
  // Work on the input itself as long as no frame is cut in two.
  std::string joined;
  if (!pending_.empty()) {
    joined = std::move(pending_);
    pending_.clear();
    joined.append(data);
    data = joined;
  }
  while (!ended_ && !data.empty()) {
    header h;
    auto read = read_header(data, h, to);
    if (read == outcome::bad)
      return;
    if (read == outcome::need_more || data.size() - h.size < h.length) {
      pending_.assign(data);
      return;
    }
    std::string payload{data.substr(h.size, h.length)};
    for (size_t i = 0; i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ h.mask[i & 3]);
    data.remove_prefix(h.size + h.length);
    if (is_control(h.op))
      control(h, payload, to);
    else
      message(h, std::move(payload), to);
  }
}

void reader::control(const header& h, std::string& payload, handler& to) {
  if (h.op == opcode::ping)
    return to.on_ping(payload);
  if (h.op == opcode::pong)
    return to.on_pong();
  if (payload.size() == 1)
    return violation(to, close_code::protocol_error, "a close code has two bytes");
  uint16_t code = 1005;
  if (payload.size() >= 2) {
    code = static_cast<uint16_t>(static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]));
    if (!valid_close_code(code))
      return violation(to, close_code::protocol_error, "this close code may not be sent");
    if (!is_utf8(std::string_view{payload}.substr(2)))
      return violation(to, close_code::invalid_payload, "the close reason is not UTF-8");
  }
  ended_ = true;
  to.on_close(code);
}

void reader::message(const header& h, std::string payload, handler& to) {
  if (h.op == opcode::binary)
    return violation(to, close_code::unsupported_data, "messages are JSON text");
  if ((h.op == opcode::continuation) != in_message_)
    return violation(to, close_code::protocol_error, "fragments are out of order");
  if (!h.final) {
    in_message_ = true;
    fragments_.append(payload);
    return;
  }
  if (in_message_) {
    fragments_.append(payload);
    payload = std::move(fragments_);
    fragments_ = {};
    in_message_ = false;
  }
  if (!is_utf8(payload))
    return violation(to, close_code::invalid_payload, "the message is not UTF-8");
  to.on_text(payload);
}

} // namespace troupe::net::ws
