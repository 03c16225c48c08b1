#pragma once

#include "actors/media/attempt.hpp"
#include "actors/media/read_ahead.hpp"
#include "actors/media/transfer_verdict.hpp"
#include "protocol/model/growing_delay.hpp"
#include "protocol/ports/peer_files.hpp"

#include <map>
#include <mutex>

namespace troupe::work {

/// Where a file is for one attempt.
struct file_address {
  /// ports::range_fetch::url.
  std::string url;
  /// It is at the coordinator, and nowhere else: it is waited for longer (remote_settings).
  bool at_coordinator = false;
};

/// A fresh address. Blocks; what it says when there is none ends the reading, unless it is about something that passes
/// (errc::unavailable, timeout, io, rate_limited).
using address_source = std::function<result<file_address>()>;
/// Told while nothing comes, before each new address: why the last try failed. On the source's thread, where it may
/// block for a moment; no call is under way when the reading has been released.
using wait_listener = std::function<void(const std::string& why)>;

class shared_source;

/// A file of another node as one attempt reads it. Its operations get the bytes that they need, and what they are going
/// to read next comes while they compute. All calls from the attempt's thread.
class remote_source {
public:
  /// `name`: of the file, for people.
  remote_source(std::shared_ptr<shared_source> from, address_source address, std::string name, wait_listener waits);
  /// What is on its way for it is cancelled; waits for a call of the address source to return.
  ~remote_source();
  remote_source(const remote_source&) = delete;
  remote_source& operator=(const remote_source&) = delete;

  /// For one operation as its first file; the operation has ended before this source does. `expected`: about how many
  /// bytes it is going to read, rather too many than too few: behind them nothing is fetched ahead. 0: not known.
  /// errc::io, errc::unavailable when there is no descriptor.
  result<operation_file> file(uint64_t expected = 0);
  /// That this node's disk has kept all of it that was read: after the last operation. errc::io. Blocks.
  result<void> check_kept();

private:
  std::shared_ptr<shared_source> from_;
  uint64_t holder_;
  const std::string name_;
};

struct remote_settings {
  /// No byte for so long while one is needed: the operation fails. Time in which the coordinator is away does not
  /// count: no other attempt could do better, and this one is told when its lease is lost.
  milliseconds give_up{60'000};
  /// The same where the file is at the coordinator, which is there but its file server is not: another worker may have
  /// a way to it, or the files mounted. Longer, since the file is nowhere else; who asks to come again is not silent.
  milliseconds give_up_coordinator{180'000};
  /// It could not be asked just now; empty: all time counts. Never waits. Any thread.
  std::function<bool()> coordinator_away{};
  /// Between tries.
  growing_delay::settings delay{milliseconds{200}, milliseconds{10'000}, 2, 0.25};
  read_ahead::settings reading{};
};

/// Files of other nodes that are read at present: several attempts that read the same one fetch each byte once.
/// Outlives what it opens. Any thread.
class remote_sources {
public:
  remote_sources(std::shared_ptr<ports::source_cache> cache, std::shared_ptr<ports::peer_files> peers, const clock& clk,
                 std::function<uint64_t()> random, remote_settings how = {});

  /// Blocks. `address` is called on a thread of the source's own. errc::storage_full, errc::io from the cache;
  /// errc::unavailable when no thread can be started.
  result<std::unique_ptr<remote_source>> open(const remote_file& what, address_source address,
                                              wait_listener waits = {});

private:
  const std::shared_ptr<ports::source_cache> cache_;
  const std::shared_ptr<ports::peer_files> peers_;
  const clock& clock_;
  const std::function<uint64_t()> random_;
  const remote_settings how_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<shared_source>> open_;
};

} // namespace troupe::work
