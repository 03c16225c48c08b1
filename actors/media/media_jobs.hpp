#pragma once

// What a coordinator makes of the media work that people ask for, before the job is kept. Actor-free.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"

#include <optional>

namespace troupe::work {

struct storyboard_policy {
  /// Each film gets one after its ingest, as a job of its own.
  bool after_ingest = false;
  /// Of a tile, pixels; and from tile to tile.
  uint32_t width = 320;
  milliseconds interval{10'000};
};

/// As the coordinator's configuration says.
struct media_policy {
  /// All that can be named: the built-in ones, with what the configuration adds and replaces.
  std::vector<media_profile> profiles = builtin_profiles();
  storyboard_policy storyboards{};
};

/// dispatcher_config::admit: checks the payload of a media job and writes it whole, so that the worker needs no
/// configuration of ours and a later change of it does not change the job. errc::validation with "payload.…" fields.
/// Storyboards and ladders get a unique key unless they have one: the same wish twice while it is not done is the same
/// job. A storyboard has all that the one before it, which is not done (`open`), was asked to have and nobody said
/// otherwise of: it takes that one's place. errc::conflict when too many of the same film are not done. Other kinds
/// pass as they are. What encodes needs a worker with the encoders of its profile (encoder_capability).
result<void> admit_media_job(const media_policy& policy, job_spec& spec, const find_open_job& open = {});

/// The video that a transcode, ladder or storyboard is asked of, as it was submitted; nothing for other kinds, and
/// where it can't be read.
std::optional<video_id> video_of(const job_spec& spec);

/// What the catalogue tells of such a job: it is better placed where the video's library is, and there is so much to do
/// (work_sizes.hpp), unless it says so itself.
void place_by(const media_policy& policy, job_spec& spec, const video& item);

/// The storyboard that a film gets after its ingest; nothing where the policy or the film has none.
std::optional<job_spec> storyboard_after_ingest(const media_policy& policy, const video& item);

} // namespace troupe::work
