#include "nodes/link/tls_check.hpp"

#include "identity/handshake.hpp"
#include "identity/openssl_handles.hpp"
#include "nodes/link/reachable.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

namespace troupe::node {

namespace {

using time_point = std::chrono::steady_clock::time_point;

using identity::memory_bio;
using identity::x509;
using tls_context = identity::handle<SSL_CTX, SSL_CTX_free>;
using tls_session = identity::handle<SSL, SSL_free>;

enum class outcome { done, silent, failed };

/// Repeats what a socket that does not block leaves undone.
outcome drive(SSL& tls, time_point end, const std::function<int(SSL*)>& step) {
  for (;;) {
    ERR_clear_error();
    const int code = step(&tls);
    if (code > 0)
      return outcome::done;
    const int why = SSL_get_error(&tls, code);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
      return outcome::failed;
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd waiting{SSL_get_fd(&tls), static_cast<short>(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0)
      return outcome::silent;
  }
}

std::string reason_of(outcome x) {
  if (x == outcome::silent)
    return "it stays silent";
  if (auto* text = ERR_reason_error_string(ERR_peek_last_error()))
    return text;
  return "it closes the connection";
}

std::string peer_certificate(SSL& tls) {
  x509 peer{SSL_get1_peer_certificate(&tls)};
  memory_bio bio{BIO_new(BIO_s_mem())};
  if (!peer || !bio || PEM_write_bio_X509(bio.get(), peer.get()) != 1)
    return {};
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(std::max(size, 0L))};
}

tls_context make_context(const identity::node_papers& own) {
  tls_context out{SSL_CTX_new(TLS_client_method())};
  if (!out || SSL_CTX_use_certificate_file(out.get(), (own.folder + "/node.pem").c_str(), SSL_FILETYPE_PEM) != 1
      || SSL_CTX_use_PrivateKey_file(out.get(), (own.folder + "/node.key").c_str(), SSL_FILETYPE_PEM) != 1)
    return {};
  // What it shows is judged afterwards, with words.
  SSL_CTX_set_verify(out.get(), SSL_VERIFY_NONE, nullptr);
  return out;
}

class inspection {
public:
  inspection(const std::string& host, uint16_t port, const identity::node_papers& own, timestamp now,
             milliseconds limit) :
    host_(host),
    port_(port), own_(own), now_(now), limit_(limit) {
  }

  std::vector<tls_finding> run() {
    if (connects() && speaks_tls() && is_ours() && is_called_right())
      lets_us_in();
    return std::move(found_);
  }

private:
  bool note(const char* what, bool good, std::string said) {
    found_.push_back({what, good, std::move(said)});
    return good;
  }
  time_point end() const {
    return std::chrono::steady_clock::now() + limit_;
  }

  bool connects() {
    auto fd = connect_within(host_, port_, limit_);
    if (!fd)
      return note("connection", false, fd.error().message + "; is trouped running there, and no firewall between?");
    fd_ = std::move(*fd);
    return note("connection", true, host_ + ":" + std::to_string(port_) + " answers");
  }

  bool speaks_tls() {
    context_ = make_context(own_);
    tls_.reset(context_ ? SSL_new(context_.get()) : nullptr);
    if (!tls_ || SSL_set_fd(tls_.get(), fd_.get()) != 1)
      return note("TLS", false, own_.folder + ": the certificate can't be used");
    if (auto came = drive(*tls_, end(), SSL_connect); came != outcome::done)
      return note("TLS", false,
                  "no handshake: " + reason_of(came)
                    + "; it is no port of a trouped with certificates (mesh.identity there; mesh.port, files.port)");
    return note("TLS", true, SSL_get_version(tls_.get()));
  }

  bool is_ours() {
    auto facts = identity::check_certificate(peer_certificate(*tls_), own_.authority, now_);
    if (!facts)
      return note("its certificate", false, facts.error().message);
    peer_ = std::move(*facts);
    std::string roles;
    for (auto& role : peer_.roles)
      roles += (roles.empty() ? "" : ", ") + role;
    return note("its certificate", true,
                peer_.name + " (" + roles + "), until " + to_iso8601(peer_.not_after).substr(0, 10));
  }

  bool is_called_right() {
    auto checked = identity::check_host(peer_, host_);
    return note("its name", checked.has_value(), checked ? "is for " + host_ : checked.error().message);
  }

  /// In TLS 1.3 the other side judges our certificate after the handshake; who is let in is greeted at a mesh port, and
  /// has to speak first at one of files.
  void lets_us_in() {
    char first = 0;
    auto came =
      drive(*tls_, std::chrono::steady_clock::now() + limit_ / 2, [&](SSL* x) { return SSL_read(x, &first, 1); });
    const bool waits = came == outcome::silent;
    if (waits)
      came = asks_for_nothing();
    if (came == outcome::silent)
      note("our certificate", false,
           "the handshake is done, but nobody answers " + own_.facts.name
             + "; is this its mesh port (mesh.port), or the one of its files (files.port)?");
    else
      note("our certificate", came == outcome::done,
           came == outcome::done
             ? own_.facts.name + " is accepted" + (waits ? " at the port of its files" : "")
             : own_.facts.name + " is refused: " + reason_of(came)
                 + "; is ca.pem on both machines of the same authority, and are both clocks right?");
  }

  /// A file server answers a request without a ticket, too: done, when it has.
  outcome asks_for_nothing() {
    const auto request = "GET /files/ HTTP/1.1\r\nHost: " + host_ + "\r\nConnection: close\r\n\r\n";
    const auto until = end();
    auto came =
      drive(*tls_, until, [&](SSL* x) { return SSL_write(x, request.data(), static_cast<int>(request.size())); });
    std::array<char, 5> head{};
    for (size_t have = 0; came == outcome::done && have < head.size();)
      came = drive(*tls_, until, [&](SSL* x) {
        const int n = SSL_read(x, head.data() + have, static_cast<int>(head.size() - have));
        have += n > 0 ? static_cast<size_t>(n) : 0;
        return n;
      });
    return came == outcome::done && std::string_view{head.data(), head.size()} != "HTTP/" ? outcome::silent : came;
  }

  const std::string& host_;
  uint16_t port_;
  const identity::node_papers& own_;
  timestamp now_;
  milliseconds limit_;
  std::vector<tls_finding> found_;
  unique_fd fd_;
  tls_context context_;
  tls_session tls_;
  identity::certificate_facts peer_;
};

} // namespace

std::vector<tls_finding> check_tls(const std::string& host, uint16_t port, const identity::node_papers& own,
                                   timestamp now, milliseconds limit) {
  return inspection(host, port, own, now, limit).run();
}

} // namespace troupe::node
