#pragma once

#include "net/io_thread.hpp"
#include "net/request_parser.hpp"
#include "net/response_writer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <sys/uio.h>

namespace troupe::net {

using tcp = boost::asio::ip::tcp;

/// One HTTP/1 connection: reads a request, has it handled, writes the answer, and again; one at a time, so that what
/// is pipelined waits in the socket. A coroutine on the connection's I/O thread; ends with the socket, or hands it to
/// a live session.
class connection final : public exchange, public peer {
public:
  /// On `thread`.
  static void start(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket);

  connection(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket);
  ~connection() override;

  services& app() noexcept override;
  void answer(response what) override;

  void on_deadline() override;
  void drain() override;
  void abort() override;

private:
  uint64_t generation() const noexcept override;
  void post(uint64_t generation, std::function<void()> task) override;

  // g++ 12 destroys what is passed by value into a co_await twice: coroutines take references, and each co_await is a
  // statement of its own.
  enum class phase : uint8_t { idle, head, body, answering, writing, lingering };

  asio::awaitable<void> run();
  /// False: the connection ends.
  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_head();
  asio::awaitable<void> process();
  asio::awaitable<bool> receive_body();
  /// More of the body into body_buffer_; false: nothing more comes, or nothing more is wanted.
  asio::awaitable<bool> receive_more();
  asio::awaitable<void> collect_body(uint64_t limit);
  asio::awaitable<void> stream_body(std::unique_ptr<body_sink>& sink);
  asio::awaitable<bool> run_on_pool(const std::function<result<void>()>& work);
  /// Bytes read into the free end of `buffer`; 0: the peer is gone or too slow.
  asio::awaitable<size_t> read_some(std::vector<char>& buffer, size_t filled);
  asio::awaitable<void> wait_for_answer();
  asio::awaitable<bool> write_answer();
  asio::awaitable<bool> send_rest(std::vector<iovec>& rest, int flags);
  asio::awaitable<bool> send_file(const file_part& part);
  asio::awaitable<bool> send_descriptor(int fd, uint64_t offset, uint64_t length);
  /// Of a file of another node, as it comes.
  asio::awaitable<bool> send_far(const file_part& part);
  /// The first bytes are here before the head is sent: else the answer is an error.
  asio::awaitable<void> begin_far();
  /// More of it into far_bytes_; false: nothing more comes.
  asio::awaitable<bool> take_far();
  asio::awaitable<bool> send_parts();
  asio::awaitable<bool> wait_writable();
  asio::awaitable<void> linger();

  void begin_request();
  void end_request();
  void refuse_unparsed(int status, std::string_view reason);
  /// The checks before a handler runs; an answer is given when one fails.
  bool admit();
  bool admit_route();
  bool admit_body();
  void call_handler();
  void hand_over();
  void leave();
  bool body_unread() const noexcept;

  std::shared_ptr<core> core_;
  std::shared_ptr<io_thread> thread_;
  tcp::socket socket_;
  asio::steady_timer answered_signal_;
  asio::steady_timer far_signal_;
  request_parser parser_;

  /// Unused bytes from the socket; the head of the present request stays at its front.
  std::vector<char> buffer_;
  size_t filled_ = 0;
  size_t head_size_ = 0;
  /// Bytes of the body, while one is received.
  std::vector<char> body_buffer_;

  phase phase_ = phase::idle;
  bool expired_ = false;
  bool ended_ = false;
  bool handed_over_ = false;
  bool answered_ = false;
  bool close_after_ = false;
  /// `filled_` counts body_buffer_'s bytes now.
  bool body_received_ = false;
  /// Rises with each request: completions of one that was given up do nothing.
  uint64_t generation_ = 0;
  response answer_;
  std::string out_;
  /// The part of a file of another node that is sent at present, and what of it is here and not sent.
  std::unique_ptr<ports::far_stream> far_;
  result<ports::fetched_bytes> far_bytes_ = ports::fetched_bytes{};
  steady::time_point started_;
  rate_limit::verdict rate_;
};

} // namespace troupe::net
