#pragma once

// What the gateway makes of answers: shared JSON bodies, snapshots, and the jobs behind requests. Actor-free.

#include "protocol/ports/backend.hpp"

namespace troupe::gateway {

/// {"videos":[…],"page","limit","total","totalPages","cached","lastUpdated"} (contract.md).
ports::rendered_ptr render_videos(const video_page& page, const video_query& query);
/// {"categories":[{"name","count"}],"cached","lastUpdated"}.
ports::rendered_ptr render_categories(const std::vector<category_count>& categories);

/// One text for a cache outside of the process, and back; nullptr for a text that is none.
std::string to_text(const ports::rendered& x);
ports::rendered_ptr rendered_from_text(std::string_view text);

/// A node's report while its coordinator is away, for that reason.
std::shared_ptr<const health_report> with_coordinator_away(const health_report& last, const std::string& why);

/// The id in "job:<id>".
std::optional<job_id> job_of_topic(std::string_view topic);
/// Type "snapshot": {"nodes":[…]} as they are now.
event snapshot_event(const std::vector<node_details>& nodes, const event_position& position);
/// Type "snapshot": the job's status as it is now, at a position in its topic.
event snapshot_event(const job& x, const std::vector<job_id>& children, const event_position& position);
/// Type "snapshot" of a topic that has no state of its own: the client fetches what it shows anew.
event gap_event(const std::string& topic, const event_position& position);

} // namespace troupe::gateway
