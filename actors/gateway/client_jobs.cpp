#include "actors/gateway/client_jobs.hpp"

#include "protocol/model/job_kinds.hpp"

#include <algorithm>
#include <array>

namespace troupe::gateway {

namespace {

constexpr std::array<std::string_view, 6> client_kinds{"transcode", "hls",  "storyboard",
                                                       "download",  "noop", "scheduled_cleanup"};
/// Of unique keys and submission ids: scans, ingests and schedules would be blocked by a stranger's job.
constexpr std::array<std::string_view, 5> own_prefixes{"scan:", "ingest:", "storyboard:", "hls:", "schedule/"};

bool is_own(std::string_view key) noexcept {
  return std::any_of(own_prefixes.begin(), own_prefixes.end(), [&](auto p) { return key.starts_with(p); });
}

} // namespace

result<void> check_client_job(const job_spec& spec) {
  bool allowed = std::find(client_kinds.begin(), client_kinds.end(), spec.kind) != client_kinds.end();
  if (!allowed && find_job_kind(spec.kind))
    return {errc::forbidden, "jobs of kind " + spec.kind
                               + " are made by Troupe itself: upload a file or scan a library; kinds for clients are "
                                 "transcode, hls, storyboard, download, noop, scheduled_cleanup"};
  error bad{errc::validation, "the job can't be made: its key is one of Troupe's own; choose another beginning"};
  if (is_own(spec.unique_key))
    bad.fields.emplace_back("uniqueKey", "must not begin with scan:, ingest:, storyboard:, hls: or schedule/");
  if (is_own(spec.submission_id))
    bad.fields.emplace_back("Idempotency-Key", "must not begin with scan:, ingest:, storyboard:, hls: or schedule/");
  if (!bad.fields.empty())
    return bad;
  return {};
}

} // namespace troupe::gateway
