#pragma once

#include "protocol/model/unfinished_handshakes.hpp"

#include <openssl/ssl.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace troupe::node {

/// Breaks off the TLS handshakes of a context that take too long or are too many: CAF has no limit for either. Thread
/// safe.
class handshake_watch {
public:
  /// CAF's connections outlive whoever made the context: so does this.
  static handshake_watch& of_process();

  /// Called with where a caller comes from and why TLS has turned it away, on the thread that serves the connection: it
  /// may not block.
  using refusal = std::function<void(const std::string& from, const std::string& why)>;

  /// From now on it hears of all handshakes of this context.
  void watch(SSL_CTX& context);
  void tell_refusals(refusal told);
  /// Whether a handshake is under way on this socket that can't go on before its peer says something. On the thread
  /// that serves the connection.
  bool waits_for_peer(int fd) const;

private:
  handshake_watch();
  static void on_progress(const SSL* connection, int where, int what);
  void on_alert(const SSL& connection, bool ours, int alert);
  static void on_freed(void*, void* fd, CRYPTO_EX_DATA*, int, long, void*);
  void began(SSL& connection);
  void ended(int fd);
  void break_off_overdue();

  /// Where a connection keeps its socket's number and one: it is told when the connection is freed, before the socket
  /// is closed.
  int place_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  unfinished_handshakes open_;
  struct handshake {
    SSL* connection = nullptr;
    /// Who calls, for people, as of the beginning: later the caller may have gone.
    std::string from;
  };
  std::map<int, handshake> connections_;
  refusal told_;
};

} // namespace troupe::node
