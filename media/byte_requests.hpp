#pragma once

#include "media/executor_channel.hpp"
#include "media/source_file.hpp"
#include "protocol/model/byte_spans.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

namespace troupe::media {

/// What is here of the running operation's source, and its wishes for the rest: sends `need` and hands the answer to
/// whoever waits for it. What was once told to be there is not asked for again.
class byte_requests final : public missing_bytes {
public:
  /// Borrows both. `cancelled` is the running operation's; whoever sets it calls wake().
  byte_requests(executor_channel& channel, const std::atomic<bool>& cancelled) :
    channel_(channel), cancelled_(cancelled) {
  }

  /// The next operation: nothing of its source, of so many bytes, is known to be here.
  void begin(uint64_t operation, uint64_t size);

  /// Once the worker has refused, so is everything else: the operation is lost.
  result<size_t> provide(uint64_t offset, size_t wanted) override;
  void expect(const std::vector<byte_span>& coming) override;
  /// Why the worker refused, if it did. What an operation answers that did not get all of its source is of no use.
  std::optional<exec::failure> refusal() const;

  /// A `have` frame, from the thread that reads the socket. An answer that nobody waits for any more is dropped.
  /// errc::protocol when no worker may send it.
  result<void> have(const received_frame& got);
  /// Whoever waits looks at `cancelled` again.
  void wake();

private:
  bool answers(const exec::need_request& asked, const exec::have_answer& answer) const noexcept;

  executor_channel& channel_;
  const std::atomic<bool>& cancelled_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t operation_ = 0;
  uint64_t size_ = 0;
  /// What is here.
  byte_spans known_;
  std::optional<exec::failure> refusal_;
  /// Never used again, so that a late answer to one operation can't be taken for another's.
  uint64_t last_id_ = 0;
  /// What is waited for, by id; gone when answered.
  std::map<uint64_t, exec::need_request> wanted_;
};

} // namespace troupe::media
