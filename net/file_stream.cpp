#include "net/file_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <openssl/err.h>
#include <openssl/x509.h>

#include <poll.h>
#include <sys/socket.h>

#include <optional>
#include <vector>

namespace troupe::net {

namespace ssl = boost::asio::ssl;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

struct x509_free {
  void operator()(X509* x) const noexcept {
    X509_free(x);
  }
};

std::string common_name(SSL* connection) {
  std::unique_ptr<X509, x509_free> shown{SSL_get1_peer_certificate(connection)};
  if (!shown)
    return {};
  auto* subject = X509_get_subject_name(shown.get());
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  auto* value = at < 0 ? nullptr : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  unsigned char* utf8 = nullptr;
  const int size = value ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
  std::string out = size > 0 ? std::string(reinterpret_cast<char*>(utf8), static_cast<size_t>(size)) : std::string{};
  OPENSSL_free(utf8);
  return out;
}

} // namespace

struct tls_settings::impl {
  ssl::context context{ssl::context::tls_server};
};

tls_settings::tls_settings(std::unique_ptr<impl> x) : impl_(std::move(x)) {
}

tls_settings::~tls_settings() = default;

result<std::shared_ptr<tls_settings>> tls_settings::make(const peer_papers& papers) {
  auto made = std::make_unique<impl>();
  auto& x = made->context;
  boost::system::error_code ec;
  auto failed = [&ec](const char* what) {
    ERR_clear_error();
    return error{errc::validation, std::string{what} + " of the file server can't be used: " + ec.message()};
  };
  auto* native = x.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  // Without sessions that are taken up again each connection shows its certificate.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  x.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, ec);
  x.use_certificate(asio::buffer(papers.certificate), ssl::context::pem, ec);
  if (ec)
    return failed("the certificate");
  x.use_private_key(asio::buffer(papers.key), ssl::context::pem, ec);
  if (ec)
    return failed("the key");
  if (SSL_CTX_check_private_key(native) != 1) {
    ec = asio::error::invalid_argument;
    return failed("the key");
  }
  x.add_certificate_authority(asio::buffer(papers.authority), ec);
  if (ec)
    return failed("the authority's certificate");
  return std::shared_ptr<tls_settings>{new tls_settings{std::move(made)}};
}

struct file_stream::impl {
  impl(tcp::socket s, std::shared_ptr<tls_settings> t) : socket(std::move(s)), settings(std::move(t)) {
    if (settings)
      tls.emplace(socket, settings->impl_->context);
  }

  tcp::socket socket;
  std::shared_ptr<tls_settings> settings;
  std::optional<ssl::stream<tcp::socket&>> tls;
  std::string peer;
};

file_stream::file_stream(tcp::socket socket, std::shared_ptr<tls_settings> tls) :
  impl_(std::make_unique<impl>(std::move(socket), std::move(tls))) {
}

file_stream::~file_stream() = default;

const std::string& file_stream::peer() const noexcept {
  return impl_->peer;
}

asio::awaitable<bool> file_stream::handshake() {
  if (!impl_->tls)
    co_return true;
  auto [ec] = co_await impl_->tls->async_handshake(ssl::stream_base::server, no_throw);
  if (ec)
    co_return false;
  impl_->peer = common_name(impl_->tls->native_handle());
  // One without a name is nobody.
  co_return !impl_->peer.empty();
}

asio::awaitable<size_t> file_stream::read_some(std::span<char> to) {
  auto room = asio::buffer(to.data(), to.size());
  if (impl_->tls) {
    auto [ec, n] = co_await impl_->tls->async_read_some(room, no_throw);
    co_return ec ? 0 : n;
  }
  auto [ec, n] = co_await impl_->socket.async_read_some(room, no_throw);
  co_return ec ? 0 : n;
}

asio::awaitable<bool> file_stream::write(std::string_view bytes) {
  auto all = asio::buffer(bytes.data(), bytes.size());
  if (impl_->tls) {
    auto [ec, n] = co_await asio::async_write(*impl_->tls, all, no_throw);
    co_return !ec && n == bytes.size();
  }
  auto [ec, n] = co_await asio::async_write(impl_->socket, all, no_throw);
  co_return !ec && n == bytes.size();
}

asio::awaitable<void> file_stream::linger(size_t most) {
  ::shutdown(impl_->socket.native_handle(), SHUT_WR);
  std::vector<char> dropped(16 * 1024);
  for (size_t total = 0; total < most;) {
    auto room = asio::buffer(dropped.data(), dropped.size());
    auto [ec, n] = co_await impl_->socket.async_read_some(room, no_throw);
    if (ec)
      co_return;
    total += n;
  }
}

bool file_stream::peer_gone() const noexcept {
  pollfd x{impl_->socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&x, 1, 0) > 0 && (x.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void file_stream::abort() noexcept {
  // A socket may be shut down while it is read from; the coroutine finds out.
  if (impl_->socket.is_open())
    ::shutdown(impl_->socket.native_handle(), SHUT_RDWR);
}

} // namespace troupe::net
