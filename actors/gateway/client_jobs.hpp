#pragma once

#include "protocol/model/job.hpp"
#include "protocol/model/result.hpp"

namespace troupe::gateway {

/// May a client submit this? Only kinds whose payload a stranger may write (no path of a server in it), and no keys
/// that Troupe's own jobs use. errc::forbidden or errc::validation, with a sentence that says what is allowed. Kinds
/// that do not exist pass: the dispatcher names the ones that do.
result<void> check_client_job(const job_spec& spec);

} // namespace troupe::gateway
