#pragma once

// What commands read out of a live event's JSON. No actors.

#include "protocol/model/event.hpp"
#include "protocol/model/job.hpp"

#include <optional>

namespace troupe::cli {

struct job_event {
  job_id job;
  job_id parent;
  std::string kind;
  std::string stage;
  std::string message;
  /// 0 to 1.
  double fraction = 0;
  int64_t speed_milli = 0;
  int64_t eta_ms = -1;
  /// Of a job that other nodes do in parts; 0: it is in one piece.
  int64_t parts = 0;
  int64_t parts_done = 0;
  /// The job has ended.
  bool terminal = false;
};

/// Nothing for an event that is about no job, or whose data can't be read.
std::optional<job_event> read_job_event(const event& x);

/// "2.1x, 12s left" as far as it is known, and the message where there is room for it: when nothing else is known, or
/// behind it for a job in parts.
std::string progress_detail(const job_event& x);
std::string progress_detail(const job_progress& x);

/// One line for `troupe events`: time, topic, type, and what matters of the data.
std::string event_line(const event& x);

} // namespace troupe::cli
