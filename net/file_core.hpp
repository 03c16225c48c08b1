#pragma once

// What the connections of a file server share.

#include "net/file_server.hpp"
#include "net/file_stream.hpp"
#include "net/io_gate.hpp"
#include "net/link_limit.hpp"

#include "protocol/model/unfinished_handshakes.hpp"

#include <atomic>
#include <condition_variable>
#include <limits>
#include <set>

namespace troupe::net {

class file_connection;

struct file_core {
  file_core(file_server_options o, file_server_hooks h, std::shared_ptr<ports::files> d,
            std::shared_ptr<ports::root_threads> t) :
    options(std::move(o)),
    hooks(std::move(h)), uploads(std::make_shared<file_uploads>(std::move(d), hooks.place)), threads(std::move(t)),
    limit(options.bytes_per_second), strangers(options.header_deadline) {
  }

  void add_bytes_out(const std::string& node, uint64_t n);
  void add_bytes_in(const std::string& node, uint64_t n);
  void count(std::string_view action, std::string_view outcome);

  // On the I/O thread.

  int next_id() noexcept {
    return last_id = last_id == std::numeric_limits<int>::max() ? 1 : last_id + 1;
  }
  /// May end another one, of a caller who has said nothing for longest.
  void opened(file_connection& x);
  /// Its caller has asked for something. False: it has more connections than it may.
  bool take_in(file_connection& x);
  void closed(file_connection& x);
  /// Ends the one that is idle longest. False: none is.
  bool end_an_idle_one();

  /// False when there are still some at `until`.
  bool wait_for_none(std::chrono::steady_clock::time_point until);

  const file_server_options options;
  const file_server_hooks hooks;
  std::shared_ptr<tls_settings> tls;
  const std::shared_ptr<file_uploads> uploads;
  const std::shared_ptr<ports::root_threads> threads;
  link_limit limit;
  std::atomic<bool> draining{false};
  asio::io_context context{1};
  const std::shared_ptr<io_gate> gate = std::make_shared<io_gate>(context);

  // The I/O thread's own.
  std::set<file_connection*> connections;
  unfinished_handshakes strangers;
  /// Connections by who has them: a node, or without certificates an address.
  std::map<std::string, size_t> callers;
  int last_id = 0;

  mutable std::mutex mutex;
  file_server_figures figures;
  size_t open = 0;
  std::condition_variable none_left;
};

} // namespace troupe::net
