// How bytes of a file of another node get out: as they come, by sendfile from where they are kept on this one. Nothing
// is asked for before what came last was sent, so a slow client makes a slow fetch.

#include "net/connection.hpp"
#include "net/file_cache.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

/// Of one question to a stream; on the connection's thread.
struct far_answer {
  bool came = false;
  result<ports::fetched_bytes> what{errc::unavailable, "nothing of the file comes from where it is at the moment; try "
                                                       "again soon"};
};

} // namespace

asio::awaitable<bool> connection::take_far() {
  auto answer = std::make_shared<far_answer>();
  auto self = std::static_pointer_cast<connection>(shared_from_this());
  // Whoever calls it holds nothing of the connection any more then: its end is for its own thread.
  far_->next([self, answer](result<ports::fetched_bytes> x) mutable {
    auto& thread = self->thread_->context();
    asio::post(thread, [self = std::move(self), answer, x = std::move(x)]() mutable {
      answer->came = true;
      answer->what = std::move(x);
      self->far_signal_.cancel();
    });
  });
  const auto until = steady::now() + core_->config.answer_deadline;
  while (!answer->came && !ended_ && steady::now() < until) {
    far_signal_.expires_at(until);
    co_await far_signal_.async_wait(no_throw);
  }
  far_bytes_ = answer->what;
  co_return !ended_ && far_bytes_.has_value();
}

asio::awaitable<void> connection::begin_far() {
  far_.reset();
  auto head_only = req.method == verb::head;
  if (head_only || answer_.parts.empty() || !answer_.parts[0].file->far || answer_.parts[0].length == 0)
    co_return;
  auto& part = answer_.parts[0];
  far_ = part.file->far->read({part.offset, part.offset + part.length});
  auto taken = co_await take_far();
  if (taken)
    co_return;
  // It may hold this connection until it answers.
  far_.reset();
  if (ended_)
    co_return;
  answer_ = error_response(req, far_bytes_.error());
  finish_response(core_->config, matched, req, answer_);
}

asio::awaitable<bool> connection::send_far(const file_part& part) {
  // The first one was begun before the head.
  auto more = far_ != nullptr || part.length == 0;
  if (!more) {
    far_ = part.file->far->read({part.offset, part.offset + part.length});
    more = co_await take_far();
  }
  auto left = part.length;
  while (more && left > 0) {
    auto bytes = *far_bytes_;
    more = co_await send_descriptor(bytes.descriptor, bytes.offset, std::min(left, bytes.length));
    left -= std::min(left, bytes.length);
    if (more && left > 0)
      more = co_await take_far();
  }
  far_.reset();
  // What is missing can't be told but by the end of the connection.
  co_return more;
}

} // namespace troupe::net
