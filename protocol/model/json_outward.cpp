// What clients see (contract.md): camelCase, ISO 8601, seconds, bytes. JSON that is stored already (payloads, results,
// probes) is passed on after a check that it is JSON; payloads and results without the folders in them.

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/outward_text.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {

namespace {

double percent(const job& x) {
  if (x.state == job_state::completed)
    return 100;
  auto fraction = std::isfinite(x.progress.fraction) ? std::clamp(x.progress.fraction, 0.0, 1.0) : 0.0;
  return std::round(fraction * 1000) / 10;
}

/// Attempts that count: the burnt ones and the present or successful one.
uint32_t counted_attempts(const job& x) {
  auto state = shown_state(x);
  bool present = state == job_state::running || state == job_state::completed;
  return x.failures + (present ? 1 : 0);
}

std::string job_error(const error& x, error_class cls) {
  object_writer out;
  out.text("code", to_string(x.code)).text("message", without_folders(x.message)).text("class", to_string(cls));
  if (!x.fields.empty())
    out.reasons("details", x.fields);
  return std::move(out).str();
}

error_class class_of_last_error(const job& x) {
  for (auto i = x.attempts.rbegin(); i != x.attempts.rend(); ++i)
    if (i->failure == x.last_error)
      return i->cls;
  return default_class(x.last_error.code);
}

std::string ids(const std::vector<job_id>& xs) {
  return json_array(xs, [](job_id x) { return json_quote(x.str()); });
}

std::string strings(const std::vector<std::string>& xs) {
  return json_array(xs, [](const std::string& x) { return json_quote(x); });
}

std::string resources_json(const resources& x) {
  object_writer out;
  out.number("cores", x.cores / 1000.0).number("memoryMib", x.memory_mib).number("gpuSessions", x.gpu_sessions);
  return std::move(out).str();
}

void status_fields(object_writer& out, const job& x, const std::vector<job_id>& children) {
  out.id("id", x.id).text("kind", x.spec.kind).text("status", to_string(shown_state(x)));
  out.number("progress", percent(x))
    .text("stage", x.progress.stage)
    .text("message", without_folders(x.progress.message))
    .numbers("counters", x.progress.counters);
  out.number("attempts", counted_attempts(x)).number("maxAttempts", x.spec.retry.max_attempts);
  out.time("createdAt", x.created).time("startedAt", x.started).time("finishedAt", x.finished);
  out.foreign("result", json_without_folders(x.result));
  if (x.last_error.code == errc::none)
    out.null("error");
  else
    out.raw("error", job_error(x.last_error, class_of_last_error(x)));
  out.raw("children", ids(children));
  out.text("queue", x.spec.queue).number("priority", +x.spec.priority).time("runAt", x.run_at);
  out.boolean("cancelRequested", x.cancel_requested);
}

std::string attempt_json(const attempt_record& x) {
  object_writer out;
  out.number("number", x.number).text("worker", x.worker).time("startedAt", x.started).time("endedAt", x.ended);
  out.text("end", to_string(x.end));
  if (x.failure.code == errc::none)
    out.null("error");
  else
    out.raw("error", job_error(x.failure, x.cls));
  return std::move(out.text("operation", without_folders(x.operation)).text("log", without_folders(x.log_tail))).str();
}

void video_fields(object_writer& out, const video& x) {
  auto base = "/api/videos/" + x.id.str();
  out.id("id", x.id).text("title", x.title).text("category", x.category).id("libraryId", x.library);
  out.text("path", x.path).number("size", x.version.size).text("status", to_string(x.state));
  out.number("duration", x.duration).number("width", x.width).number("height", x.height);
  out.text("videoCodec", x.video_codec).text("audioCodec", x.audio_codec).text("container", x.container);
  if (x.problem.code == errc::none)
    out.null("error");
  else
    out.raw("error", job_error(x.problem, default_class(x.problem.code)));
  // The same picture in another format has the same address: a client says what it takes.
  auto pictures = x.thumbnails;
  std::erase_if(pictures, [](const picture& p) { return p.file.ends_with(".webp"); });
  out.raw("thumbnails", json_array(pictures, [&](const picture& p) {
            object_writer pic;
            pic.number("width", p.width).number("height", p.height);
            return std::move(pic.text("url", base + "/thumbnail?width=" + std::to_string(p.width))).str();
          }));
  out.text_or_null("thumbnailUrl", x.thumbnails.empty() ? std::string{} : base + "/thumbnail");
  out.text("streamUrl", base + "/stream").time("createdAt", x.created).time("updatedAt", x.updated);
}

std::string_view origin_name(library_origin x) {
  switch (x) {
  case library_origin::uploads:
    return "uploads";
  case library_origin::downloads:
    return "downloads";
  default:
    return "folder";
  }
}

double seconds(milliseconds x) {
  return static_cast<double>(x.count()) / 1000;
}

} // namespace

std::string status_json(const job& x, const std::vector<job_id>& children) {
  object_writer out;
  status_fields(out, x, children);
  return std::move(out).str();
}

std::string detail_json(const job& x, const std::vector<job_id>& children) {
  object_writer retry;
  retry.number("maxAttempts", x.spec.retry.max_attempts).number("firstDelay", seconds(x.spec.retry.first_delay));
  retry.number("maxDelay", seconds(x.spec.retry.max_delay)).boolean("exponential", x.spec.retry.exponential);
  object_writer out;
  status_fields(out, x, children);
  out.foreign("payload", json_without_folders(x.spec.payload)).text_or_null("owner", x.spec.owner);
  out.text_or_null("submissionId", x.spec.submission_id).text_or_null("uniqueKey", x.spec.unique_key);
  out.id("parent", x.spec.parent).raw("dependsOn", ids(x.spec.depends_on));
  out.text("onDependencyFailure", x.spec.on_dependency_failure == child_failure::fail ? "fail" : "proceed");
  out.raw("needs", strings(x.spec.needs)).raw("prefers", strings(x.spec.prefers));
  out.raw("cost", resources_json(x.spec.cost));
  if (x.spec.work > 0)
    out.number("work", x.spec.work);
  else
    out.null("work");
  out.text_or_null("requestId", x.spec.request_id);
  out.text_or_null("traceparent", x.spec.traceparent);
  out.raw("retry", std::move(retry).str()).number("failures", x.failures).number("interruptions", x.interruptions);
  out.text_or_null("worker", x.worker_name).boolean("archived", x.archived);
  out.raw("attemptHistory", json_array(x.attempts, attempt_json));
  return std::move(out).str();
}

std::string outward_json(const video& x) {
  object_writer out;
  video_fields(out, x);
  return std::move(out).str();
}

std::string outward_json(const storyboard& x) {
  auto video = "/api/videos/" + x.video.str();
  object_writer out;
  out.number("interval", seconds(x.interval)).number("count", x.count).number("sheets", x.sheets());
  out.number("tileWidth", x.tile_width).number("tileHeight", x.tile_height);
  out.number("columns", x.columns).number("rows", x.rows).number("size", x.bytes);
  out.text("vttUrl", video + "/storyboard.vtt");
  out.text_or_null("bifUrl", x.bif ? video + "/storyboard.bif?of=" + x.made_by : std::string{});
  out.text("layout", x.jellyfin ? "jellyfin" : "plain");
  return std::move(out.text("jobId", x.made_by).time("createdAt", x.created)).str();
}

std::string outward_json(const video_detail& x) {
  object_writer out;
  video_fields(out, x.item);
  out.text("libraryName", x.home.name).foreign("media", x.item.media);
  out.raw("renditions", json_array(x.renditions, [](const rendition& r) { return outward_json(r); }));
  out.raw("storyboard", x.board.exists() ? outward_json(x.board) : "null");
  return std::move(out).str();
}

std::string outward_json(const library& x) {
  object_writer out;
  out.id("id", x.id).text("name", x.name).text("category", x.category).text("root", x.root);
  out.text("origin", origin_name(x.origin)).time("createdAt", x.created).time("updatedAt", x.updated);
  return std::move(out).str();
}

std::string outward_json(const rendition& x) {
  object_writer out;
  out.id("id", x.id).id("videoId", x.video).text("profile", x.profile).number("size", x.size);
  out.number("duration", x.duration).number("width", x.width).number("height", x.height);
  out.text("videoCodec", x.video_codec).text("audioCodec", x.audio_codec).text("container", x.container);
  auto video = "/api/videos/" + x.video.str();
  out.text("jobId", x.made_by);
  out.text("streamUrl", x.container == "hls" ? video + "/hls/" + x.id.str() + "/master.m3u8"
                                             : video + "/stream?profile=" + x.profile);
  return std::move(out.time("createdAt", x.created)).str();
}

std::string outward_json(const scan& x) {
  object_writer out;
  out.id("id", x.id).id("libraryId", x.library).text_or_null("jobId", x.job).text("status", to_string(x.status));
  static constexpr std::string_view names[]{
    "directoriesTotal", "directoriesQueued", "directoriesScanned",  "itemsFound",
    "itemsNew",         "itemsUpdated",      "itemsRemoved",        "assetsQueued",
    "assetsCached",     "enrichmentQueued",  "enrichmentCompleted", "errors"};
  for (auto name : names) {
    auto i = x.counters.find(std::string{name});
    out.number(name, i == x.counters.end() ? int64_t{0} : i->second);
  }
  out.time("startedAt", x.started).time("discoveringEndedAt", x.discovering_ended);
  out.time("scanningEndedAt", x.scanning_ended).time("cachingEndedAt", x.caching_ended);
  out.time("enrichingEndedAt", x.enriching_ended).time("finishedAt", x.finished);
  out.raw("problems", json_array(x.problems, [](const std::string& p) { return json_quote(without_folders(p)); }));
  return std::move(out).str();
}

std::string outward_json(const queue_stats& x) {
  object_writer out;
  out.text("name", x.settings.name).boolean("paused", x.settings.paused);
  out.number("maxRunning", x.settings.max_running).number("maxDepth", x.settings.max_depth);
  out.numbers("jobs", x.by_state).number("oldestQueued", seconds(x.oldest_queued));
  return std::move(out).str();
}

std::string outward_json(const worker_info& x) {
  object_writer credit;
  for (auto& slots : x.credit)
    credit.quoted_number(slots.queue, slots.slots);
  object_writer out;
  out.id("id", x.id).text("node", x.node_name).boolean("embedded", x.embedded).raw("kinds", strings(x.kinds));
  out.raw("slots", std::move(credit).str()).raw("capabilities", strings(x.capabilities));
  out.raw("running", json_array(x.running, [](const lease_token& t) { return json_quote(t.job.str()); }));
  out.raw("problems", strings(x.problems));
  out.raw("tokens", resources_json(x.tokens)).raw("inUse", resources_json(x.in_use));
  return std::move(out.time("joinedAt", x.joined).number("silent", seconds(x.silent))).str();
}

std::string outward_json(const health_report& x) {
  object_writer checks;
  for (auto& check : x.checks) {
    object_writer out;
    out.text("status", to_string(check.status));
    if (check.status != health_status::disabled)
      out.number("responseTime", check.response_time.count());
    if (!check.version.empty())
      out.text("version", check.version);
    if (!check.problem.empty())
      out.text("error", check.problem);
    for (auto& [name, value] : check.facts)
      out.quoted_number(name, value);
    checks.raw(check.name, std::move(out).str());
  }
  object_writer out;
  out.text("status", to_string(x.status)).time("timestamp", x.at).raw("checks", std::move(checks).str());
  return std::move(out).str();
}

std::string outward_json(const std::vector<cache_layer_stats>& xs) {
  auto layers = json_array(xs, [](const cache_layer_stats& x) {
    auto asked = x.hits + x.misses;
    object_writer out;
    out.text("layer", x.layer).boolean("enabled", x.enabled).number("hits", x.hits).number("misses", x.misses);
    out.number("hitRate", asked == 0 ? 0.0 : static_cast<double>(x.hits) / static_cast<double>(asked));
    return std::move(out.number("size", x.size).number("evictions", x.evictions)).str();
  });
  object_writer out;
  return std::move(out.raw("layers", layers)).str();
}

std::string outward_json(const std::vector<tree_node>& xs) {
  auto nodes = json_array(xs, [](const tree_node& x) {
    object_writer out;
    out.text("name", x.name).text("state", x.state).text("policy", x.policy).number("restarts", x.restarts);
    out.number("uptime", seconds(x.uptime)).text_or_null("lastError", x.last_error).number("depth", x.depth);
    return std::move(out).str();
  });
  object_writer out;
  return std::move(out.raw("nodes", nodes)).str();
}

std::string error_json(const error& x, std::string_view request_id) {
  object_writer body;
  body.text("code", contract_code(x.code)).text("message", x.message).reasons("details", x.fields);
  body.text("requestId", request_id);
  object_writer out;
  return std::move(out.boolean("success", false).raw("error", std::move(body).str())).str();
}

std::string problem_json(const error& x, std::string_view request_id) {
  object_writer out;
  out.text("type", "about:blank").text("title", describe(x.code)).number("status", http_status(x.code));
  out.text("detail", x.message).text("code", contract_code(x.code));
  out.raw("errors", json_array(x.fields, [](auto& field) {
            object_writer one;
            return std::move(one.text("detail", field.second).text("field", field.first)).str();
          }));
  return std::move(out.text("requestId", request_id)).str();
}

} // namespace troupe
