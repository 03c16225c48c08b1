#include "actors/media/media_jobs.hpp"

#include "actors/media/payloads.hpp"
#include "protocol/model/profile_builder.hpp"

namespace troupe::work {

namespace {

error of_payload(error x) {
  for (auto& [field, reason] : x.fields)
    field.insert(0, "payload.");
  if (x.fields.empty())
    x.fields.emplace_back("payload", x.message);
  return x;
}

/// Writes the payload anew with its whole profile.
template <class Payload>
result<void> keep(const media_policy& policy, job_spec& spec, result<Payload> asked) {
  if (!asked)
    return of_payload(std::move(asked).error());
  if (auto problem = name_problem(asked->profile, policy.profiles)) {
    error refused{errc::validation, "the profile's name " + problem->reason};
    refused.fields.emplace_back("payload.profile.name", problem->reason);
    return refused;
  }
  spec.payload = encode(*asked);
  return {};
}

} // namespace

result<void> admit_media_job(const media_policy& policy, job_spec& spec) {
  if (spec.kind == "transcode")
    return keep(policy, spec, decode_transcode_payload(spec.payload, policy.profiles));
  return {};
}

} // namespace troupe::work
