#pragma once

#include "net/byte_ranges.hpp"
#include "net/file_core.hpp"
#include "net/request_parser.hpp"

#include <boost/asio/steady_timer.hpp>

namespace troupe::net {

using steady = std::chrono::steady_clock;

/// One connection of another node: a request, its answer, and again. A coroutine on the I/O thread; ends with the
/// socket.
class file_connection final : public std::enable_shared_from_this<file_connection> {
public:
  /// On the I/O thread. `shared` outlives it.
  static void start(file_core& shared, tcp::socket socket);

  file_connection(file_core& shared, tcp::socket socket);

  /// Ends it when its deadline has passed.
  void sweep(steady::time_point now);
  void drain();
  void abort();

private:
  // g++ 12 destroys what is passed by value into a co_await twice: coroutines take references, and each co_await is a
  // statement of its own.
  struct answer {
    int status = 204;
    /// Whole lines.
    std::string headers;
    std::string body;
  };
  /// Blocking work on a file thread. Lives in a coroutine that waits for it before it goes on.
  struct file_work {
    explicit file_work(asio::io_context& context) : done_signal(context) {
    }
    bool done = false;
    result<void> outcome;
    asio::steady_timer done_signal;
  };
  /// Bytes of a file, behind a text of our own (multipart/byteranges).
  struct body_part {
    std::string text;
    byte_range range;
  };
  /// How far a body was read.
  struct body_position {
    std::vector<body_part>::const_iterator part;
    /// Of its text and bytes.
    uint64_t done = 0;
    /// Of all parts.
    uint64_t left = 0;
  };
  /// A piece of an answer's body on its way out.
  struct block {
    /// Room for a chunk's head, the bytes, and its end.
    std::vector<char> bytes;
    std::string_view chunk;
    uint64_t size = 0;
  };

  asio::awaitable<void> run();
  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_head();
  /// Ticket, name and method: all that is the same for every request.
  asio::awaitable<result<void>> admit();
  result<void> check_use() const;

  asio::awaitable<result<void>> serve();
  asio::awaitable<result<void>> serve_read();
  /// The fields of an answer with these ranges, and its body.
  static std::string describe(const std::vector<byte_range>& ranges, uint64_t size, std::vector<body_part>& parts);
  static result<void> fill(block& to, const ports::opened_file& file, body_position& at, sha256& hash);
  asio::awaitable<result<void>> send_parts(ports::opened_file& file, std::vector<body_part>& parts);
  asio::awaitable<result<void>> serve_offset();
  asio::awaitable<result<void>> serve_patch();
  asio::awaitable<result<void>> receive(file_uploads::upload& to);
  asio::awaitable<result<void>> serve_publish();

  void start_work(worker_pool& where, file_work& x, const std::function<result<void>()>& what);
  asio::awaitable<void> finish_work(file_work& x);
  asio::awaitable<result<void>> on_file_thread(const std::function<result<void>()>& what);
  /// With signs of life for the client.
  asio::awaitable<result<void>> long_work(const std::function<result<void>()>& what);

  asio::awaitable<bool> send_answer(const answer& what);
  asio::awaitable<bool> send_error(const error& what);
  /// Before it closes on a client that is still sending.
  asio::awaitable<void> linger();
  asio::awaitable<bool> send(std::string_view bytes);
  /// At the pace that the node is allowed.
  asio::awaitable<bool> send_paced(std::string_view bytes);
  /// Until these bytes of the node may move; false: the client is gone.
  asio::awaitable<bool> wait_turn(uint64_t bytes);

  bool is_upload() const noexcept;

  enum class phase : uint8_t { idle, head, working };

  file_core& core_;
  file_stream stream_;
  request_parser parser_;
  request request_;
  /// From the socket; the head of the present request stays at its front.
  std::vector<char> buffer_;
  size_t filled_ = 0;
  size_t head_size_ = 0;

  std::string ticket_text_;
  std::string name_;
  std::optional<file_ticket> ticket_;
  /// The head of an answer is out: no error can be told any more.
  bool answered_ = false;
  bool close_after_ = false;
  bool ended_ = false;
  phase phase_ = phase::idle;
  steady::time_point deadline_ = steady::time_point::max();
  /// Of a refusal: another status than its code's, and more fields.
  int refusal_status_ = 0;
  std::string refusal_fields_;
};

} // namespace troupe::net
