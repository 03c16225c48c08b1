#pragma once

#include "protocol/model/executor.hpp"
#include "protocol/ports/fd.hpp"

#include <deque>
#include <functional>

namespace troupe::host {

/// The worker's side of the executor protocol (protocol/model/executor.hpp) on one non-blocking stream socket: partial
/// reads and writes, descriptors, size caps. Not thread safe.
class frame_channel {
public:
  enum class state { open, closed, broken };

  explicit frame_channel(unique_fd socket) : socket_(std::move(socket)) {
  }

  /// Queues a frame; write() sends it.
  void push(exec::frame what, std::vector<unique_fd> descriptors);
  /// Sends what the socket takes. `closed` when the peer is gone: what was queued is dropped.
  state write();
  /// Reads what is there, at most about 1 MiB a call, and hands each whole frame to `sink`. `broken` for a frame that
  /// no executor may send: longer than exec::max_body_bytes, of an unknown type, or with descriptors.
  state read(const std::function<void(exec::frame)>& sink);

  bool wants_to_write() const noexcept {
    return !queue_.empty();
  }
  int descriptor() const noexcept {
    return socket_.get();
  }
  void close() noexcept {
    socket_.reset();
    queue_.clear();
  }

private:
  struct outgoing {
    /// Header and body.
    std::string bytes;
    size_t sent = 0;
    std::vector<unique_fd> descriptors;
  };

  ssize_t send_some(outgoing& what);
  bool parse(const std::function<void(exec::frame)>& sink);

  unique_fd socket_;
  std::deque<outgoing> queue_;
  /// Bytes read that are not a whole frame yet.
  std::string incoming_;
};

} // namespace troupe::host
