#pragma once

// The worker's side of the executor protocol, as small as a test needs it.

#include "media/fd.hpp"
#include "protocol/model/executor.hpp"

#include <optional>
#include <string>
#include <vector>

namespace media_test {

class executor_client {
public:
  /// Starts the program beside the tests (TROUPE_EXECUTOR, or ../bin/troupe-executor).
  explicit executor_client(std::vector<std::string> arguments = {}) : executor_client({}, std::move(arguments)) {
  }
  /// By way of another program that gets the executor's path and its arguments after its own.
  executor_client(std::vector<std::string> wrapper, std::vector<std::string> arguments);
  ~executor_client();
  executor_client(const executor_client&) = delete;
  executor_client& operator=(const executor_client&) = delete;

  int pid() const noexcept {
    return pid_;
  }
  int socket() const noexcept {
    return socket_.get();
  }
  void send(troupe::exec::frame_type type, uint64_t operation, const std::string& body,
            const std::vector<int>& descriptors = {});
  void send_raw(const std::string& bytes);
  /// The next frame; nothing at the end of the stream. Throws after `seconds` of silence.
  std::optional<troupe::exec::frame> receive(int seconds = 20);
  /// The lines of the `log` frames that receive_answer has passed over.
  const std::vector<std::string>& log() const noexcept {
    return log_;
  }
  /// The next frame that is not `log`.
  std::optional<troupe::exec::frame> receive_answer(int seconds = 60);
  void close_socket() {
    socket_ = {};
  }
  /// Waits for the end; the exit status, or minus the signal. Throws when it still runs after `milliseconds`.
  int wait(int milliseconds);

private:
  troupe::media::owned_fd socket_;
  int pid_ = -1;
  std::vector<std::string> log_;
};

/// A program that the tests have beside them.
std::string beside_tests(const std::string& name);

} // namespace media_test
