#include "net/connection.hpp"

#include "net/live_session.hpp"

#include "protocol/model/ids.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr size_t initial_buffer = 4096;
/// What a peer may still send of a body that was refused.
constexpr uint64_t max_lingering_bytes = 16 * 1024 * 1024;
/// How many times the linger deadline, which is without a new byte, all of it may take.
constexpr int max_linger_deadlines = 10;

} // namespace

void connection::start(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket) {
  auto self = std::make_shared<connection>(std::move(shared), thread, std::move(socket));
  thread->add(*self);
  asio::co_spawn(
    thread->context(), [self] { return self->run(); }, asio::detached);
}

connection::connection(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket) :
  core_(std::move(shared)), thread_(std::move(thread)), socket_(std::move(socket)),
  answered_signal_(thread_->context()), far_signal_(thread_->context()),
  parser_({core_->config.max_header_bytes, core_->config.max_header_count}), buffer_(initial_buffer) {
  boost::system::error_code ec;
  auto endpoint = socket_.remote_endpoint(ec);
  if (!ec)
    req.peer = endpoint.address().to_string();
}

connection::~connection() = default;

services& connection::app() noexcept {
  return core_->app;
}

void connection::answer(response what) {
  if (answered_)
    return;
  answer_ = std::move(what);
  answered_ = true;
  answered_signal_.cancel();
}

uint64_t connection::generation() const noexcept {
  return generation_;
}

void connection::post(uint64_t generation, std::function<void()> task) {
  auto self = std::static_pointer_cast<connection>(shared_from_this());
  asio::post(thread_->context(), [self, generation, task = std::move(task)] {
    if (self->ended_ || self->generation_ != generation || self->answered_)
      return;
    try {
      task();
    } catch (const std::exception& e) {
      self->core_->fault("an answer could not be made", self->req.id, e);
      self->answer_error(error{errc::internal, "the request could not be handled"});
    }
  });
}

asio::awaitable<void> connection::run() {
  auto self = shared_from_this();
  try {
    for (bool more = true; more;)
      more = co_await serve_one();
  } catch (const std::exception& e) {
    // Out of memory, most likely: this connection ends, the others go on.
    core_->fault("a connection ended", req.id, e);
  }
  leave();
}

asio::awaitable<bool> connection::serve_one() {
  begin_request();
  auto complete = co_await read_head();
  if (!complete && !answered_)
    co_return false;
  if (complete)
    co_await process();
  if (ended_ || !answered_)
    co_return false;
  auto sent = co_await write_answer();
  if (handed_over_ || !sent)
    co_return false;
  if (close_after_) {
    co_await linger();
    co_return false;
  }
  end_request();
  co_return true;
}

void connection::begin_request() {
  parser_.reset();
  phase_ = phase::idle;
  expired_ = false;
  answered_ = false;
  close_after_ = false;
  body_received_ = false;
  head_size_ = 0;
  matched = nullptr;
  rate_ = {};
  req.body.clear();
  req.headers.clear();
  req.path_values.clear();
  req.id.clear();
  req.traceparent.clear();
}

void connection::end_request() {
  // From here on, late completions of this request are ignored.
  ++generation_;
  answer_ = {};
  far_.reset();
  if (body_received_) {
    // What was pipelined behind the body.
    if (buffer_.size() < filled_)
      buffer_.resize(filled_);
    std::copy_n(body_buffer_.begin(), filled_, buffer_.begin());
    body_buffer_ = {};
  } else {
    std::memmove(buffer_.data(), buffer_.data() + head_size_, filled_ - head_size_);
    filled_ -= head_size_;
  }
  if (buffer_.size() > initial_buffer && filled_ <= initial_buffer) {
    buffer_.resize(initial_buffer);
    buffer_.shrink_to_fit();
  }
}

asio::awaitable<size_t> connection::read_some(std::vector<char>& buffer, size_t filled) {
  auto room = asio::buffer(buffer.data() + filled, buffer.size() - filled);
  auto [ec, n] = co_await socket_.async_read_some(room, no_throw);
  co_return ec ? 0 : n;
}

