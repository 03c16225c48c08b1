#pragma once

#include "protocol/model/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Something that clients are told. Topics: contract.md, "Live events". The transports only wrap it differently.
struct event {
  /// "job:<id>", "jobs", "library:<category>", "status", "nodes", …
  std::string topic;
  /// "job_progress", "job_completed", "library_update", …
  std::string type;
  /// Changes when the notifier starts anew.
  uint64_t epoch = 0;
  /// Counts up in each topic, without gaps but for coalesced progress.
  uint64_t seq = 0;
  timestamp at;
  /// A JSON object with the type's own fields.
  std::string data = "{}";
  /// Of several unsent events with the same topic and type only the newest matters (progress).
  bool coalesce = false;
  /// The topic's last event (a job has ended).
  bool last = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event& x) {
  return f(x.topic, x.type, x.epoch, x.seq, x.at, x.data, x.coalesce, x.last);
}

/// Not for clients: gateways of other nodes follow it, to forget what they keep of the catalogue.
inline constexpr std::string_view catalogue_topic = "catalogue";

/// Changes of nodes: "node_update", with the node as it is then.
inline constexpr std::string_view nodes_topic = "nodes";

/// Where a client left off in a topic; epoch 0: from now on.
struct event_position {
  std::string topic;
  uint64_t epoch = 0;
  uint64_t seq = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event_position& x) {
  return f(x.topic, x.epoch, x.seq);
}

/// The one JSON text of an event that WebSocket, SSE and Redis share: {"type","topic","epoch","seq","timestamp",
/// …data}.
std::string to_json(const event& x);

} // namespace troupe
