#pragma once

#include "nodes/troupe/connection.hpp"

namespace troupe::cli {

/// An id as people give it: bare, or "job/ID", "video/ID", "library/ID" as `-o name` prints it. Throws failure(usage).
template <class Id>
Id parse_id(std::string text, std::string_view kind) {
  auto prefix = std::string{kind} + "/";
  if (text.starts_with(prefix))
    text.erase(0, prefix.size());
  if (auto id = Id::parse(text))
    return *id;
  throw failure(exit_code::usage, "'" + printable(text) + "' is not the id of a " + std::string{kind} + "; '"
                                    + (kind == "job" ? "troupe jobs" : "troupe " + std::string{kind})
                                    + " ls' lists them");
}

/// Follows a job live to its end; ok, job_failed or job_cancelled. Prints how it ended.
exit_code watch_job(session& s, job_id id);

/// 0, 4 or 5 for a job that has ended.
exit_code status_of(const job& x);

} // namespace troupe::cli
