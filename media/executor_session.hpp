#pragma once

#include "media/byte_requests.hpp"
#include "media/executor_channel.hpp"
#include "media/output_requests.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <string>
#include <vector>

namespace troupe::media {

struct executor_options {
  /// Obey exec::request::fault. Tests only.
  bool test_faults = false;
};

/// Exit statuses of troupe-executor. 0: told to shut down.
inline constexpr int exit_usage = 2;
inline constexpr int exit_protocol = 3;
inline constexpr int exit_worker_gone = 4;

/// The executor's life on its socket. Operations run one after the other on the thread that calls run(); a second
/// thread reads the socket all the while, so that a cancel is seen at once and the process ends, even deep inside
/// libav, as soon as the worker is gone.
class executor_session {
public:
  executor_session(int socket, executor_options options) : channel_(socket), options_(options) {
  }

  /// Sends `ready`, then serves until told to shut down; returns the exit status. Ends the process itself when the
  /// worker is gone or breaks the protocol.
  int run(exec::readiness ready);

private:
  void watch();
  void queue(received_frame got);
  void cancel(uint64_t operation);
  void serve(received_frame got);
  result<std::string> answer(const received_frame& got);
  void tell_refused_calls();
  void tell_lost_encoders();
  void answer_failure(uint64_t operation, const error& why);
  void answer_failure(uint64_t operation, const exec::failure& why);
  /// The next request, waiting for it; nothing once shut down and all are served.
  std::optional<received_frame> next();

  executor_channel channel_;
  executor_options options_;
  /// As it was told last.
  exec::readiness ready_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<received_frame> waiting_;
  bool stopping_ = false;
  /// The operation that runs; 0: none. Guarded by mutex_.
  uint64_t running_ = 0;
  std::atomic<bool> cancelled_ = false;
  output_requests outputs_{channel_, cancelled_};
  byte_requests bytes_{channel_, cancelled_};
};

} // namespace troupe::media
