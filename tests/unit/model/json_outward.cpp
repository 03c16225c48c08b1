#define CAF_SUITE model.json.outward

#include "protocol/model/event.hpp"
#include "protocol/model/json.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <nlohmann/json.hpp>

#include <limits>

using namespace troupe;
using nlohmann::json;

namespace {

const job_id first{{0x0123456789abcdef, 1}};
const job_id second{{0x0123456789abcdef, 2}};

job some_job() {
  job x;
  x.id = first;
  x.spec.kind = "transcode";
  x.spec.queue = "video";
  x.spec.priority = 6;
  x.spec.retry.max_attempts = 3;
  x.state = job_state::running;
  x.attempt = 2;
  x.failures = 1;
  x.progress = {0.4567, "encode", "half of \"it\"", {{"frames", 12}}};
  x.created = from_ms(1700000000123);
  x.started = from_ms(1700000001000);
  return x;
}

json parse(const std::string& text) {
  auto doc = json::parse(text, nullptr, false);
  if (doc.is_discarded())
    CAF_FAIL("not JSON: " << text);
  return doc;
}

} // namespace

CAF_TEST(the status of a job has exactly the fields of the contract) {
  auto doc = parse(status_json(some_job(), {second}));
  for (auto name : {"id", "kind", "status", "progress", "stage", "message", "attempts", "maxAttempts", "createdAt",
                    "startedAt", "finishedAt", "result", "error", "children"})
    CAF_CHECK(doc.contains(name));
  CAF_CHECK_EQUAL(doc["id"], first.str());
  CAF_CHECK_EQUAL(doc["status"], "running");
  CAF_CHECK_EQUAL(doc["progress"], 45.7);
  CAF_CHECK_EQUAL(doc["attempts"], 2);
  CAF_CHECK_EQUAL(doc["maxAttempts"], 3);
  CAF_CHECK_EQUAL(doc["createdAt"], "2023-11-14T22:13:20.123Z");
  CAF_CHECK(doc["finishedAt"].is_null());
  CAF_CHECK(doc["result"].is_null());
  CAF_CHECK(doc["error"].is_null());
  CAF_CHECK_EQUAL(doc["children"], json::array({second.str()}));
}

CAF_TEST(progress stays from 0 to 100 whatever was reported) {
  auto x = some_job();
  auto progress = [&](double fraction) {
    x.progress.fraction = fraction;
    return parse(status_json(x, {}))["progress"].get<double>();
  };
  CAF_CHECK_EQUAL(progress(-3), 0.0);
  CAF_CHECK_EQUAL(progress(7), 100.0);
  CAF_CHECK_EQUAL(progress(std::numeric_limits<double>::quiet_NaN()), 0.0);
  x.state = job_state::completed;
  CAF_CHECK_EQUAL(progress(0.2), 100.0);
}

