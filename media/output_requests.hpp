#pragma once

#include "media/executor_channel.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <string>

namespace troupe::media {

/// The running operation's wishes for further outputs: sends `open` and hands the answer to whoever waits for it.
class output_requests {
public:
  /// Borrows both. `cancelled` is the running operation's; whoever sets it calls wake().
  output_requests(executor_channel& channel, const std::atomic<bool>& cancelled) :
    channel_(channel), cancelled_(cancelled) {
  }

  /// Blocks until the worker has answered for this operation; any thread. errc::cancelled, errc::protocol for a name
  /// that no output may have (exec::valid_output_name), or what the worker says (storage_full, ...).
  result<owned_fd> create(uint64_t operation, const std::string& name);

  /// An `opened` frame, from the thread that reads the socket. An answer that nobody waits for any more is dropped with
  /// its descriptor. errc::protocol when no worker may send it.
  result<void> opened(received_frame got);

  /// Whoever waits looks at `cancelled` again.
  void wake();

private:
  executor_channel& channel_;
  const std::atomic<bool>& cancelled_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t last_id_ = 0;
  /// What is waited for, by id; filled when answered.
  std::map<uint64_t, std::optional<result<owned_fd>>> wanted_;
};

} // namespace troupe::media
