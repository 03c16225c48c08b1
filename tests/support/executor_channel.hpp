#pragma once

// The channel of a child that speaks the executor's protocol, for programs that stand in for troupe-executor. Nothing
// of media/ and its libraries is in it.

#include "protocol/model/executor.hpp"

#include <string>
#include <vector>

namespace troupe::test {

struct received {
  exec::frame_type type = exec::frame_type::shutdown;
  uint64_t operation = 0;
  std::string body;
  /// The receiver's, who closes them.
  std::vector<int> descriptors;
};

/// Ends the process when nobody listens any more.
void send_bytes(const void* data, size_t size);
void send_frame(exec::frame_type type, uint64_t operation, const std::string& body);

/// False: the worker is gone.
bool receive(received& out);

} // namespace troupe::test