asio::awaitable<bool> connection::read_head() {
  deadline = steady::now() + core_->config.idle_deadline;
  for (;;) {
    // An empty line before a request is allowed (RFC 9112, 2.2).
    if (filled_ >= 2 && buffer_[0] == '\r' && buffer_[1] == '\n') {
      std::memmove(buffer_.data(), buffer_.data() + 2, filled_ - 2);
      filled_ -= 2;
    }
    if (filled_ > 0) {
      if (phase_ == phase::idle) {
        phase_ = phase::head;
        deadline = steady::now() + core_->config.header_deadline;
      }
      auto used = parser_.put_head({buffer_.data(), filled_}, req);
      if (auto& failure = parser_.failure()) {
        refuse_unparsed(failure->status, failure->reason);
        co_return false;
      }
      if (parser_.head_done()) {
        head_size_ = used;
        co_return true;
      }
      if (filled_ >= core_->config.max_header_bytes) {
        refuse_unparsed(431, "the header is larger than the limit");
        co_return false;
      }
      if (filled_ == buffer_.size())
        buffer_.resize(std::min<size_t>(buffer_.size() * 2, core_->config.max_header_bytes));
    } else if (core_->draining) {
      co_return false;
    }
    auto n = co_await read_some(buffer_, filled_);
    if (n == 0) {
      if (expired_ && phase_ == phase::head)
        refuse_unparsed(408, "the header did not come in time");
      co_return false;
    }
    filled_ += n;
  }
}

void connection::refuse_unparsed(int status, std::string_view reason) {
  started_ = steady::now();
  req.headers.clear();
  req.method = verb::get;
  req.version = 11;
  req.id = to_string(random_id());
  auto out = error_response(req, error{errc::validation, std::string{reason}});
  out.status = status;
  close_after_ = true;
  answer(std::move(out));
}

asio::awaitable<void> connection::process() {
  started_ = steady::now();
  deadline = steady::time_point::max();
  // g++ 12 destroys an awaitable within && or || wrongly: each co_await is a statement of its own.
  auto admitted = admit();
  if (admitted)
    admitted = co_await receive_body();
  if (admitted)
    call_handler();
  if (!answered_ && !ended_)
    co_await wait_for_answer();
  if (body_unread())
    close_after_ = true;
}

bool connection::body_unread() const noexcept {
  return !parser_.done();
}

void connection::call_handler() {
  phase_ = phase::answering;
  if (!matched->handle)
    return;
  try {
    matched->handle(*this);
  } catch (const std::exception& e) {
    core_->fault("a request could not be handled", req.id, e);
    answer_error(error{errc::internal, "the request could not be handled"});
  }
}

asio::awaitable<void> connection::wait_for_answer() {
  answered_signal_.expires_after(core_->config.answer_deadline);
  co_await answered_signal_.async_wait(no_throw);
  if (!answered_ && !ended_)
    answer_error(error{errc::timeout, "the answer took too long, try again"});
}

asio::awaitable<bool> connection::wait_writable() {
  phase_ = phase::writing;
  deadline = steady::now() + core_->config.write_deadline;
  auto [ec] = co_await socket_.async_wait(tcp::socket::wait_write, no_throw);
  deadline = steady::time_point::max();
  co_return !ec && !ended_;
}

void connection::on_deadline() {
  expired_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void connection::drain() {
  if (phase_ == phase::idle)
    abort();
}

void connection::abort() {
  ended_ = true;
  if (socket_.is_open())
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
  answered_signal_.cancel();
  far_signal_.cancel();
}

asio::awaitable<void> connection::linger() {
  // Closing a socket with unread bytes resets it, and the peer might never see the answer.
  phase_ = phase::lingering;
  ::shutdown(socket_.native_handle(), SHUT_WR);
  // As long as it goes on sending, but not for ever: a peer that only trickles is cut off.
  auto last = steady::now() + max_linger_deadlines * core_->config.linger_deadline;
  buffer_.resize(16 * 1024);
  for (uint64_t total = 0; total < max_lingering_bytes && !expired_ && !ended_;) {
    deadline = std::min<steady::time_point>(steady::now() + core_->config.linger_deadline, last);
    auto n = co_await read_some(buffer_, 0);
    if (n == 0)
      break;
    total += n;
  }
}

void connection::hand_over() {
  std::string rest;
  if (!body_received_)
    rest.assign(buffer_.data() + head_size_, filled_ - head_size_);
  handed_over_ = true;
  start_live_session(core_, thread_, std::move(socket_), std::move(answer_.stream), std::move(rest));
}

void connection::leave() {
  ended_ = true;
  ++generation_;
  far_.reset();
  thread_->remove(*this);
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (!handed_over_)
    core_->connection_closed();
}

} // namespace troupe::net
