#include "net/file_server.hpp"

#include "net/file_connection.hpp"
#include "net/listen.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <future>
#include <thread>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
/// How long stop() waits for connections to let go, and then for the loop to run out of work.
constexpr std::chrono::seconds stop_grace{5};
constexpr milliseconds end_grace{500};

/// A quarter of the shortest deadline, so that none is missed by much; at most half a second.
steady::duration sweep_interval(const file_server_options& o) {
  auto shortest = std::min({o.header_deadline, o.body_deadline, o.write_deadline, o.idle_deadline});
  return std::clamp(shortest / 4, milliseconds{10}, milliseconds{500});
}

} // namespace

bool is_exactly(const file_ticket& x, const file_version& there) {
  return there.str() == x.content && there.size == x.size;
}

void file_core::add_bytes_out(const std::string& node, uint64_t n) {
  std::lock_guard guard{mutex};
  figures.bytes_out[node] += n;
}

void file_core::add_bytes_in(const std::string& node, uint64_t n) {
  std::lock_guard guard{mutex};
  figures.bytes_in[node] += n;
}

void file_core::count(std::string_view action, std::string_view outcome) {
  std::lock_guard guard{mutex};
  if (outcome == "handshake")
    ++figures.failed_handshakes;
  else
    ++figures.transfers[{std::string{action}, std::string{outcome}}];
}

void file_core::opened(file_connection& x) {
  connections.insert(&x);
  {
    std::lock_guard guard{mutex};
    ++figures.connections;
    ++open;
  }
  const unfinished_handshakes::limits allowed{options.max_unfinished, options.max_unfinished_each};
  auto gone = strangers.began(x.id(), x.address(), allowed, steady::now());
  auto oldest = gone ? std::ranges::find(connections, *gone, &file_connection::id) : connections.end();
  if (oldest == connections.end())
    return;
  (*oldest)->abort();
  std::lock_guard guard{mutex};
  ++figures.refused_connections;
}

bool file_core::take_in(file_connection& x) {
  // Who is refused stays a stranger until it has gone.
  auto& have = callers[x.caller()];
  if (have >= options.max_connections_each)
    return false;
  ++have;
  strangers.ended(x.id());
  return true;
}

void file_core::closed(file_connection& x) {
  connections.erase(&x);
  strangers.ended(x.id());
  auto known = x.is_taken_in() ? callers.find(x.caller()) : callers.end();
  if (known != callers.end() && --known->second == 0)
    callers.erase(known);
  std::lock_guard guard{mutex};
  --open;
  none_left.notify_all();
}

bool file_core::end_an_idle_one() {
  file_connection* longest = nullptr;
  for (auto* x : connections)
    if (x->idle_since() && (!longest || *x->idle_since() < *longest->idle_since()))
      longest = x;
  if (longest)
    longest->abort();
  return longest != nullptr;
}

bool file_core::wait_for_none(steady::time_point until) {
  std::unique_lock guard{mutex};
  return none_left.wait_until(guard, until, [this] { return open == 0; });
}

struct file_server::impl {
  impl(file_server_options o, file_server_hooks h, std::shared_ptr<ports::files> d,
       std::shared_ptr<ports::root_threads> t) :
    core(std::move(o), std::move(h), std::move(d), std::move(t)),
    work(asio::make_work_guard(core.context)), sweep_timer(core.context) {
  }

  result<uint16_t> listen();
  asio::awaitable<void> accept_loop();
  void take(tcp::socket socket);
  void arm_sweep();
  void close_acceptor();
  template <class F>
  void on_each(F f);

  file_core core;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  asio::steady_timer sweep_timer;
  bool sweeping = false;
  std::optional<tcp::acceptor> acceptor;
  std::promise<void> ended;
  std::future<void> has_ended = ended.get_future();
  std::thread thread;
  bool stopped = false;
};

file_server::file_server(file_server_options options, file_server_hooks hooks, std::shared_ptr<ports::files> disk,
                         std::shared_ptr<ports::root_threads> threads) :
  impl_(std::make_unique<impl>(std::move(options), std::move(hooks), std::move(disk), std::move(threads))) {
}

file_server::~file_server() {
  stop();
}

