#pragma once

#include "protocol/model/job.hpp"

#include <unordered_map>

namespace troupe::dispatch {

/// Submission ids of all jobs that the database knows, as 128-bit hashes (XXH3 with a secret seed, so that nobody can
/// make two of them meet): archived jobs stay known for 48 bytes each.
class submissions {
public:
  struct known {
    job_id job;
    /// How it ended, for jobs that are archived; completed when that is not known any more.
    job_state archived_as = job_state::completed;
  };

  explicit submissions(uint64_t seed) : seed_(seed) {
  }

  /// Empty ids are ignored.
  void add(std::string_view submission_id, job_id job);
  void archived(std::string_view submission_id, job_state state);
  void remove(std::string_view submission_id);
  const known* find(std::string_view submission_id) const;

private:
  raw_id hash(std::string_view text) const noexcept;

  uint64_t seed_;
  std::unordered_map<raw_id, known> known_;
};

} // namespace troupe::dispatch
