#pragma once

// Whether a specification may become a job: bounds of its fields and defaults of its kind. No state.

#include "protocol/model/job.hpp"

namespace troupe::dispatch {

/// Fills empty fields from the kind. What is wrong is added to `problems` as (field, reason), each name with `prefix`.
void complete_spec(job_spec& spec, const std::string& prefix,
                   std::vector<std::pair<std::string, std::string>>& problems);

} // namespace troupe::dispatch
