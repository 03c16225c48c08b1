// Files on their way in.

#include "net/file_connection.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace troupe::net {

namespace {

/// Collected before a file thread is asked to write.
constexpr size_t body_block = 256 * 1024;

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

asio::awaitable<result<void>> file_connection::serve_offset() {
  answer out;
  std::function<result<void>()> look = [&]() -> result<void> {
    auto x = core_.uploads.open(*ticket_, name_);
    if (!x)
      return std::move(x).error();
    out.headers = offset_fields((*x)->offset(), (*x)->complete());
    return {};
  };
  auto looked = co_await on_file_thread(look);
  if (!looked)
    co_return looked;
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
  std::unique_ptr<file_uploads::upload> target;
  std::function<result<void>()> open = [&]() -> result<void> {
    auto x = core_.uploads.open(*ticket_, name_);
    if (!x)
      return std::move(x).error();
    target = std::move(*x);
    return {};
  };
  auto outcome = co_await on_file_thread(open);
  if (!outcome)
    co_return outcome;
  if (*offset != target->offset()) {
    refusal_fields_ = offset_fields(target->offset(), target->complete());
    co_return error{errc::conflict, "the next byte is number " + std::to_string(target->offset())};
  }
  outcome = co_await receive(*target);
  if (!outcome)
    co_return outcome;
  std::function<result<void>()> finish = [&] { return target->finish(digest); };
  if (last)
    outcome = co_await long_work(finish);
  if (!outcome)
    co_return outcome;
  answer out;
  out.headers = offset_fields(target->offset(), target->complete());
  // Before the answer: whoever has it may come again at once.
  target.reset();
  auto told = co_await send_answer(out);
  co_return told ? result<void>{} : error{errc::io, "the client is gone"};
}

asio::awaitable<result<void>> file_connection::receive(file_uploads::upload& to) {
  std::vector<char> body(std::max(body_block, filled_ - head_size_));
  auto filled = filled_ - head_size_;
  std::copy_n(buffer_.data() + head_size_, filled, body.data());
  // The head's views are of no use from here on; what follows the body goes back to the front.
  filled_ = head_size_ = 0;
  size_t used = 0;
  bool gone = false;
  std::vector<std::string_view> pieces;
  std::function<result<void>()> append = [&]() -> result<void> {
    for (auto piece : pieces)
      TROUPE_TRY(to.append(piece));
    return {};
  };
  for (;;) {
    used += parser_.put_body({body.data() + used, filled - used}, pieces);
    bool broken = parser_.failure().has_value();
    if (parser_.done() || gone || broken || filled == body.size()) {
      // Also what came before the end of a connection that was cut: the next one goes on from there.
      if (!pieces.empty()) {
        auto appended = co_await on_file_thread(append);
        if (!appended)
          co_return appended;
      }
      pieces.clear();
      std::memmove(body.data(), body.data() + used, filled - used);
      filled -= used;
      used = 0;
      if (parser_.done())
        break;
      if (gone)
        co_return error{errc::io, "the client is gone"};
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
  std::function<result<void>()> publish = [this] { return core_.uploads.publish_folder(*ticket_); };
  auto published = co_await long_work(publish);
  if (!published)
    co_return published;
  answer out;
  auto told = co_await send_answer(out);
  co_return told ? result<void>{} : error{errc::io, "the client is gone"};
}

} // namespace troupe::net
