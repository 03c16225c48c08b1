#pragma once

#include "net/file_core.hpp"
#include "net/request_parser.hpp"

#include <boost/asio/steady_timer.hpp>

#include <variant>

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

  /// Among those that are open.
  int id() const noexcept {
    return id_;
  }
  /// The network that it comes from: one machine may have all IPv6 addresses that begin with the same 64 bits.
  const std::string& address() const noexcept {
    return address_;
  }
  /// Whose it is, since the handshake: the node's, or without certificates its address's.
  const std::string& caller() const noexcept;
  /// It has asked for something, and was not one too many.
  bool is_taken_in() const noexcept {
    return taken_in_;
  }
  /// Nothing while it is at work, or has not asked for anything yet, or is being ended.
  std::optional<steady::time_point> idle_since() const noexcept;

private:
  // g++ 12 destroys what is passed by value into a co_await twice: coroutines take references, and each co_await is a
  // statement of its own.
  struct answer {
    int status = 204;
    /// Whole lines.
    std::string headers;
    std::string body;
  };
  /// What a disk, or somebody else, is asked for. Shared with who answers, perhaps when the connection has gone. The
  /// I/O thread's own.
  template <class T>
  struct question {
    bool answered = false;
    result<T> outcome{errc::unavailable, {}};
  };
  using file_work = question<std::monostate>;
  /// Blocking work. It may hang, and then outlives the connection: it holds only what it shares.
  using disk_task = std::function<result<void>()>;
  /// Whether the disk may refuse it (ports::root_threads).
  enum class step : uint8_t { first, next };
  struct reading;
  struct writing;

  asio::awaitable<void> run();
  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_head();
  /// Ticket, name and method: all that is the same for every request.
  result<void> admit();
  /// To a node that has more connections than it may: 503.
  error one_too_many();
  result<void> check_use() const;

  asio::awaitable<result<void>> serve();
  asio::awaitable<result<void>> serve_read();
  asio::awaitable<result<void>> open(const std::shared_ptr<reading>& from);
  asio::awaitable<result<void>> send_parts(const std::shared_ptr<reading>& from);
  asio::awaitable<result<void>> serve_offset();
  asio::awaitable<result<void>> serve_patch();
  /// Ends earlier connections that write the same file, which belongs to one attempt: its client would not be here if
  /// it had not given them up. True: there was one.
  bool end_earlier_writers();
  /// Waits for them to let go, for a moment. errc::unavailable when they don't: the file is being checked and synced.
  asio::awaitable<result<void>> open(const std::shared_ptr<writing>& to);
  asio::awaitable<result<void>> receive(const std::shared_ptr<writing>& to);
  /// Lets the next one write.
  asio::awaitable<result<void>> close(const std::shared_ptr<writing>& to);
  asio::awaitable<result<void>> serve_publish();

  /// State that holds files of the ticket's root. It is let go of on a thread of that: closing may hang, too. What has
  /// none open goes in place, or refused requests would be a queue without end at a root that hangs.
  template <class T>
  std::shared_ptr<T> shared_at_root() const;
  /// Takes an answer from any thread.
  template <class T>
  std::function<void(result<T>)> answering(const std::shared_ptr<question<T>>& x);
  /// Until it is answered. False: not by then, or not before the server stops.
  asio::awaitable<bool> wait_for(const bool& answered, steady::time_point until);
  /// Begins it on a thread of the ticket's root. errc::unavailable: that takes nothing more.
  result<std::shared_ptr<file_work>> start_work(step which, const std::string& root, const disk_task& what);
  asio::awaitable<result<void>> finish_work(const std::shared_ptr<file_work>& x);
  asio::awaitable<result<void>> on_disk(step which, const disk_task& what);
  /// With signs of life for the client.
  asio::awaitable<result<void>> long_work(const disk_task& what);
  /// Of a root that does not answer: 503.
  error no_answer(std::string why);

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
  const int id_;
  const std::string address_;
  bool taken_in_ = false;
  file_stream stream_;
  asio::steady_timer answered_signal_;
  request_parser parser_;
  request request_;
  /// From the socket; the head of the present request stays at its front.
  std::vector<char> buffer_;
  size_t filled_ = 0;
  size_t head_size_ = 0;

  std::string name_;
  std::optional<file_ticket> ticket_;
  /// The head of an answer is out: no error can be told any more.
  bool answered_ = false;
  bool close_after_ = false;
  bool ended_ = false;
  /// It is at the file that its ticket and name are of; others may look at those meanwhile. On the I/O thread.
  bool writing_ = false;
  phase phase_ = phase::idle;
  steady::time_point idle_since_{};
  steady::time_point deadline_ = steady::time_point::max();
  /// A thread of a disk has what it was given, and has not come back.
  bool left_behind_ = false;
  /// Of a refusal: another status than its code's, and more fields.
  int refusal_status_ = 0;
  std::string refusal_fields_;
};

template <class T>
std::shared_ptr<T> file_connection::shared_at_root() const {
  return {new T, [threads = core_.threads, root = ticket_->root](T* x) {
            if (!x->is_open()) {
              delete x;
              return;
            }
            // Refused when the node is being stopped: then its end closes them.
            if (auto let_go = threads->go_on(root, [x] { delete x; }); !let_go)
              return;
          }};
}

template <class T>
std::function<void(result<T>)> file_connection::answering(const std::shared_ptr<question<T>>& x) {
  return [gate = core_.gate, self = weak_from_this(), x](result<T> came) {
    gate->post([self, x, came = std::move(came)]() mutable {
      x->outcome = std::move(came);
      x->answered = true;
      if (auto alive = self.lock())
        alive->answered_signal_.cancel();
    });
  };
}

} // namespace troupe::net
