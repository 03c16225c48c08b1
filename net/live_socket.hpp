#pragma once

#include "net/io_thread.hpp"
#include "net/outbox.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace troupe::net {

/// What WebSocket and SSE sessions share: the socket, the outbox, the end. Lives until its socket ends; on its I/O
/// thread only. Holds no buffer while nothing waits.
class live_socket : public peer, public live_client, public std::enable_shared_from_this<live_socket> {
public:
  live_socket(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, asio::ip::tcp::socket socket,
              outbox::transport transport);
  ~live_socket() override;

  /// Registers and reads until the end.
  void start(std::string rest);

  void push(const event_ptr& what) override;
  void flush() override;
  void push_now(const event_ptr& what) override;
  std::weak_ptr<live_client> weak_client() override;
  void on_deadline() override;
  void abort() override;

protected:
  /// After the session is registered: greetings and first subscriptions.
  virtual void on_start() = 0;
  virtual void on_bytes(std::string_view data) = 0;
  /// Nothing was heard or sent for one keep-alive time.
  virtual void on_silence() = 0;
  /// The client can't keep up, and its queue is full.
  virtual void on_overflow() = 0;
  /// Runs `task` here if the session is still there; any thread. For completions of the backend.
  void post(std::function<void()> task);

  void send(std::string bytes);
  /// Sends what waits, then ends the connection; at most the write deadline.
  void finish();
  bool finishing() const noexcept {
    return finishing_;
  }
  core& shared() noexcept {
    return *core_;
  }
  live_shard& live() noexcept {
    return thread_->live();
  }
  /// The peer gave a sign of life.
  void heard();

private:
  asio::awaitable<void> read_loop(std::string rest);
  asio::awaitable<void> write_loop();
  /// True: all of it is with the kernel; false: it must wait. Ends the session on errors.
  bool write_now();
  void leave();

  std::shared_ptr<core> core_;
  std::shared_ptr<io_thread> thread_;
  asio::ip::tcp::socket socket_;
  /// Of the client; empty when it was gone already.
  std::string address_;
  outbox out_;
  bool writing_ = false;
  bool finishing_ = false;
  bool ended_ = false;
};

} // namespace troupe::net
