#pragma once

#include "actors/media/attempt.hpp"

#include <set>

namespace troupe::work {

/// What a cleanup may not touch, as of the moment it asks.
struct files_in_use {
  /// Of all rows (thumbnails, renditions, videos of the downloads library), relative to the data folder.
  std::set<std::string> referenced;
  /// Leases that are held, and outcomes that are not committed yet.
  std::set<lease_token> leases;
  /// Jobs that are not terminal: their partial downloads stay.
  std::set<job_id> open_jobs;
};

struct cleanup_rules {
  /// Blocks. Asked after the folders were listed, so that whatever was published before the listing is known.
  std::function<result<files_in_use>()> in_use;
  /// Younger files stay, whatever is known of them.
  milliseconds grace{3'600'000};
  const clock* time = nullptr;
};

/// Removes files that carry a name of our own making, that no row names, no lease holds, and that are older than the
/// grace: below artwork/, renditions/, downloads/ and tmp/. Anything else is left alone. The result is a cleanup_result
/// (payloads.hpp).
result<std::string> clean_up(attempt& a, const workshop& shop, const cleanup_rules& rules);

/// The job and attempt that a name of ours begins with ("<job>-<attempt>" and then nothing, '-' or '.').
struct name_owner {
  job_id job;
  uint32_t attempt = 0;
};
std::optional<name_owner> owner_of(std::string_view name);

} // namespace troupe::work