CAF_TEST(a stored result is passed on and a broken one can not break the answer) {
  auto x = some_job();
  x.result = R"({"a":[1,2]})";
  auto doc = parse(status_json(x, {}));
  CAF_CHECK_EQUAL(doc["result"]["a"][1], 2);
  for (std::string bad : {"{\"a\":", "1,\"admin\":true", "\xFF", "{} {}"}) {
    x.result = bad;
    CAF_CHECK(parse(status_json(x, {}))["result"].is_string());
  }
  x.result = std::string(300'000, '[');
  CAF_CHECK(parse(status_json(x, {}))["result"].is_string());
}

CAF_TEST(the error of a job has the class of its attempt) {
  auto x = some_job();
  x.state = job_state::failed;
  x.last_error = {errc::io, "disk gone"};
  attempt_record record;
  record.failure = x.last_error;
  record.cls = error_class::permanent;
  record.end = attempt_end::failed;
  x.attempts = {record};
  auto doc = parse(detail_json(x, {}));
  CAF_CHECK_EQUAL(doc["error"]["class"], "permanent");
  CAF_CHECK_EQUAL(doc["error"]["code"], "io");
  CAF_CHECK_EQUAL(doc["attemptHistory"][0]["error"]["message"], "disk gone");
  CAF_CHECK_EQUAL(doc["attempts"], 1);
  CAF_CHECK(doc["payload"].is_object());
}

CAF_TEST(a job says where it goes and what it takes) {
  auto x = some_job();
  auto doc = parse(detail_json(x, {}));
  CAF_CHECK_EQUAL(doc["prefers"], json::array());
  CAF_CHECK(doc["work"].is_null());
  CAF_CHECK_EQUAL(doc["cost"]["cores"], 0.0);
  x.spec.prefers = {"library:1", "rack \"b\""};
  x.spec.cost = {1'500, 2'048, 1};
  x.spec.work = 12.5;
  doc = parse(detail_json(x, {}));
  CAF_CHECK_EQUAL(doc["prefers"], (json::array({"library:1", "rack \"b\""})));
  CAF_CHECK_EQUAL(doc["cost"], (json{{"cores", 1.5}, {"memoryMib", 2048}, {"gpuSessions", 1}}));
  CAF_CHECK_EQUAL(doc["work"], 12.5);
}

CAF_TEST(errors follow the contract and RFC 9457) {
  error x{errc::validation, "two fields are wrong"};
  x.fields = {{"limit", "at most 100"}, {"page", "from 1"}, {"limit", "a number"}};
  auto doc = parse(error_json(x, "req-1"));
  CAF_CHECK_EQUAL(doc["success"], false);
  CAF_CHECK_EQUAL(doc["error"]["code"], "VALIDATION_ERROR");
  CAF_CHECK_EQUAL(doc["error"]["details"]["page"], "from 1");
  CAF_CHECK_EQUAL(doc["error"]["details"]["limit"], "at most 100; a number");
  CAF_CHECK_EQUAL(doc["error"]["requestId"], "req-1");
  CAF_CHECK(parse(error_json(error{errc::not_found}, "r"))["error"]["details"].is_object());
  auto problem = parse(problem_json(x, "req-1"));
  CAF_CHECK_EQUAL(problem["type"], "about:blank");
  CAF_CHECK_EQUAL(problem["status"], 400);
  CAF_CHECK_EQUAL(problem["detail"], "two fields are wrong");
  CAF_CHECK_EQUAL(problem["errors"].size(), 3u);
}

CAF_TEST(names of files that are no UTF - 8 are shown) {
  video x;
  x.id = {{1, 2}};
  x.path = "caf\xE9/a\"b.mp4";
  x.thumbnails = {{320, 180, "thumbnails/secret/name.jpg"}};
  auto text = outward_json(x);
  auto doc = parse(text);
  CAF_CHECK_EQUAL(doc["path"], "caf\xEF\xBF\xBD/a\"b.mp4");
  CAF_CHECK_EQUAL(doc["thumbnails"][0]["url"], "/api/videos/" + x.id.str() + "/thumbnail?width=320");
  CAF_CHECK(text.find("secret") == std::string::npos);
  video_detail detail{x, {}, {}, {}};
  detail.item.media = R"({"format":"mp4"})";
  doc = parse(outward_json(detail));
  CAF_CHECK_EQUAL(doc["media"]["format"], "mp4");
  CAF_CHECK(doc["storyboard"].is_null());
  rendition ladder;
  ladder.container = "hls";
  ladder.id = {{5, 5}};
  detail.renditions = {ladder};
  detail.board.video = x.id;
  detail.board.folder = "artwork/secret";
  detail.board.columns = detail.board.rows = 2;
  detail.board.count = 5;
  detail.board.interval = milliseconds{2'500};
  text = outward_json(detail);
  CAF_CHECK(text.find("secret") == std::string::npos);
  auto board = parse(text)["storyboard"];
  CAF_CHECK_EQUAL(board["interval"], 2.5);
  CAF_CHECK_EQUAL(board["sheets"], 2);
  CAF_CHECK_EQUAL(board["vttUrl"], "/api/videos/" + x.id.str() + "/storyboard.vtt");
  CAF_CHECK(board["bifUrl"].is_null());
  CAF_CHECK_EQUAL(board["layout"], "plain");
  CAF_CHECK(
    parse(text)["renditions"][0]["streamUrl"].get<std::string>().ends_with("/hls/" + ladder.id.str() + "/master.m3u8"));
  detail.board.bif = detail.board.jellyfin = true;
  detail.board.made_by = "maker";
  board = parse(outward_json(detail))["storyboard"];
  CAF_CHECK_EQUAL(board["layout"], "jellyfin");
  CAF_CHECK_EQUAL(board["bifUrl"], "/api/videos/" + x.id.str() + "/storyboard.bif?of=maker");
}

CAF_TEST(a scan has all counters) {
  scan x;
  x.status = scan_status::enriching;
  x.counters["itemsFound"] = 7;
  auto doc = parse(outward_json(x));
  CAF_CHECK_EQUAL(doc["status"], "enriching");
  CAF_CHECK_EQUAL(doc["itemsFound"], 7);
  for (auto name :
       {"directoriesTotal", "directoriesQueued", "directoriesScanned", "itemsNew", "itemsUpdated", "itemsRemoved",
        "assetsQueued", "assetsCached", "enrichmentQueued", "enrichmentCompleted", "errors"})
    CAF_CHECK_EQUAL(doc[name], 0);
}

CAF_TEST(health as the contract has it) {
  health_report x;
  x.status = health_status::degraded;
  x.at = from_ms(1);
  x.checks = {{"redis", health_status::disabled, milliseconds{0}, "", "", {}},
              {"youtube-dl", health_status::degraded, milliseconds{12}, "2023.03.04", "too old", {}},
              {"filesystem", health_status::healthy, milliseconds{1}, "", "", {{"freeBytes", 5}}}};
  auto doc = parse(outward_json(x));
  CAF_CHECK_EQUAL(doc["status"], "degraded");
  CAF_CHECK_EQUAL(doc["checks"]["redis"]["status"], "disabled");
  CAF_CHECK_EQUAL(doc["checks"]["youtube-dl"]["responseTime"], 12);
  CAF_CHECK_EQUAL(doc["checks"]["youtube-dl"]["error"], "too old");
  CAF_CHECK_EQUAL(doc["checks"]["filesystem"]["freeBytes"], 5);
}

CAF_TEST(cache statistics and the rest are JSON) {
  auto doc = parse(outward_json(std::vector<cache_layer_stats>{{"l1", true, 3, 1, 9, 0}, {"l2", false, 0, 0, 0, 0}}));
  CAF_CHECK_EQUAL(doc["layers"][0]["hitRate"], 0.75);
  CAF_CHECK_EQUAL(doc["layers"][1]["hitRate"], 0.0);
  parse(outward_json(library{}));
  parse(outward_json(rendition{}));
  CAF_CHECK_EQUAL(parse(outward_json(queue_stats{}))["jobs"].size(), 0u);
  worker_info worker;
  worker.credit = {{"video", 2}};
  doc = parse(outward_json(worker));
  CAF_CHECK_EQUAL(doc["slots"]["video"], 2);
  CAF_CHECK(doc["problems"].empty());
  worker.problems = {"library \"films\" is empty"};
  CAF_CHECK_EQUAL(parse(outward_json(worker))["problems"][0], "library \"films\" is empty");
  CAF_CHECK_EQUAL(doc["tokens"]["cores"], 0.0);
  worker.tokens = {8'000, 16'384, 2};
  worker.in_use = {2'500, 1'536, 0};
  doc = parse(outward_json(worker));
  CAF_CHECK_EQUAL(doc["tokens"], (json{{"cores", 8.0}, {"memoryMib", 16384}, {"gpuSessions", 2}}));
  CAF_CHECK_EQUAL(doc["inUse"], (json{{"cores", 2.5}, {"memoryMib", 1536}, {"gpuSessions", 0}}));
  CAF_CHECK_EQUAL(parse(outward_json(std::vector<tree_node>(2)))["nodes"].size(), 2u);
}

CAF_TEST(the fields of an event are spliced into it) {
  event x;
  x.topic = "job:1";
  x.type = "job_progress";
  x.epoch = 18446744073709551615u;
  x.seq = 3;
  x.at = from_ms(1700000000123);
  x.data = R"( {"jobId":"1","progress":5} )";
  auto doc = parse(to_json(x));
  CAF_CHECK_EQUAL(doc["type"], "job_progress");
  CAF_CHECK_EQUAL(doc["epoch"], 18446744073709551615u);
  CAF_CHECK_EQUAL(doc["timestamp"], "2023-11-14T22:13:20.123Z");
  CAF_CHECK_EQUAL(doc["progress"], 5);
  for (auto data : {"", "{}", "{ }", " ", "null", "{", "}"}) {
    x.data = data;
    CAF_CHECK_EQUAL(parse(to_json(x)).size(), 5u);
  }
}
