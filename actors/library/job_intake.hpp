#pragma once

#include "actors/media/media_jobs.hpp"
#include "protocol/mesh/registry.hpp"

#include <deque>
#include <map>
#include <memory>

namespace troupe::catalogue {

struct job_intake_config {
  work::media_policy policy{};
  /// For the look-ups of one submission; what is not known by then goes on as it is.
  milliseconds patience{2'000};
};

struct job_intake_peers {
  mesh::job_client jobs;
  mesh::catalogue_reader catalogue;
};

/// A submission whose videos are looked up.
struct placed_submission {
  mesh::submit_jobs what;
  /// Which of its jobs are of a video that was not looked up yet.
  std::map<video_id, std::vector<size_t>> left;
  mono_time until{};
  caf::typed_response_promise<mesh::submitted> reply;
};

struct job_intake_state {
  job_intake_state() = default;

  job_intake_config config;
  job_intake_peers peers;
  /// In order of arrival.
  std::deque<std::shared_ptr<placed_submission>> held;
};

/// Role: the dispatcher's door for everybody who asks for work, whatever the entrance. A job of a video is told where
/// the video's library is and how much there is to do (work::place_by) before the dispatcher sees it, so that the
/// dispatcher waits for no catalogue. Submissions go on in the order in which they came, each as the one that it is;
/// everything else is passed on at once. What can't be looked up goes on as it is: the job's own attempt says what is
/// wrong. Thread: the scheduler's. Supervisor: the library supervisor, one_for_one; what is held when it fails is
/// answered by the submitters' own limits, and may be submitted again under the same submission id.
mesh::job_client::behavior_type job_intake(mesh::job_client::stateful_pointer<job_intake_state> self,
                                           job_intake_config config, job_intake_peers peers);

} // namespace troupe::catalogue
