#pragma once

// JSON codecs of the model. The outward ones follow contract.md (camelCase, ISO 8601, seconds, bytes); the stored ones
// are for columns that hold a list. Only .cpp files that build JSON include nlohmann's header (json_codec.hpp).

#include "protocol/model/catalogue.hpp"
#include "protocol/model/health.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"
#include "protocol/model/worker.hpp"

namespace troupe {

/// A string as a JSON literal with its quotes; invalid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);

/// Every field, by the names of profile_fields.hpp.
std::string encode(const media_profile& x);
std::string encode(const media_info& x);
result<media_info> decode_media_info(std::string_view json);

// -- stored -------------------------------------------------------------------------------------------------------

std::string encode(const std::vector<attempt_record>& xs);
result<std::vector<attempt_record>> decode_attempts(std::string_view json);
/// None or one; none is empty text.
std::string encode(const std::vector<continuation>& xs);
result<std::vector<continuation>> decode_continuation(std::string_view json);
std::string encode(const std::vector<picture>& xs);
result<std::vector<picture>> decode_pictures(std::string_view json);
std::string encode(const std::vector<job_id>& xs);
result<std::vector<job_id>> decode_job_ids(std::string_view json);
std::string encode(const std::vector<std::string>& xs);
result<std::vector<std::string>> decode_strings(std::string_view json);
std::string encode(const std::map<std::string, int64_t>& xs);
result<std::map<std::string, int64_t>> decode_counters(std::string_view json);
std::string encode(const job_progress& x);
result<job_progress> decode_progress(std::string_view json);
/// {"code","message","fields"?,"retryAfterMs"?}
std::string encode(const error& x);
/// Empty text is "no error" (errc::none). (A result<error> can't be told from its own failure.)
result<void> decode_error(std::string_view json, error& into);

// -- outward ------------------------------------------------------------------------------------------------------

/// GET /api/jobs/{id}/status: id, kind, status, progress 0-100, stage, message, attempts, maxAttempts, …, children.
std::string status_json(const job& x, const std::vector<job_id>& children);
/// GET /api/jobs/{id}: the status with spec, retry policy and the list of attempts.
std::string detail_json(const job& x, const std::vector<job_id>& children);
std::string outward_json(const video& x);
std::string outward_json(const video_detail& x);
std::string outward_json(const library& x);
std::string outward_json(const rendition& x);
std::string outward_json(const storyboard& x);
std::string outward_json(const scan& x);
std::string outward_json(const queue_stats& x);
std::string outward_json(const worker_info& x);
std::string outward_json(const health_report& x);
std::string outward_json(const std::vector<cache_layer_stats>& x);
std::string outward_json(const std::vector<tree_node>& x);
/// {"success":false,"error":{code,message,details,requestId}} (contract.md, "Rules").
std::string error_json(const error& x, std::string_view request_id);
/// RFC 9457 with the same facts.
std::string problem_json(const error& x, std::string_view request_id);

} // namespace troupe
