#pragma once

#include "protocol/model/unfinished_handshakes.hpp"

#include <openssl/ssl.h>

#include <condition_variable>
#include <map>
#include <mutex>

namespace troupe::node {

/// Breaks off the TLS handshakes of a context that take too long or are too many: CAF has no limit for either. Thread
/// safe.
class handshake_watch {
public:
  /// CAF's connections outlive whoever made the context: so does this.
  static handshake_watch& of_process();

  /// From now on it hears of all handshakes of this context.
  void watch(SSL_CTX& context);
  /// Whether a handshake is under way on this socket that can't go on before its peer says something. On the thread
  /// that serves the connection.
  bool waits_for_peer(int fd) const;

private:
  handshake_watch();
  static void on_progress(const SSL* connection, int where, int);
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
  std::map<int, SSL*> connections_;
};

} // namespace troupe::node
