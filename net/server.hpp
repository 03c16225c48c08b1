#pragma once

#include "net/server_config.hpp"

#include "protocol/ports/backend.hpp"

#include <memory>

namespace troupe::net {

/// The gateway's HTTP, WebSocket and SSE server. Owns its threads. Methods are called by one thread, in order: start,
/// drain, stop.
class server {
public:
  /// `backend` must outlive the server, and its completions may come after stop().
  server(server_config config, ports::backend& backend);
  ~server();

  /// Listens and serves; the port. errc::validation for a bad configuration, errc::conflict when the address is in
  /// use, errc::io otherwise.
  result<uint16_t> start();
  /// Takes no new connections, closes idle ones, ends WebSockets with 1001, lets requests finish for at most `grace`;
  /// /readyz says 503. Blocks. True: everything has ended by itself.
  bool drain(milliseconds grace);
  /// Ends everything now. Also done by the destructor.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::net
