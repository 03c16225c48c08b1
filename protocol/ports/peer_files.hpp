#pragma once

// Files of another node, over HTTPS (plain HTTP on loopback addresses only, where there are no certificates). An
// address comes from the coordinator, which has signed what it allows: one file, one way, one attempt, for a while.

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"
#include "protocol/ports/http_client.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::ports {

/// Ranges of one fetch: a server answers more of them with the whole file.
inline constexpr size_t max_fetch_ranges = 32;

/// Some bytes of a file of another node, written to a file of ours.
struct range_fetch {
  std::string url;
  /// At least one, at most max_fetch_ranges; none empty, in order, no two touching. A file that ends before the last is
  /// errc::conflict: it is not the one that the address was made for.
  std::vector<byte_span> ranges;
  /// Open for writing; the caller's, who closes it after `done`. Written by pwrite.
  int descriptor = -1;
  milliseconds connect_timeout{5'000};
  /// No byte for so long: errc::timeout.
  milliseconds stall_timeout{15'000};
  /// Which byte of theirs is the first of ours; not behind the first range.
  uint64_t base = 0;
};

/// A whole file of ours for another node, where it becomes visible under its name when the last byte is there, its hash
/// was checked and it is synced.
struct file_push {
  std::string url;
  /// Open for reading; the caller's, who closes it after `done`.
  int descriptor = -1;
  uint64_t size = 0;
  milliseconds connect_timeout{5'000};
  milliseconds stall_timeout{15'000};
};

/// Callbacks run on the client's own thread: they may only post a message or wake a thread. `moved`: bytes so far, at
/// most 10 a second; may be empty. `done` exactly once. Errors: errc::forbidden (address expired or not ours; ask for a
/// new one), errc::not_found, errc::conflict (another content), errc::storage_full, errc::rate_limited with
/// retry_after, errc::unavailable (node away), errc::timeout, errc::io, errc::cancelled.
class peer_files {
public:
  virtual ~peer_files() = default;

  /// How much of the ranges is there and was confirmed by the sender's hash: all of it or, with an error, nothing,
  /// whatever was written by then.
  struct fetched {
    uint64_t bytes = 0;
    /// errc::none: all of it.
    error failure{errc::none, {}};
  };
  virtual std::shared_ptr<transfer> fetch(range_fetch what, std::function<void(uint64_t moved)> moved,
                                          std::function<void(fetched)> done) = 0;

  /// Takes up where an earlier push to the same address broke off. Repeating one that is complete is no error.
  virtual std::shared_ptr<transfer> push(file_push what, std::function<void(uint64_t moved)> moved,
                                         std::function<void(result<void>)> done) = 0;

  /// Of an address for a folder: `push` goes to "<url>/<name>" for each file of it, and this makes all of it visible.
  virtual std::shared_ptr<transfer> publish_folder(std::string url, std::function<void(result<void>)> done) = 0;
};

} // namespace troupe::ports
