// Files on their way in.

#include "net/file_connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace troupe::net {

namespace {

/// Collected before a file thread is asked to write.
constexpr size_t body_block = 256 * 1024;
/// How long a writer that was ended may take to let go, and how often one looks. Less than a client waits for a head.
constexpr milliseconds takeover_limit{5'000};
constexpr milliseconds takeover_look{20};

std::optional<uint64_t> number(std::optional<std::string_view> text) {
  uint64_t out = 0;
  if (!text)
    return std::nullopt;
  auto parsed = std::from_chars(text->data(), text->data() + text->size(), out);
  return parsed.ec == std::errc{} && parsed.ptr == text->data() + text->size() ? std::optional{out} : std::nullopt;
}

std::string offset_fields(uint64_t offset, bool complete) {
  return "Upload-Offset: " + std::to_string(offset) + "\r\nUpload-Complete: " + (complete ? "?1" : "?0") + "\r\n";
}

} // namespace

/// A file on its way in. Used by one at a time: a thread of its root, or the I/O thread.
struct file_connection::writing {
  std::unique_ptr<file_uploads::upload> target;
  /// From the socket; `pieces` are those of the body in it.
  std::vector<char> body;
  std::vector<std::string_view> pieces;

  bool is_open() const noexcept {
    return target != nullptr;
  }
  result<void> append() {
    for (auto piece : pieces)
      TROUPE_TRY(target->append(piece));
    return {};
  }
  /// Then the next one may write.
  result<void> append_and_leave() {
    auto appended = append();
    target.reset();
    return appended;
  }
};

bool file_connection::end_earlier_writers() {
  bool found = false;
  for (auto* x : core_.connections)
    if (x != this && x->writing_ && x->name_ == name_ && x->ticket_->token == ticket_->token
        && x->ticket_->root == ticket_->root && x->ticket_->path == ticket_->path) {
      x->abort();
      found = true;
    }
  return found;
}

asio::awaitable<result<void>> file_connection::open(const std::shared_ptr<writing>& to) {
  const bool replaces = end_earlier_writers();
  writing_ = true;
  disk_task task = [to, uploads = core_.uploads, ticket = *ticket_, name = name_]() -> result<void> {
    auto x = uploads->open(ticket, name);
    if (!x)
      return std::move(x).error();
    to->target = std::move(*x);
    return {};
  };
  asio::steady_timer pause{core_.context};
  for (const auto until = steady::now() + takeover_limit;;) {
    auto opened = co_await on_disk(step::first, task);
    // Another writer has it; a disk that does not answer has a status of its own.
    const bool busy = !opened && opened.error().code == errc::unavailable && refusal_status_ == 0;
    if (!busy || !replaces || ended_ || steady::now() >= until)
      co_return opened;
    pause.expires_after(takeover_look);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<result<void>> file_connection::serve_offset() {
  auto to = shared_at_root<writing>();
  auto looked = co_await open(to);
  if (!looked)
    co_return looked;
  answer out;
  out.headers = offset_fields(to->target->offset(), to->target->complete());
  // Before the answer: whoever has it may come again at once.
  auto let_go = co_await close(to);
  if (!let_go)
    co_return let_go;
  out.headers += "Upload-Limit: max-size=" + std::to_string(ticket_->most_bytes) + "\r\n";
  auto told = co_await send_answer(out);
  co_return told ? result<void>{} : error{errc::io, "the client is gone"};
}

asio::awaitable<result<void>> file_connection::serve_patch() {
  auto offset = number(request_.header("upload-offset"));
  bool last = request_.header("upload-complete").value_or("?0") == "?1";
  std::string digest{request_.header("repr-digest").value_or("")};
  if (!offset)
    co_return error{errc::validation, "Upload-Offset must say from which byte on this is"};
  if (last && digest.empty())
    co_return error{errc::validation, "a file is completed with the Repr-Digest of all of it"};
  if (request_.content_length && *request_.content_length > ticket_->most_bytes)
    co_return error{errc::too_large,
                    "the address is for a file of at most " + std::to_string(ticket_->most_bytes) + " bytes"};
  auto to = shared_at_root<writing>();
  auto outcome = co_await open(to);
  if (!outcome)
    co_return outcome;
  const auto next = to->target->offset();
  if (*offset == next) {
    outcome = co_await receive(to);
    disk_task finish = [to, digest] { return to->target->finish(digest); };
    if (outcome && last)
      outcome = co_await long_work(finish);
  } else {
    refusal_fields_ = offset_fields(next, to->target->complete());
    outcome = error{errc::conflict, "the next byte is number " + std::to_string(next)};
  }
  answer out;
  if (outcome)
    out.headers = offset_fields(to->target->offset(), to->target->complete());
  // Before the answer: whoever has it may come again at once.
  auto closed = co_await close(to);
  if (!outcome || !closed)
    co_return outcome ? closed : outcome;
  auto told = co_await send_answer(out);
  co_return told ? result<void>{} : error{errc::io, "the client is gone"};
}

asio::awaitable<result<void>> file_connection::close(const std::shared_ptr<writing>& to) {
  // A disk that hangs has it still.
  if (left_behind_ || !to->target)
    co_return result<void>{};
  disk_task task = [to]() -> result<void> {
    to->target.reset();
    return {};
  };
  auto outcome = co_await on_disk(step::next, task);
  co_return outcome;
}

asio::awaitable<result<void>> file_connection::receive(const std::shared_ptr<writing>& to) {
  auto& body = to->body;
  auto& pieces = to->pieces;
  body.resize(std::max(body_block, filled_ - head_size_));
  auto filled = filled_ - head_size_;
  std::copy_n(buffer_.data() + head_size_, filled, body.data());
  // The head's views are of no use from here on; what follows the body goes back to the front.
  filled_ = head_size_ = 0;
  size_t used = 0;
  bool gone = false;
  disk_task append = [to] { return to->append(); };
  disk_task last_append = [to] { return to->append_and_leave(); };
  for (;;) {
    used += parser_.put_body({body.data() + used, filled - used}, pieces);
    bool broken = parser_.failure().has_value();
    if (parser_.done() || gone || broken || filled == body.size()) {
      // Also what came before the end of a connection that was cut: the next one goes on from there.
      if (!pieces.empty()) {
        auto appended = co_await on_disk(step::next, gone ? last_append : append);
        if (!appended)
          co_return appended;
      }
      pieces.clear();
      std::memmove(body.data(), body.data() + used, filled - used);
      filled -= used;
      used = 0;
      // Even with the whole body: another writer has the file by now.
      if (gone)
        co_return error{errc::io, "the client is gone"};
      if (parser_.done())
        break;
      if (broken || filled == body.size())
        co_return error{errc::validation, "the body is no valid HTTP/1.1"};
    }
    std::span<char> room{body.data() + filled, body.size() - filled};
    deadline_ = steady::now() + core_.options.body_deadline;
    auto n = co_await stream_.read_some(room);
    deadline_ = steady::time_point::max();
    filled += n;
    core_.add_bytes_in(stream_.peer(), n);
    gone = n == 0 || ended_;
    if (!gone) {
      auto may = co_await wait_turn(n);
      gone = !may;
    }
  }
  if (buffer_.size() < filled)
    buffer_.resize(filled);
  std::copy_n(body.data(), filled, buffer_.data());
  filled_ = filled;
  co_return result<void>{};
}

asio::awaitable<result<void>> file_connection::serve_publish() {
  disk_task publish = [uploads = core_.uploads, ticket = *ticket_] { return uploads->publish_folder(ticket); };
  auto published = co_await long_work(publish);
  if (!published)
    co_return published;
  answer out;
  auto told = co_await send_answer(out);
  co_return told ? result<void>{} : error{errc::io, "the client is gone"};
}

} // namespace troupe::net
