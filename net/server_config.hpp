#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace troupe::net {

/// Everything that bounds the server. Each limit and deadline has a value that suits a home server on a LAN.
struct server_config {
  /// IP address to listen on.
  std::string address = "127.0.0.1";
  /// 0: any free one (tests).
  uint16_t port = 3001;
  /// Threads that serve sockets; each connection stays on one.
  uint32_t threads = 2;
  /// Threads for files: writes and syncs of uploads, opening of media.
  uint32_t file_threads = 2;
  uint32_t max_connections = 4096;

  /// Names that a Host header may have beside IP addresses and localhost (which can't be rebound). "*": any.
  std::vector<std::string> allowed_hosts;
  /// Origins ("https://host:port") beside our own whose pages may read and write (FRONTEND_URL).
  std::vector<std::string> allowed_origins;

  /// Request line and header together, bytes.
  uint32_t max_header_bytes = 16 * 1024;
  uint32_t max_header_count = 100;
  /// Bodies other than uploads, bytes.
  uint64_t max_body_bytes = 1024 * 1024;
  uint64_t max_upload_bytes = 64ull * 1024 * 1024 * 1024;

  /// From the first byte of a request to the end of its header.
  milliseconds header_deadline{10'000};
  /// Without a new byte of the body.
  milliseconds body_deadline{30'000};
  /// Without the peer taking a byte of the answer.
  milliseconds write_deadline{30'000};
  /// Between requests of one connection.
  milliseconds idle_deadline{75'000};
  /// For the backend to answer.
  milliseconds answer_deadline{30'000};
  /// For a peer that still sends what was refused: how long without a new byte we read on, so that it sees the answer.
  milliseconds linger_deadline{2'000};

  /// Requests a minute and address on /api; 0: no limit.
  uint32_t requests_per_minute = 100;

  /// WebSocket: a ping after this much silence, the end after twice as much. SSE: a comment.
  milliseconds live_keepalive{15'000};
  /// Events that wait for one slow reader, beside its socket's buffer.
  uint32_t max_live_queue = 256;
  uint32_t max_live_topics = 256;
  uint32_t max_live_message_bytes = 64 * 1024;

  /// Told, in one line, of faults that are ours and that no client is told of: what a handler threw, memory that ran
  /// out. Any thread; may be empty.
  std::function<void(const std::string&)> fault;

  /// errc::validation with every bad field at once.
  result<void> validate() const;
};

} // namespace troupe::net
