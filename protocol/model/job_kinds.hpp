#pragma once

#include "protocol/model/job.hpp"

#include <span>

namespace troupe {

/// Defaults of a kind of job (contract.md, "Jobs' kinds and defaults").
struct job_kind {
  std::string_view name;
  std::string_view queue;
  /// An executor does its work; otherwise the worker itself does.
  bool in_executor;
  uint8_t priority;
  uint32_t max_attempts;
  milliseconds first_delay;
  milliseconds max_delay;
  bool exponential;
  /// How many finished jobs of the kind stay in the hot set.
  uint32_t keep_completed;
  uint32_t keep_failed;
  /// Somebody usually waits for it: goes before what is large.
  bool interactive = false;
  /// How long one takes whose work is not known, roughly.
  milliseconds typical{0};
  /// Of a job that names none.
  resources cost{};
  /// The kind of the jobs that it can hand its work to, of the same queue; empty: it is never split.
  std::string_view part = {};
  /// The kind of the jobs that hand it on: it is a part of them, and what pauses them pauses it. Empty: none.
  std::string_view whole = {};
};

/// All kinds that this version can run.
std::span<const job_kind> job_kinds() noexcept;
/// nullptr for a kind that is not known.
const job_kind* find_job_kind(std::string_view name) noexcept;
/// "video", "downloads", "metadata", "images", "default".
std::span<const std::string_view> queue_names() noexcept;

/// No payload is larger.
inline constexpr size_t max_payload_bytes = 256 * 1024;
/// No result is larger.
inline constexpr size_t max_result_bytes = 1024 * 1024;
/// No log tail of an attempt is larger.
inline constexpr size_t max_log_tail_bytes = 4096;

} // namespace troupe
