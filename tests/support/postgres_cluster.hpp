#pragma once

#include <sys/types.h>

#include <string>

namespace troupe::test {

/// A PostgreSQL server of the test's own: made in a temporary folder, reached by a unix socket in it, gone with the
/// object (and with the process, however that ends). Runs as the user `postgres` when we are root. Not synced:
/// what its processes lose when killed is tested, a power cut of the machine is not. Every failure throws
/// std::runtime_error: a suite that needs the server fails without it.
class postgres_cluster {
public:
  postgres_cluster();
  ~postgres_cluster();
  postgres_cluster(const postgres_cluster&) = delete;
  postgres_cluster& operator=(const postgres_cluster&) = delete;

  /// For libpq; user and database "troupe".
  std::string dsn() const;
  void start();
  /// At once, connections are cut (SIGQUIT).
  void stop();

  /// The server that TROUPE_TEST_POSTGRES names, else one for the whole process.
  static std::string shared_dsn();

private:
  std::string folder_;
  pid_t server_ = -1;
};

} // namespace troupe::test
