#pragma once

#include "media/fd.hpp"
#include "protocol/model/executor.hpp"
#include "protocol/model/result.hpp"

#include <mutex>
#include <optional>
#include <vector>

namespace troupe::media {

/// A frame from the worker with the descriptors that came along.
struct received_frame {
  exec::frame frame;
  std::vector<owned_fd> descriptors;
};

/// The executor's end of the framed protocol (protocol/model/executor.hpp).
class executor_channel {
public:
  /// Borrows a connected stream socket.
  explicit executor_channel(int socket) noexcept : socket_(socket) {
  }

  /// Blocks for the next frame; nothing at a clean end of file. errc::protocol when the peer broke the framing (a body
  /// over the limit, a wrong count of descriptors, an unknown type, an end inside a frame), errc::io for the socket.
  /// One thread.
  result<std::optional<received_frame>> receive();

  /// Blocks until it is handed over. A worker that is gone is not an error here: the reading side sees it. Any thread.
  void send(exec::frame_type type, uint64_t operation, std::string body);

private:
  result<size_t> read_some(void* out, size_t size, std::vector<owned_fd>& descriptors);
  /// False at an end of file before the first byte.
  result<bool> read_all(void* out, size_t size, std::vector<owned_fd>& descriptors);

  int socket_;
  std::mutex sending_;
};

} // namespace troupe::media
