#include "nodes/link/handshake_watch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

namespace troupe::node {

namespace {

/// A worker's over a slow and lossy line takes a second or two.
constexpr std::chrono::seconds patience{10};

/// An eighth of the descriptors, and not so many that their buffers would be felt.
size_t most_handshakes() {
  rlimit x{};
  const rlim_t all = ::getrlimit(RLIMIT_NOFILE, &x) == 0 ? x.rlim_cur : 1024;
  return static_cast<size_t>(std::clamp<rlim_t>(all / 8, 8, 256));
}

/// The network that somebody calls from: one machine may have all addresses that begin with the same 64 bits.
std::string caller(int fd) {
  sockaddr_storage x{};
  socklen_t size = sizeof x;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&x), &size) != 0)
    return "gone";
  if (x.ss_family == AF_INET6)
    return {reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6&>(x).sin6_addr), 8};
  return {reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in&>(x).sin_addr), 4};
}

/// For people.
std::string address_of(int fd) {
  sockaddr_storage x{};
  socklen_t size = sizeof x;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&x), &size) != 0)
    return "somewhere";
  char text[INET6_ADDRSTRLEN] = "somewhere";
  if (x.ss_family != AF_INET6) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(x).sin_addr, text, sizeof text);
    return text;
  }
  auto address = reinterpret_cast<const sockaddr_in6&>(x).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    ::inet_ntop(AF_INET, address.s6_addr + 12, text, sizeof text);
    return text;
  }
  // As callers are told apart.
  std::fill(address.s6_addr + 8, address.s6_addr + 16, uint8_t{0});
  ::inet_ntop(AF_INET6, &address, text, sizeof text);
  return std::string{text} + "/64";
}

/// Of a fatal alert (RFC 8446, 6.2) that this side has sent, or the caller. Empty: it says nothing of who may come in,
/// as when somebody only looks whether the port is there.
std::string meaning_of(bool ours, int alert) {
  switch (alert) {
  case SSL_AD_CERTIFICATE_REQUIRED:
    return ours ? "it has no certificate" : "";
  case SSL_AD_PROTOCOL_VERSION:
    return ours ? "it does not speak TLS 1.3" : "";
  case SSL_AD_UNKNOWN_CA:
    return ours ? "its certificate is of another authority" : "it has another authority than this node";
  case SSL_AD_CERTIFICATE_EXPIRED:
    return ours ? "its certificate has expired" : "this node's certificate has expired by its clock";
  case SSL_AD_BAD_CERTIFICATE:
    return std::string{ours ? "its" : "this node's"} + " certificate is damaged, or not valid yet";
  case SSL_AD_CERTIFICATE_UNKNOWN:
  case SSL_AD_CERTIFICATE_REVOKED:
  case SSL_AD_UNSUPPORTED_CERTIFICATE:
    return std::string{ours ? "its" : "it does not take this node's"} + " certificate"
           + (ours ? " is not taken (" : " (") + SSL_alert_desc_string_long(alert) + ")";
  default:
    return {};
  }
}

/// The serving thread finds the end of the connection when it looks next.
void break_off(int fd) {
  ::shutdown(fd, SHUT_RDWR);
}

} // namespace

handshake_watch& handshake_watch::of_process() {
  static auto* const out = new handshake_watch;
  return *out;
}

handshake_watch::handshake_watch() : open_(patience) {
  place_ = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &handshake_watch::on_freed);
  // Signals are for the thread that waits for them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread{[this] { break_off_overdue(); }}.detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void handshake_watch::watch(SSL_CTX& context) {
  SSL_CTX_set_info_callback(&context, &handshake_watch::on_progress);
}

bool handshake_watch::waits_for_peer(int fd) const {
  std::lock_guard guard{mutex_};
  const auto found = connections_.find(fd);
  return found != connections_.end() && SSL_want_read(found->second.connection);
}

void handshake_watch::tell_refusals(refusal told) {
  std::lock_guard guard{mutex_};
  told_ = std::move(told);
}

void handshake_watch::on_progress(const SSL* connection, int where, int what) {
  if ((where & SSL_CB_ALERT) && (what >> 8) == SSL3_AL_FATAL && SSL_is_server(connection))
    of_process().on_alert(*connection, (where & SSL_CB_WRITE) != 0, what & 0xFF);
  else if (where & SSL_CB_HANDSHAKE_START)
    of_process().began(*const_cast<SSL*>(connection));
  else if (where & SSL_CB_HANDSHAKE_DONE)
    of_process().ended(SSL_get_fd(connection));
}

void handshake_watch::on_alert(const SSL& connection, bool ours, int alert) {
  const auto why = meaning_of(ours, alert);
  if (why.empty())
    return;
  refusal told;
  std::string from;
  {
    std::lock_guard guard{mutex_};
    auto whose = connections_.find(SSL_get_fd(&connection));
    if (whose == connections_.end())
      return;
    told = told_;
    from = whose->second.from;
  }
  if (told)
    told(from, why);
}

void handshake_watch::on_freed(void*, void* fd, CRYPTO_EX_DATA*, int, long, void*) {
  if (fd)
    of_process().ended(static_cast<int>(reinterpret_cast<intptr_t>(fd)) - 1);
}

void handshake_watch::began(SSL& connection) {
  const int fd = SSL_get_fd(&connection);
  // Without a note of its end it would be broken off under another's number.
  if (fd < 0 || SSL_set_ex_data(&connection, place_, reinterpret_cast<void*>(intptr_t{fd} + 1)) != 1)
    return;
  std::lock_guard guard{mutex_};
  connections_[fd] = {&connection, SSL_is_server(&connection) ? address_of(fd) : std::string{}};
  auto address = SSL_is_server(&connection) ? caller(fd) : std::string{};
  if (auto gone = open_.began(fd, std::move(address), most_handshakes(), std::chrono::steady_clock::now()))
    break_off(*gone);
  changed_.notify_one();
}

void handshake_watch::ended(int fd) {
  std::lock_guard guard{mutex_};
  connections_.erase(fd);
  open_.ended(fd);
}

void handshake_watch::break_off_overdue() {
  std::unique_lock guard{mutex_};
  for (;;) {
    for (int fd : open_.take_overdue(std::chrono::steady_clock::now()))
      break_off(fd);
    if (auto next = open_.next_overdue())
      changed_.wait_until(guard, *next);
    else
      changed_.wait(guard);
  }
}

} // namespace troupe::node
