#pragma once

// What a coordinator makes of the media work that people ask for, before the job is kept. Actor-free.

#include "protocol/model/job.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"

namespace troupe::work {

/// As the coordinator's configuration says.
struct media_policy {
  /// All that can be named: the built-in ones, with what the configuration adds and replaces.
  std::vector<media_profile> profiles = builtin_profiles();
};

/// dispatcher_config::admit: checks the payload of a media job and writes it whole, so that the worker needs no
/// configuration of ours and a later change of it does not change the job. errc::validation with "payload.…" fields.
/// Other kinds pass as they are.
result<void> admit_media_job(const media_policy& policy, job_spec& spec);

} // namespace troupe::work
