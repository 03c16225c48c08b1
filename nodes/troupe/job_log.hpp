#pragma once

#include "nodes/troupe/connection.hpp"

#include <optional>

namespace troupe::cli {

/// Nothing when it was removed meanwhile.
std::optional<mesh::job_with_children> find_job(session& s, job_id id);

/// `troupe jobs log`: the attempts of a job and of all jobs that it has made, wherever they ran, in order of time.
exit_code show_job_log(session& s, const std::string& id);

} // namespace troupe::cli
