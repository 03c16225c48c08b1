#pragma once

// Live events from the backend to the sockets of every I/O thread. An event is rendered once, whatever the number of
// its readers.

#include "protocol/model/event.hpp"
#include "protocol/ports/backend.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace troupe::net {

class live_shard;
class metrics;

/// An event with its bytes for each transport; shared and, seen from outside, immutable.
struct rendered_event {
  std::string topic;
  std::string type;
  uint64_t epoch = 0;
  uint64_t seq = 0;
  bool coalesce = false;
  bool last = false;
  /// A whole unmasked WebSocket text frame: the JSON is its end.
  std::string frame;
  size_t json_size = 0;
  /// "id: …\nevent: …\ndata: …\n\n"; made for the first who asks, on whatever thread: most events go to WebSockets
  /// only.
  const std::string& sse() const;

private:
  mutable std::once_flag sse_made_;
  mutable std::string sse_;
};
using event_ptr = std::shared_ptr<const rendered_event>;

event_ptr render(const event& x);

/// Topics that clients may name (contract.md, "Live events").
bool valid_topic(std::string_view topic) noexcept;
/// "epoch-seq" → position; empty: from now on (epoch 0). nullopt: malformed.
std::optional<event_position> parse_position(std::string topic, std::string_view since);

class live_hub {
public:
  /// Sets the backend's event sink; `backend` must outlive the hub's last use by it.
  live_hub(ports::backend& backend, metrics& stats);
  ~live_hub();

  // Any thread.
  void add(live_shard& shard);
  void remove(live_shard& shard);
  ports::backend& backend() noexcept {
    return backend_;
  }
  metrics& stats() noexcept {
    return stats_;
  }

private:
  /// Outlives the hub for as long as the backend may still call the sink.
  struct shards;
  ports::backend& backend_;
  metrics& stats_;
  std::shared_ptr<shards> shards_;
};

} // namespace troupe::net
