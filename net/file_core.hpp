#pragma once

// What the connections of a file server share.

#include "net/file_server.hpp"
#include "net/file_stream.hpp"
#include "net/link_limit.hpp"
#include "net/worker_pool.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <condition_variable>
#include <set>

namespace troupe::net {

class file_connection;

struct file_core {
  file_core(file_server_options o, file_server_hooks h, ports::files& d) :
    options(std::move(o)), hooks(std::move(h)), uploads(d, hooks.place), limit(options.bytes_per_second),
    pool(options.file_threads), long_pool(options.file_threads) {
  }

  void add_bytes_out(const std::string& node, uint64_t n);
  void add_bytes_in(const std::string& node, uint64_t n);
  void count(std::string_view action, std::string_view outcome);

  void opened(file_connection& x);
  void closed(file_connection& x);
  /// False when there are still some at `until`.
  bool wait_for_none(std::chrono::steady_clock::time_point until);

  const file_server_options options;
  const file_server_hooks hooks;
  std::shared_ptr<tls_settings> tls;
  file_uploads uploads;
  link_limit limit;
  std::atomic<bool> draining{false};
  asio::io_context context{1};
  /// The I/O thread's own.
  std::set<file_connection*> connections;

  mutable std::mutex mutex;
  file_server_figures figures;
  size_t open = 0;
  std::condition_variable none_left;

  /// Last: their tasks use the rest. What takes minutes (checks and syncs of whole files) has threads of its own, or
  /// nobody could read meanwhile.
  worker_pool pool;
  worker_pool long_pool;
};

} // namespace troupe::net
