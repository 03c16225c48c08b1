// How an answer gets out: small ones in one call without waiting, files by sendfile.

#include "net/connection.hpp"
#include "net/file_cache.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <cerrno>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
/// Of a file before others on the thread get their turn.
constexpr size_t file_turn = 1024 * 1024;

iovec bytes_of(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

ssize_t send_vector(int fd, const std::vector<iovec>& pieces, int flags) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT | flags);
}

/// Takes `n` sent bytes off the front.
void consume(std::vector<iovec>& pieces, size_t n) {
  size_t i = 0;
  while (i < pieces.size() && n >= pieces[i].iov_len)
    n -= pieces[i++].iov_len;
  pieces.erase(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(i));
  if (!pieces.empty()) {
    pieces[0].iov_base = static_cast<char*>(pieces[0].iov_base) + n;
    pieces[0].iov_len -= n;
  }
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

} // namespace

asio::awaitable<bool> connection::send_rest(std::vector<iovec>& rest, int flags) {
  for (;;) {
    auto n = send_vector(socket_.native_handle(), rest, flags);
    if (n < 0 && errno != EINTR && !would_block())
      co_return false;
    if (n > 0)
      consume(rest, static_cast<size_t>(n));
    if (rest.empty())
      co_return true;
    if (n < 0 && errno != EINTR) {
      auto writable = co_await wait_writable();
      if (!writable)
        co_return false;
    }
  }
}

asio::awaitable<bool> connection::send_file(const file_part& part) {
  bool sent = false;
  if (part.file->far)
    sent = co_await send_far(part);
  else
    sent = co_await send_descriptor(part.file->here->get(), part.offset, part.length);
  co_return sent;
}

asio::awaitable<bool> connection::send_descriptor(int fd, uint64_t from, uint64_t length) {
  auto offset = static_cast<off_t>(from);
  auto left = length;
  size_t turn = 0;
  while (left > 0) {
    auto n = ::sendfile(socket_.native_handle(), fd, &offset, std::min<uint64_t>(left, file_turn));
    if (n > 0) {
      left -= static_cast<uint64_t>(n);
      turn += static_cast<size_t>(n);
      if (turn >= file_turn && left > 0) {
        turn = 0;
        co_await asio::post(thread_->context(), asio::use_awaitable);
        if (ended_)
          co_return false;
      }
    } else if (n < 0 && would_block()) {
      auto writable = co_await wait_writable();
      if (!writable)
        co_return false;
    } else if (n == 0 || errno != EINTR) {
      // None are left of a file that is shorter than it was: only a broken connection tells the client.
      co_return false;
    }
  }
  co_return true;
}

asio::awaitable<bool> connection::write_answer() {
  finish_response(core_->config, matched, req, answer_);
  co_await begin_far();
  if (ended_)
    co_return false;
  if (rate_.limit > 0) {
    answer_.headers.emplace_back("RateLimit-Policy", "\"default\";q=" + std::to_string(rate_.limit) + ";w=60");
    answer_.headers.emplace_back("RateLimit", "\"default\";r=" + std::to_string(rate_.remaining)
                                                + ";t=" + std::to_string(rate_.reset.count()));
  }
  framing f;
  f.head_only = req.method == verb::head;
  f.until_close = answer_.stream.kind == stream_kind::sse;
  f.keep_alive = answer_.status == 101 || (req.keep_alive && !close_after_ && !f.until_close && !core_->draining);
  f.content_length = content_length_of(answer_);
  close_after_ = close_after_ || !f.keep_alive;
  out_.clear();
  write_head(req, answer_, f, thread_->date(), out_);

  phase_ = phase::writing;
  auto with_files = !f.head_only && !answer_.parts.empty();
  std::vector<iovec> pieces{bytes_of(out_)};
  if (!f.head_only && answer_.parts.empty() && !answer_.text().empty())
    pieces.push_back(bytes_of(answer_.text()));
  auto whole = out_.size() + (pieces.size() > 1 ? pieces[1].iov_len : 0);
  auto n = send_vector(socket_.native_handle(), pieces, with_files ? MSG_MORE : 0);
  auto sent = n == static_cast<ssize_t>(whole);
  if (!sent) {
    consume(pieces, n > 0 ? static_cast<size_t>(n) : 0);
    if (n >= 0 || would_block())
      sent = co_await send_rest(pieces, with_files ? MSG_MORE : 0);
  }
  if (sent && with_files)
    sent = co_await send_parts();
  core_->stats.count(req, matched, answer_.status, steady::now() - started_);
  if (!f.head_only)
    core_->stats.add_bytes_out(f.content_length);
  if (sent && answer_.stream.kind != stream_kind::none && !ended_)
    hand_over();
  co_return sent;
}

asio::awaitable<bool> connection::send_parts() {
  for (auto& part : answer_.parts) {
    if (!part.before.empty()) {
      std::vector<iovec> text{bytes_of(part.before)};
      auto sent = co_await send_rest(text, MSG_MORE);
      if (!sent)
        co_return false;
    }
    auto sent = co_await send_file(part);
    if (!sent)
      co_return false;
  }
  if (answer_.trailer.empty())
    co_return true;
  std::vector<iovec> text{bytes_of(answer_.trailer)};
  auto sent = co_await send_rest(text, 0);
  co_return sent;
}

} // namespace troupe::net
