#pragma once

#include "net/core.hpp"
#include "net/live_shard.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <future>
#include <thread>

namespace troupe::net {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

/// Whoever owns a socket on an I/O thread. All calls on that thread.
class peer {
public:
  virtual ~peer() = default;
  /// `deadline` has passed. One sweep serves all: cheaper than a timer for each step of each connection.
  virtual void on_deadline() = 0;
  /// End as soon as that is polite.
  virtual void drain() = 0;
  /// End now.
  virtual void abort() = 0;

  steady::time_point deadline = steady::time_point::max();

private:
  friend class io_thread;
  size_t slot_ = 0;
};

/// One event loop with one thread: what belongs to it needs no lock and no strand. Sockets are dealt out round robin.
class io_thread : public std::enable_shared_from_this<io_thread> {
public:
  explicit io_thread(core& shared);
  ~io_thread();

  void start();
  /// Ends the loop and joins. Not from the thread itself.
  void stop();

  asio::io_context& context() noexcept {
    return context_;
  }
  live_shard& live() noexcept {
    return live_;
  }

  // On the thread only.
  void add(peer& x);
  void remove(peer& x);
  void drain_all();
  void abort_all();
  /// IMF-fixdate of now, made once a second.
  const std::string& date();

private:
  void gather(std::chrono::microseconds how_long);
  void arm_sweep();
  void sweep();

  core& core_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer sweep_timer_;
  bool sweeping_ = false;
  std::vector<peer*> peers_;
  live_shard live_;
  asio::steady_timer gather_timer_;
  std::string date_;
  std::time_t date_of_ = 0;
  std::promise<void> ended_;
  std::future<void> has_ended_ = ended_.get_future();
  std::thread thread_;
};

} // namespace troupe::net
