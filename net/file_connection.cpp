#include "net/file_connection.hpp"

#include "net/headers.hpp"

#include "protocol/model/executor.hpp"
#include "protocol/model/json_writer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstring>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr size_t initial_buffer = 4096;
/// What a client may still send of a body that was refused, and for how long.
constexpr size_t max_lingering_bytes = 16 * 1024 * 1024;
constexpr milliseconds linger_deadline{2'000};
/// While it waits for its turn, a connection looks so often whether its client is still there.
constexpr milliseconds turn_look{100};
/// A TLS record; what the write deadline is for.
constexpr size_t write_step = 16 * 1024;
/// Told with 503.
constexpr std::chrono::seconds come_again{5};
/// Of a root's name: no root is called so.
constexpr const char* whole_files = " (whole files)";

std::string_view phrase(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 204:
    return "No Content";
  case 206:
    return "Partial Content";
  default:
    return status < 500 ? "Refused" : "Failed";
  }
}

/// The part of an address that is one caller's.
std::string network_of(const tcp::socket& socket) {
  boost::system::error_code ec;
  const auto address = socket.remote_endpoint(ec).address();
  if (ec)
    return "gone";
  if (address.is_v4())
    return address.to_string();
  if (address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  const auto bytes = address.to_v6().to_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size() / 2};
}

} // namespace

void file_connection::start(file_core& shared, tcp::socket socket) {
  auto self = std::make_shared<file_connection>(shared, std::move(socket));
  shared.opened(*self);
  asio::co_spawn(
    shared.context, [self] { return self->run(); }, asio::detached);
}

file_connection::file_connection(file_core& shared, tcp::socket socket) :
  core_(shared), id_(shared.next_id()), address_(network_of(socket)), stream_(std::move(socket), shared.tls),
  answered_signal_(shared.context), parser_({shared.options.max_header_bytes, shared.options.max_header_count}),
  buffer_(initial_buffer) {
}

void file_connection::sweep(steady::time_point now) {
  if (now >= deadline_)
    abort();
}

void file_connection::drain() {
  if (phase_ == phase::idle)
    abort();
}

void file_connection::abort() {
  ended_ = true;
  stream_.abort();
  answered_signal_.cancel();
}

const std::string& file_connection::caller() const noexcept {
  return stream_.peer().empty() ? address_ : stream_.peer();
}

std::optional<steady::time_point> file_connection::idle_since() const noexcept {
  return taken_in_ && phase_ == phase::idle && !ended_ ? std::optional{idle_since_} : std::nullopt;
}

asio::awaitable<void> file_connection::run() {
  auto self = shared_from_this();
  try {
    deadline_ = steady::now() + core_.options.header_deadline;
    auto secure = co_await stream_.handshake();
    if (!secure)
      core_.count("none", "handshake");
    for (bool more = secure && !ended_; more;)
      more = co_await serve_one();
  } catch (const std::exception&) {
    // Out of memory, most likely: this connection ends and its client comes again; the others go on.
    core_.count("none", to_string(errc::internal));
  }
  ended_ = true;
  core_.closed(*this);
}

asio::awaitable<bool> file_connection::serve_one() {
  parser_.reset();
  phase_ = phase::idle;
  head_size_ = 0;
  writing_ = false;
  ticket_.reset();
  answered_ = close_after_ = false;
  refusal_status_ = 0;
  refusal_fields_.clear();
  left_behind_ = false;
  auto complete = co_await read_head();
  if (!complete)
    co_return false;
  phase_ = phase::working;
  deadline_ = steady::time_point::max();
  if (!taken_in_)
    taken_in_ = core_.take_in(*this);
  result<void> outcome = taken_in_ ? admit() : result<void>{one_too_many()};
  if (outcome)
    outcome = co_await serve();
  auto cut = !outcome && (answered_ || ended_);
  core_.count(ticket_ ? to_string(ticket_->action) : "none", cut       ? "cut"
                                                             : outcome ? "ok"
                                                                       : to_string(outcome.error().code));
  if (cut)
    co_return false;
  // What is left of the body would be taken for the next request.
  if (!parser_.done() || !request_.keep_alive || core_.draining || !taken_in_)
    close_after_ = true;
  if (!outcome) {
    auto sent = co_await send_error(outcome.error());
    if (!sent)
      co_return false;
  }
  if (!parser_.done())
    co_await linger();
  if (close_after_)
    co_return false;
  std::memmove(buffer_.data(), buffer_.data() + head_size_, filled_ - head_size_);
  filled_ -= head_size_;
  co_return true;
}

