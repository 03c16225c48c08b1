#include "net/server.hpp"

#include "net/connection.hpp"
#include "net/listen.hpp"
#include "net/upload_sink.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace troupe::net {

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
/// How long stop() waits for connections to let go.
constexpr std::chrono::seconds stop_grace{5};

} // namespace

struct server::impl {
  std::shared_ptr<core> shared;
  std::vector<std::shared_ptr<io_thread>> threads;
  std::optional<tcp::acceptor> acceptor;
  size_t next = 0;
  bool stopped = false;

  result<uint16_t> listen();
  asio::awaitable<void> accept_loop();
  void take(tcp::socket socket, std::shared_ptr<io_thread> thread);
  void close_acceptor();
  template <class F>
  void on_each_thread(F f);
};

server::server(server_config config, ports::backend& backend) : impl_(std::make_unique<impl>()) {
  impl_->shared = std::make_shared<core>(std::move(config), backend);
}

server::~server() {
  stop();
}

result<uint16_t> server::start() {
  if (auto valid = impl_->shared->config.validate(); !valid)
    return std::move(valid).error();
  // Where uploads can't be written there are none of an earlier process, either.
  if (auto uploads = impl_->shared->app.backend.uploads_folder())
    TROUPE_TRY(prepare_uploads_folder(*uploads));
  for (uint32_t i = 0; i < impl_->shared->config.threads; ++i)
    impl_->threads.push_back(std::make_shared<io_thread>(*impl_->shared));
  auto port = impl_->listen();
  if (!port)
    return port;
  for (auto& thread : impl_->threads)
    thread->start();
  asio::co_spawn(impl_->threads[0]->context(), impl_->accept_loop(), asio::detached);
  return port;
}

result<uint16_t> server::impl::listen() {
  return listen_on(acceptor, threads[0]->context(), shared->config.address, shared->config.port);
}

asio::awaitable<void> server::impl::accept_loop() {
  for (;;) {
    auto thread = threads[next++ % threads.size()];
    auto [ec, socket] = co_await acceptor->async_accept(thread->context(), no_throw);
    if (ec == asio::error::operation_aborted || !acceptor->is_open())
      co_return;
    if (ec) {
      // Out of descriptors, or the peer is gone already: try again in a moment.
      asio::steady_timer pause{threads[0]->context(), milliseconds{50}};
      co_await pause.async_wait(no_throw);
      continue;
    }
    take(std::move(socket), std::move(thread));
  }
}

void server::impl::take(tcp::socket socket, std::shared_ptr<io_thread> thread) {
  if (shared->open_connections() >= shared->config.max_connections) {
    shared->stats.refused_connections.fetch_add(1);
    constexpr std::string_view busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
                                      "Connection: close\r\n\r\n";
    ::send(socket.native_handle(), busy.data(), busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.native_non_blocking(true, ignored);
  shared->connection_opened();
  asio::post(thread->context(), [s = shared, thread, socket = std::move(socket)]() mutable {
    connection::start(std::move(s), std::move(thread), std::move(socket));
  });
}

template <class F>
void server::impl::on_each_thread(F f) {
  // The context is the thread's own: what is never run there must not keep the thread, and it can't outlive it.
  for (auto& thread : threads)
    asio::post(thread->context(), [here = thread.get(), f] { f(*here); });
}

void server::impl::close_acceptor() {
  if (threads.empty() || !acceptor)
    return;
  asio::post(threads[0]->context(), [this] {
    boost::system::error_code ignored;
    acceptor->close(ignored);
  });
}

bool server::drain(milliseconds grace) {
  auto& shared = *impl_->shared;
  auto until = steady::now() + grace;
  shared.draining = true;
  impl_->close_acceptor();
  // Again and again: what was accepted or answered a moment ago becomes idle now.
  while (steady::now() < until) {
    impl_->on_each_thread([](io_thread& thread) { thread.drain_all(); });
    if (shared.wait_for_none(std::min(until, steady::now() + milliseconds{50})))
      return true;
  }
  return shared.open_connections() == 0;
}

void server::stop() {
  if (std::exchange(impl_->stopped, true))
    return;
  auto& shared = *impl_->shared;
  shared.draining = true;
  impl_->close_acceptor();
  auto until = steady::now() + stop_grace;
  while (steady::now() < until && !impl_->threads.empty()) {
    impl_->on_each_thread([](io_thread& thread) { thread.abort_all(); });
    if (shared.wait_for_none(std::min(until, steady::now() + milliseconds{50})))
      break;
  }
  // The file threads first: their tasks point into coroutines of the I/O threads.
  shared.pool.stop();
  for (auto& thread : impl_->threads)
    thread->stop();
}

} // namespace troupe::net
