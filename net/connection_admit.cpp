// What is checked before a handler runs, and how a request's body is received.

#include "net/connection.hpp"

#include "net/gate.hpp"
#include "net/headers.hpp"

#include "protocol/model/ids.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstring>

namespace troupe::net {

namespace {

constexpr size_t json_piece = 16 * 1024;
constexpr size_t upload_piece = 256 * 1024;
/// Bodies that no route asked for.
constexpr uint64_t ignored_body_limit = 64 * 1024;

bool is_write(verb method) {
  return method != verb::get && method != verb::head && method != verb::options;
}

result<void> write_pieces(body_sink& sink, const std::vector<std::string_view>& pieces) {
  for (auto piece : pieces)
    TROUPE_TRY(sink.write(piece));
  return {};
}

bool is_preflight(const request& req) {
  return req.method == verb::options && req.header("origin") && req.header("access-control-request-method");
}

} // namespace

bool connection::admit() {
  auto id = req.header("x-request-id");
  req.id = id && valid_request_id(*id) ? std::string{*id} : to_string(random_id());
  req.traceparent = trace_context_of(req);
  if (!host_allowed(core_->config, req)) {
    answer_error({errc::forbidden, "this Host is not served here: add it to the gateway's allowed hosts"});
    return false;
  }
  if (!admit_route() || !admit_body())
    return false;
  return true;
}

bool connection::admit_route() {
  auto match = core_->routes.find(req.method, req.path);
  matched = match.found;
  req.path_values = std::move(match.values);
  if (!matched && match.allow.empty()) {
    answer_error({errc::not_found, "there is nothing at this path"});
    return false;
  }
  if (!matched && is_preflight(req) && origin_configured(core_->config, *req.header("origin"))) {
    answer(preflight_response(core_->config, req, match.allow));
    return false;
  }
  if (!matched) {
    auto out = error_response(req, {errc::validation, "this path does not have the method; it has: " + match.allow});
    out.status = 405;
    out.headers.emplace_back("Allow", match.allow);
    answer(std::move(out));
    return false;
  }
  if ((is_write(req.method) || matched->live) && !origin_allowed(core_->config, req)) {
    answer_error({errc::forbidden, "pages of other origins may not do this: add the origin to the allowed ones"});
    return false;
  }
  if (matched->limited && core_->limiter.enabled()) {
    rate_ = core_->limiter.take(req.peer, steady::now());
    if (!rate_.allowed) {
      error what{errc::rate_limited, "too many requests, slow down"};
      what.retry_after = rate_.reset;
      answer_error(what);
      return false;
    }
  }
  if (auto checked = check_parameters(*matched, req); !checked) {
    answer_error(checked.error());
    return false;
  }
  if (auto key = req.header("idempotency-key"); key && !idempotency_key(*key)) {
    error what{errc::validation, "the Idempotency-Key is not usable"};
    what.fields.emplace_back("Idempotency-Key", "must be 1 to 200 visible ASCII characters");
    answer_error(what);
    return false;
  }
  return true;
}

bool connection::admit_body() {
  if (auto expect = req.header("expect"); expect && !equals_ignoring_case(*expect, "100-continue")) {
    auto out = error_response(req, {errc::validation, "the only expectation met here is 100-continue"});
    out.status = 417;
    answer(std::move(out));
    return false;
  }
  if (parser_.done())
    return true;
  auto limit = matched->body == body_kind::multipart ? core_->config.max_upload_bytes
               : matched->body == body_kind::json    ? core_->config.max_body_bytes
                                                     : ignored_body_limit;
  // Room for the boundaries and the other fields of a form.
  if (matched->body == body_kind::multipart)
    limit += 64 * 1024;
  if (req.content_length && *req.content_length > limit) {
    answer_error({errc::too_large, "the body is larger than the limit of " + std::to_string(limit) + " bytes"});
    return false;
  }
  if (matched->body == body_kind::json) {
    auto type = req.header("content-type");
    if (!type || !equals_ignoring_case(media_type(*type), "application/json")) {
      answer_error({errc::unsupported_media, "send the body as application/json"});
      return false;
    }
  }
  return true;
}

asio::awaitable<bool> connection::receive_body() {
  std::unique_ptr<body_sink> sink;
  if (matched->open_body) {
    auto opened = matched->open_body(*this);
    if (!opened) {
      answer_error(opened.error());
      co_return false;
    }
    sink = *std::move(opened);
  }
  if (parser_.done() && !sink)
    co_return true;
  phase_ = phase::body;
  body_received_ = true;
  auto rest = filled_ - head_size_;
  body_buffer_.resize(std::max(rest, sink ? upload_piece : json_piece));
  std::memcpy(body_buffer_.data(), buffer_.data() + head_size_, rest);
  filled_ = rest;
  if (rest == 0 && req.version == 11 && req.header("expect")) {
    constexpr std::string_view proceed = "HTTP/1.1 100 Continue\r\n\r\n";
    std::vector<iovec> bytes{{const_cast<char*>(proceed.data()), proceed.size()}};
    auto sent = co_await send_rest(bytes, 0);
    if (!sent)
      co_return false;
  }
  if (sink)
    co_await stream_body(sink);
  else
    co_await collect_body(matched->body == body_kind::json ? core_->config.max_body_bytes : ignored_body_limit);
  if (sink) {
    body_buffer_.resize(filled_);
    body_buffer_.shrink_to_fit();
  }
  if (answered_ || ended_)
    co_return false;
  if (matched->body == body_kind::none)
    req.body.clear();
  co_return !matched->open_body;
}

asio::awaitable<bool> connection::receive_more() {
  if (parser_.failure() || filled_ == body_buffer_.size()) {
    answer_error({errc::validation, "the body is malformed"});
    co_return false;
  }
  deadline = steady::now() + core_->config.body_deadline;
  auto n = co_await read_some(body_buffer_, filled_);
  deadline = steady::time_point::max();
  filled_ += n;
  // Gone, or stopped sending: nobody waits for an answer to half a request.
  ended_ = ended_ || n == 0;
  co_return !ended_;
}

asio::awaitable<void> connection::collect_body(uint64_t limit) {
  std::vector<std::string_view> pieces;
  for (;;) {
    pieces.clear();
    auto used = parser_.put_body({body_buffer_.data(), filled_}, pieces);
    for (auto piece : pieces)
      req.body.append(piece);
    std::memmove(body_buffer_.data(), body_buffer_.data() + used, filled_ - used);
    filled_ -= used;
    if (req.body.size() > limit) {
      answer_error({errc::too_large, "the body is larger than the limit of " + std::to_string(limit) + " bytes"});
      co_return;
    }
    if (parser_.done())
      co_return;
    auto more = co_await receive_more();
    if (!more)
      co_return;
  }
}

/// Runs `work` on a file thread while the connection waits.
asio::awaitable<bool> connection::run_on_pool(const std::function<result<void>()>& work) {
  result<void> outcome;
  auto start = [this, &work, &outcome](auto handler) {
    // std::function wants to copy, a coroutine's handler can only be moved.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    core_->pool.run([this, &work, &outcome, shared] {
      outcome = work();
      asio::post(thread_->context(), [shared] { std::move (*shared)(); });
    });
  };
  auto token = asio::use_awaitable;
  co_await asio::async_initiate<decltype(token), void()>(start, token);
  if (!outcome)
    answer_error(outcome.error());
  co_return outcome.has_value();
}

asio::awaitable<void> connection::stream_body(std::unique_ptr<body_sink>& sink) {
  std::vector<std::string_view> pieces;
  for (;;) {
    pieces.clear();
    auto used = parser_.put_body({body_buffer_.data(), filled_}, pieces);
    if (!pieces.empty()) {
      for (auto piece : pieces)
        core_->stats.add_bytes_in(piece.size());
      std::function<result<void>()> write = [&] { return write_pieces(*sink, pieces); };
      auto written = co_await run_on_pool(write);
      if (!written)
        co_return;
    }
    std::memmove(body_buffer_.data(), body_buffer_.data() + used, filled_ - used);
    filled_ -= used;
    if (parser_.done() || ended_)
      break;
    auto more = co_await receive_more();
    if (!more)
      co_return;
  }
  std::function<result<void>()> finish = [&] { return sink->finish(); };
  if (ended_)
    co_return;
  auto finished = co_await run_on_pool(finish);
  if (!finished)
    co_return;
  auto& s = *sink;
  s.complete(*this, std::move(sink));
  if (!answered_)
    co_await wait_for_answer();
}

} // namespace troupe::net