asio::awaitable<bool> file_connection::read_head() {
  idle_since_ = steady::now();
  deadline_ = idle_since_ + (taken_in_ ? core_.options.idle_deadline : core_.options.header_deadline);
  for (;;) {
    if (filled_ > 0) {
      if (phase_ == phase::idle) {
        phase_ = phase::head;
        deadline_ = steady::now() + core_.options.header_deadline;
      }
      auto used = parser_.put_head({buffer_.data(), filled_}, request_);
      std::optional<parse_failure> failure = parser_.failure();
      if (!failure && !parser_.head_done() && filled_ >= core_.options.max_header_bytes)
        failure = parse_failure{431, "the header is larger than the limit"};
      if (failure) {
        refusal_status_ = failure->status;
        close_after_ = true;
        request_.method = verb::get;
        core_.count("none", to_string(errc::validation));
        error why{errc::validation, std::string{failure->reason}};
        auto told = co_await send_error(why);
        if (told)
          co_await linger();
        co_return false;
      }
      if (parser_.head_done()) {
        head_size_ = used;
        co_return true;
      }
      if (filled_ == buffer_.size())
        buffer_.resize(std::min<size_t>(buffer_.size() * 2, core_.options.max_header_bytes));
    } else if (core_.draining) {
      co_return false;
    }
    std::span<char> room{buffer_.data() + filled_, buffer_.size() - filled_};
    auto n = co_await stream_.read_some(room);
    if (n == 0)
      co_return false;
    filled_ += n;
  }
}

error file_connection::one_too_many() {
  refusal_status_ = 503;
  error out{errc::unavailable, (stream_.peer().empty() ? "this address" : "node " + stream_.peer()) + " has "
                                 + std::to_string(core_.options.max_connections_each)
                                 + " connections here, which is the most: use those, or try again in a moment"};
  out.retry_after = come_again;
  return out;
}

result<void> file_connection::admit() {
  constexpr std::string_view prefix = "/files/";
  if (request_.version != 11)
    return {errc::validation, "only HTTP/1.1 is spoken here"};
  if (!request_.path.starts_with(prefix))
    return {errc::not_found, "there is nothing here but files"};
  auto rest = request_.path.substr(prefix.size());
  auto slash = rest.find('/');
  name_ = slash == std::string::npos ? std::string{} : rest.substr(slash + 1);
  if (slash != std::string::npos && !exec::valid_output_name(name_))
    return {errc::validation, "this is no name of a file in a folder"};
  // Before anything of a disk is asked for, and without one.
  auto ticket = core_.hooks.check(rest.substr(0, slash));
  if (!ticket)
    return std::move(ticket).error();
  ticket_ = std::move(*ticket);
  return check_use();
}

result<void> file_connection::check_use() const {
  if (ticket_->node != stream_.peer())
    return {errc::forbidden, "the address was made for another node"};
  auto method = request_.method;
  bool upload = method == verb::head || method == verb::patch;
  bool fits = false;
  switch (ticket_->action) {
  case file_action::read:
    fits = name_.empty() && (method == verb::get || method == verb::head);
    break;
  case file_action::write:
    fits = name_.empty() && upload;
    break;
  case file_action::write_folder:
    fits = name_.empty() ? method == verb::post : upload;
    break;
  }
  if (!fits)
    return {errc::forbidden, "the address is not for this: it allows to " + std::string{to_string(ticket_->action)}};
  return {};
}

asio::awaitable<result<void>> file_connection::serve() {
  if (ticket_->action == file_action::read)
    return serve_read();
  if (request_.method == verb::head)
    return serve_offset();
  return request_.method == verb::post ? serve_publish() : serve_patch();
}

asio::awaitable<bool> file_connection::wait_for(const bool& answered, steady::time_point until) {
  while (!answered && !(ended_ && core_.draining) && steady::now() < until) {
    answered_signal_.expires_at(until);
    co_await answered_signal_.async_wait(no_throw);
  }
  co_return answered;
}

result<std::shared_ptr<file_connection::file_work>> file_connection::start_work(step which, const std::string& root,
                                                                                const disk_task& what) {
  auto out = std::make_shared<file_work>();
  auto task = [what = disk_task{what}, tell = answering(out)]() mutable {
    result<std::monostate> outcome{std::monostate{}};
    try {
      if (auto done = what(); !done)
        outcome = std::move(done).error();
    } catch (const std::exception&) {
      outcome = error{errc::unavailable, "the node is out of memory, try again in a moment"};
    }
    // First what it holds: whoever hears of the end may come again at once.
    what = nullptr;
    tell(std::move(outcome));
  };
  auto& threads = *core_.threads;
  auto begun = which == step::first ? threads.begin(root, std::move(task)) : threads.go_on(root, std::move(task));
  if (begun)
    return out;
  return no_answer(begun.error().message);
}

asio::awaitable<result<void>> file_connection::finish_work(const std::shared_ptr<file_work>& x) {
  auto answered = co_await wait_for(x->answered, steady::now() + core_.options.disk_deadline);
  if (answered)
    co_return x->outcome ? result<void>{} : std::move(x->outcome).error();
  left_behind_ = true;
  if (ended_)
    co_return error{errc::io, "the client is gone"};
  co_return no_answer("its disk has not answered for " + std::to_string(core_.options.disk_deadline.count() / 1000)
                      + " s: see whether the mount is well, and try again in a moment");
}

