#include "net/live_socket.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

} // namespace

live_socket::live_socket(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, asio::ip::tcp::socket socket,
                         outbox::transport transport) :
  core_(std::move(shared)),
  thread_(std::move(thread)), socket_(std::move(socket)), out_(transport, core_->config.max_live_queue) {
}

live_socket::~live_socket() = default;

std::weak_ptr<live_client> live_socket::weak_client() {
  return weak_from_this();
}

void live_socket::start(std::string rest) {
  thread_->add(*this);
  core_->stats.live_clients.fetch_add(1);
  boost::system::error_code gone;
  if (auto endpoint = socket_.remote_endpoint(gone); !gone)
    address_ = endpoint.address().to_string();
  core_->stats.users.opened(address_);
  heard();
  auto self = shared_from_this();
  asio::co_spawn(
    thread_->context(), [self, rest = std::move(rest)]() mutable { return self->read_loop(std::move(rest)); },
    asio::detached);
}

void live_socket::post(std::function<void()> task) {
  asio::post(thread_->context(), [weak = weak_from_this(), task = std::move(task)] {
    if (auto self = weak.lock(); self && !self->ended_)
      task();
  });
}

void live_socket::heard() {
  if (!finishing_)
    deadline = steady::now() + core_->config.live_keepalive;
}

asio::awaitable<void> live_socket::read_loop(std::string rest) {
  auto self = shared_from_this();
  try {
    on_start();
    flush();
    if (!rest.empty())
      on_bytes(rest);
    rest = {};
    while (!ended_) {
      auto [ec] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, no_throw);
      if (ec || ended_)
        break;
      // One buffer for all sessions of the thread: an idle one has none.
      thread_local std::array<char, 16 * 1024> buffer;
      auto n = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        break;
      if (n > 0) {
        heard();
        // While finishing, what comes in is read and forgotten.
        if (!finishing_)
          on_bytes({buffer.data(), static_cast<size_t>(n)});
        flush();
      }
    }
  } catch (const std::exception& e) {
    // Out of memory, most likely: this session ends, the others go on.
    core_->fault("a live session ended", {}, e);
  }
  leave();
}

void live_socket::push(const event_ptr& what) {
  if (finishing_ || ended_)
    return;
  auto outcome = out_.push(what);
  if (outcome == outbox::outcome::replaced)
    core_->stats.events_coalesced.fetch_add(1, std::memory_order_relaxed);
  if (outcome != outbox::outcome::full)
    return;
  core_->stats.slow_clients.fetch_add(1, std::memory_order_relaxed);
  out_.clear_unsent();
  on_overflow();
}

void live_socket::push_now(const event_ptr& what) {
  if (finishing_ || ended_)
    return;
  auto bytes = out_.bytes_of(*what);
  ssize_t n = 0;
  // While something waits, it would be out of turn.
  if (!writing_ && out_.empty())
    n = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n == static_cast<ssize_t>(bytes.size()))
    return;
  push(what);
  if (n > 0)
    out_.sent(static_cast<size_t>(n));
  // Errors show up there again.
  flush();
}

void live_socket::send(std::string bytes) {
  if (finishing_ || ended_)
    return;
  if (out_.push(std::move(bytes)) != outbox::outcome::full)
    return;
  // It asks and does not read the answers.
  core_->stats.slow_clients.fetch_add(1, std::memory_order_relaxed);
  out_.clear_unsent();
  on_overflow();
}

void live_socket::flush() {
  if (writing_ || ended_)
    return;
  if (write_now()) {
    if (finishing_ && !ended_)
      ::shutdown(socket_.native_handle(), SHUT_WR);
    return;
  }
  if (ended_)
    return;
  writing_ = true;
  auto self = shared_from_this();
  asio::co_spawn(
    thread_->context(), [self] { return self->write_loop(); }, asio::detached);
}

bool live_socket::write_now() {
  std::array<iovec, 64> pieces;
  while (!out_.empty()) {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = out_.pieces(pieces.data(), pieces.size());
    auto n = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      out_.sent(static_cast<size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      abort();
      return false;
    }
  }
  return true;
}

asio::awaitable<void> live_socket::write_loop() {
  auto self = shared_from_this();
  do {
    auto [ec] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_write, no_throw);
    if (ec)
      break;
  } while (!ended_ && !write_now() && !ended_);
  writing_ = false;
  if (finishing_ && !ended_)
    ::shutdown(socket_.native_handle(), SHUT_WR);
}

void live_socket::finish() {
  if (finishing_)
    return;
  finishing_ = true;
  // The peer gets this long to take what waits and to close.
  deadline = steady::now() + core_->config.linger_deadline;
  // Not now: the shard may be going through its readers.
  asio::post(thread_->context(), [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->live().drop(*self);
  });
  flush();
}

void live_socket::on_deadline() {
  if (finishing_)
    return abort();
  deadline = steady::now() + core_->config.live_keepalive;
  on_silence();
  flush();
}

void live_socket::abort() {
  ended_ = true;
  if (socket_.is_open())
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void live_socket::leave() {
  ended_ = true;
  live().drop(*this);
  thread_->remove(*this);
  boost::system::error_code ignored;
  socket_.close(ignored);
  core_->stats.live_clients.fetch_sub(1);
  core_->stats.users.closed(address_, steady::now());
  core_->connection_closed();
}

} // namespace troupe::net