result<uint16_t> file_server::start() {
  auto& x = *impl_;
  if (!x.core.options.papers.empty()) {
    auto tls = tls_settings::make(x.core.options.papers);
    if (!tls)
      return std::move(tls).error();
    x.core.tls = std::move(*tls);
  }
  auto port = x.listen();
  if (!port)
    return port;
  x.thread = std::thread{[&x] {
    x.core.context.run();
    x.ended.set_value();
  }};
  asio::co_spawn(x.core.context, x.accept_loop(), asio::detached);
  return port;
}

result<uint16_t> file_server::impl::listen() {
  auto& o = core.options;
  boost::system::error_code ec;
  auto address = asio::ip::make_address(o.address, ec);
  if (ec)
    return {errc::validation, "the address to serve files on, '" + o.address + "', is no IP address"};
  if (!core.tls && !address.is_loopback())
    return {errc::validation, "without certificates files are served on loopback addresses only, not on " + o.address
                                + "; make certificates with 'troupe cert'"};
  return listen_on(acceptor, core.context, o.address, o.port);
}

asio::awaitable<void> file_server::impl::accept_loop() {
  for (;;) {
    auto [ec, socket] = co_await acceptor->async_accept(core.context, no_throw);
    if (ec == asio::error::operation_aborted || !acceptor->is_open())
      co_return;
    if (ec) {
      // Out of descriptors, or the peer is gone already: try again in a moment.
      asio::steady_timer pause{core.context, milliseconds{50}};
      co_await pause.async_wait(no_throw);
      continue;
    }
    take(std::move(socket));
  }
}

void file_server::impl::take(tcp::socket socket) {
  if (core.connections.size() >= core.options.max_connections && !core.end_an_idle_one()) {
    std::lock_guard guard{core.mutex};
    ++core.figures.refused_connections;
    return;
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  file_connection::start(core, std::move(socket));
  arm_sweep();
}

void file_server::impl::arm_sweep() {
  // With nobody connected there is nothing to sweep: an idle server does not wake up.
  if (sweeping || core.connections.empty())
    return;
  sweeping = true;
  sweep_timer.expires_after(sweep_interval(core.options));
  sweep_timer.async_wait([this](const boost::system::error_code& ec) {
    sweeping = false;
    if (ec)
      return;
    for (auto* x : core.connections)
      x->sweep(steady::now());
    arm_sweep();
  });
}

void file_server::impl::close_acceptor() {
  asio::post(core.context, [this] {
    boost::system::error_code ignored;
    if (acceptor)
      acceptor->close(ignored);
  });
}

template <class F>
void file_server::impl::on_each(F f) {
  asio::post(core.context, [this, f] {
    for (auto* x : core.connections)
      f(*x);
  });
}

bool file_server::drain(milliseconds grace) {
  auto until = steady::now() + grace;
  impl_->core.draining = true;
  impl_->close_acceptor();
  // Again and again: what was accepted or answered a moment ago becomes idle now.
  while (steady::now() < until) {
    impl_->on_each([](file_connection& x) { x.drain(); });
    if (impl_->core.wait_for_none(std::min(until, steady::now() + milliseconds{50})))
      return true;
  }
  return impl_->core.wait_for_none(steady::now());
}

void file_server::stop() {
  auto& x = *impl_;
  if (std::exchange(x.stopped, true) || !x.thread.joinable())
    return;
  x.core.draining = true;
  x.close_acceptor();
  auto until = steady::now() + stop_grace;
  while (steady::now() < until) {
    x.on_each([](file_connection& c) { c.abort(); });
    if (x.core.wait_for_none(std::min(until, steady::now() + milliseconds{50})))
      break;
  }
  asio::post(x.core.context, [&x] {
    x.work.reset();
    x.sweep_timer.cancel();
  });
  if (x.has_ended.wait_for(end_grace) != std::future_status::ready)
    x.core.context.stop();
  x.thread.join();
  // What a disk has kept may come back whenever it likes.
  x.core.gate->close();
}

void file_server::set_limit(uint64_t bytes_per_second) {
  impl_->core.limit.set(bytes_per_second);
}

file_server_figures file_server::figures() const {
  std::lock_guard guard{impl_->core.mutex};
  return impl_->core.figures;
}

} // namespace troupe::net