asio::awaitable<result<void>> file_connection::on_disk(step which, const disk_task& what) {
  auto work = start_work(which, ticket_->root, what);
  if (!work)
    co_return std::move(work).error();
  auto outcome = co_await finish_work(*work);
  co_return outcome;
}

asio::awaitable<result<void>> file_connection::long_work(const disk_task& what) {
  // What takes minutes has threads of its own, or nobody could read meanwhile.
  auto work = start_work(step::next, ticket_->root + whole_files, what);
  if (!work)
    co_return std::move(work).error();
  const auto until = steady::now() + core_.options.whole_file_deadline;
  for (bool sent = true; sent && !(*work)->answered && steady::now() < until;) {
    const auto sign = std::min<steady::time_point>(until, steady::now() + core_.options.still_at_work);
    auto answered = co_await wait_for((*work)->answered, sign);
    sent = !ended_;
    if (!answered && sent)
      sent = co_await send("HTTP/1.1 102 Processing\r\n\r\n");
  }
  if (!(*work)->answered && !ended_) {
    left_behind_ = true;
    co_return no_answer("its disk is not done with the file after "
                        + std::to_string(core_.options.whole_file_deadline.count() / 60'000) + " minutes");
  }
  auto outcome = co_await finish_work(*work);
  co_return outcome;
}

error file_connection::no_answer(std::string why) {
  refusal_status_ = 503;
  error out{errc::unavailable, "this node can't use " + ticket_->root + " at present: " + std::move(why)};
  out.retry_after = come_again;
  return out;
}

asio::awaitable<bool> file_connection::send_answer(const answer& what) {
  answered_ = true;
  std::string out = "HTTP/1.1 " + std::to_string(what.status) + " ";
  out += phrase(what.status);
  out += "\r\nCache-Control: no-store\r\n" + what.headers;
  if (close_after_)
    out += "Connection: close\r\n";
  // 204 has no length; the one of an answer to HEAD is among its fields.
  if (what.status != 204 && request_.method != verb::head)
    out += "Content-Length: " + std::to_string(what.body.size()) + "\r\n";
  out += "\r\n";
  if (request_.method != verb::head)
    out += what.body;
  auto sent = co_await send(out);
  co_return sent;
}

asio::awaitable<bool> file_connection::send_error(const error& what) {
  answer out;
  // Another writer is a matter of the file, not of the node.
  bool locked = what.code == errc::unavailable && is_upload();
  out.status = refusal_status_ != 0 ? refusal_status_ : locked ? 423 : http_status(what.code);
  out.headers = "Content-Type: application/json\r\nError-Code: " + std::string{to_string(what.code)} + "\r\n";
  if (what.retry_after.count() > 0)
    out.headers += "Retry-After: " + std::to_string((what.retry_after.count() + 999) / 1000) + "\r\n";
  out.headers += refusal_fields_;
  object_writer body;
  body.text("code", to_string(what.code)).text("message", what.message);
  out.body = std::move(body).str() + "\n";
  auto sent = co_await send_answer(out);
  co_return sent;
}

asio::awaitable<void> file_connection::linger() {
  deadline_ = steady::now() + linger_deadline;
  co_await stream_.linger(max_lingering_bytes);
}

asio::awaitable<bool> file_connection::send(std::string_view bytes) {
  deadline_ = steady::now() + core_.options.write_deadline;
  auto sent = co_await stream_.write(bytes);
  deadline_ = steady::time_point::max();
  co_return sent && !ended_;
}

asio::awaitable<bool> file_connection::send_paced(std::string_view bytes) {
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, std::min<uint64_t>(write_step, core_.limit.piece()));
    auto may = co_await wait_turn(piece.size());
    if (!may)
      co_return false;
    auto sent = co_await send(piece);
    if (!sent)
      co_return false;
    bytes.remove_prefix(piece.size());
  }
  co_return true;
}

asio::awaitable<bool> file_connection::wait_turn(uint64_t bytes) {
  if (!core_.limit.enabled())
    co_return !ended_;
  auto when = core_.limit.reserve(stream_.peer(), bytes, steady::now());
  asio::steady_timer pause{core_.context};
  for (auto now = steady::now(); now < when && core_.limit.enabled(); now = steady::now()) {
    if (ended_ || stream_.peer_gone())
      co_return false;
    pause.expires_at(std::min<steady::time_point>(when, now + turn_look));
    co_await pause.async_wait(no_throw);
  }
  co_return !ended_;
}

bool file_connection::is_upload() const noexcept {
  return ticket_ && ticket_->action != file_action::read;
}

} // namespace troupe::net
