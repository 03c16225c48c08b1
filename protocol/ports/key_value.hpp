#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <functional>
#include <optional>

namespace troupe::ports {

struct key_value_stats {
  bool connected = false;
  uint64_t reconnects = 0;
};

/// A cache outside of the process (Redis). Never the truth: every error is a miss. Calls are answered within the
/// configured timeout, at once with errc::unavailable while the connection is down (it reconnects by itself with
/// backoff). Completions run on the client's own thread and may only post a message. Any thread may call.
class key_value {
public:
  virtual ~key_value() = default;
  virtual void get(std::string key, std::function<void(result<std::optional<std::string>>)> done) = 0;
  virtual void set(std::string key, std::string value, milliseconds ttl, std::function<void(result<void>)> done) = 0;
  virtual void erase(std::string key, std::function<void(result<void>)> done) = 0;
  virtual void publish(std::string channel, std::string message) = 0;
  /// Round trip time.
  virtual void ping(std::function<void(result<milliseconds>)> done) = 0;
  virtual key_value_stats stats() const = 0;
};

} // namespace troupe::ports
