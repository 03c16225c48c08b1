#include "actors/dispatch/submissions.hpp"

#include <xxhash.h>

namespace troupe::dispatch {

void submissions::add(std::string_view submission_id, job_id job) {
  if (!submission_id.empty())
    known_[hash(submission_id)] = {job, job_state::completed};
}

void submissions::archived(std::string_view submission_id, job_state state) {
  if (submission_id.empty())
    return;
  if (auto i = known_.find(hash(submission_id)); i != known_.end())
    i->second.archived_as = state;
}

void submissions::remove(std::string_view submission_id) {
  if (!submission_id.empty())
    known_.erase(hash(submission_id));
}

const submissions::known* submissions::find(std::string_view submission_id) const {
  if (submission_id.empty())
    return nullptr;
  auto i = known_.find(hash(submission_id));
  return i == known_.end() ? nullptr : &i->second;
}

raw_id submissions::hash(std::string_view text) const noexcept {
  auto h = XXH3_128bits_withSeed(text.data(), text.size(), seed_);
  return {h.high64, h.low64};
}

} // namespace troupe::dispatch
