#pragma once

#include "actors/media/attempt.hpp"
#include "actors/media/payloads.hpp"

#include <set>

namespace troupe::work {

/// What a cleanup may not touch, as of the moment it asks.
struct files_in_use {
  /// Of all rows (thumbnails, renditions, videos of the downloads library), relative to the data folder.
  std::set<std::string> referenced;
  /// Leases that are held, and outcomes that are not committed yet.
  std::set<lease_token> leases;
  /// Downloads and transcodes that are not terminal: what they have so far (a part, pieces) stays.
  std::set<job_id> open_jobs;
};

struct cleanup_rules {
  /// Blocks. Asked after the folders were listed, so that whatever was published before the listing is known.
  std::function<result<files_in_use>()> in_use;
  /// A job as the store has it; errc::not_found when it has none. Blocks. What an ingest job is to read has no row yet:
  /// an upload stays as long as the job of its id is known, for a retry, too; a download as long as the job is known
  /// that completed with this attempt.
  std::function<result<job>(job_id)> find_job;
  /// Younger files stay, whatever is known of them.
  milliseconds grace{3'600'000};
  const clock* time = nullptr;
};

/// Removes files that carry a name of our own making, that no row names, no lease holds, and that are older than the
/// grace: below artwork/, renditions/, downloads/, uploads/, pieces/ and tmp/. Anything else is left alone.
/// errc::cancelled when `stopped` says so. Blocks.
result<cleanup_result> sweep(ports::files& disk, const std::string& data_folder, const cleanup_rules& rules,
                             const std::function<bool()>& stopped);

/// A sweep as a job. The result is a cleanup_result (payloads.hpp).
result<std::string> clean_up(attempt& a, const workshop& shop, const cleanup_rules& rules);

/// The job and attempt that a name of ours begins with ("<job>-<attempt>" and then nothing, '-' or '.').
struct name_owner {
  job_id job;
  uint32_t attempt = 0;
};
std::optional<name_owner> owner_of(std::string_view name);

} // namespace troupe::work
