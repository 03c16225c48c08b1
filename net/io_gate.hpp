#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <mutex>

namespace troupe::net {

/// The way back to an I/O thread for what may come when that is gone. Shared; any thread.
class io_gate {
public:
  explicit io_gate(boost::asio::io_context& to) : to_(&to) {
  }

  /// Runs `f` on the thread; drops it once the gate is closed.
  template <class F>
  void post(F f) {
    std::lock_guard guard{mutex_};
    if (to_)
      boost::asio::post(*to_, std::move(f));
  }
  /// Before the context goes.
  void close() {
    std::lock_guard guard{mutex_};
    to_ = nullptr;
  }

private:
  std::mutex mutex_;
  boost::asio::io_context* to_;
};

} // namespace troupe::net
