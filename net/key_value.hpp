#pragma once

#include "net/redis_url.hpp"
#include "protocol/ports/key_value.hpp"

#include <memory>

namespace troupe::net {

struct redis_options {
  redis_address address;
  /// To a connection that answers, with authentication.
  milliseconds connect_timeout{2'000};
  /// From the call to its answer. One that is late makes the connection count as broken.
  milliseconds command_timeout{1'000};
  /// Between attempts to connect: doubles from the first to the last, each with a random half taken off.
  milliseconds first_backoff{100};
  milliseconds last_backoff{5'000};
  /// Calls and bytes that wait for an answer; more are refused with errc::unavailable.
  size_t max_calls = 4'096;
  size_t max_bytes = 16 * 1024 * 1024;
};

/// ports::key_value on Redis: one thread of its own, one connection, pipelined. It connects by itself from now on. A
/// command that was under way when the connection broke fails and is never sent again. Neither the password nor a value
/// is in any error. Callbacks must not throw. Destroying it fails what waits; never from one of its callbacks.
std::unique_ptr<ports::key_value> make_redis(redis_options options);

} // namespace troupe::net
