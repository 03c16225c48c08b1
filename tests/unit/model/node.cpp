#define CAF_SUITE model.node

#include "protocol/model/node.hpp"

#include "protocol/model/encoders.hpp"
#include "protocol/model/json.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <nlohmann/json.hpp>

#include <random>

using namespace troupe;
using nlohmann::json;

namespace {

work_hours read(std::string_view text) {
  auto x = parse_hours(text);
  if (!x)
    CAF_FAIL(x.error().message);
  return *x;
}

node_details some_node() {
  node_details x;
  x.rules.name = "nas";
  x.rules.weight = 50;
  x.rules.hours = {{0x1F, 22 * 60, 6 * 60}};
  x.rules.slots["video"] = 2;
  x.workers = {worker_id{{1, 2}}};
  x.open = true;
  x.queues["video"] = {2, 1};
  x.tokens = {4000, 8192, 0};
  x.in_use = {1500, 1024, 0};
  x.jobs = {job_id{{3, 4}}};
  x.speeds["encode_chunk"] = 2.25;
  x.running = 1;
  x.silent = milliseconds{1500};
  return x;
}

} // namespace

CAF_TEST(hours are read as people write them) {
  CAF_CHECK(read("mon-fri 22:00-06:00") == (work_hours{0x1F, 1320, 360}));
  CAF_CHECK(read("sat,sun") == (work_hours{0x60, 0, 1440}));
  CAF_CHECK(read("08:00-17:30") == (work_hours{0x7F, 480, 1050}));
  CAF_CHECK(read("fri-mon 00:00-24:00") == (work_hours{0x71, 0, 1440}));
  for (auto bad :
       {"", " ", "monday", "mon-", "mon fri", "25:00-26:00", "08:00", "08:00-", "8:00-9:00", "mon 24:00-06:00",
        "mon,,tue", "08:60-09:00", "mon-fri 22:00-06:00 x", "-", ",", "mon 08:00-09:00,"}) {
    auto x = parse_hours(bad);
    if (x)
      CAF_ERROR("was read: " << bad);
    else
      CAF_CHECK(x.error().code == errc::validation);
  }
}

CAF_TEST(hours that are written are read back as they were) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 rng{seed};
    work_hours x;
    x.weekdays = static_cast<uint8_t>(1 + rng() % 0x7F);
    x.from = static_cast<uint16_t>(rng() % 1440);
    x.to = static_cast<uint16_t>(rng() % 1441);
    auto text = to_text(x);
    auto back = parse_hours(text);
    if (!back || *back != x)
      CAF_FAIL("seed " << seed << ": " << text);
  }
}

CAF_TEST(any bytes are hours or a sentence) {
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    std::mt19937_64 rng{seed};
    static constexpr std::string_view pieces[] = {"mon", "-", ",", " ", "22:00", ":", "9", "sun", "24:00", "\xFF"};
    std::string text;
    for (size_t n = rng() % 8; n > 0; --n)
      text += pieces[rng() % std::size(pieces)];
    if (auto x = parse_hours(text)) {
      node_rules rules;
      rules.name = "n";
      rules.hours = {*x};
      if (!check(rules))
        CAF_FAIL("seed " << seed << ": " << text << " was read but can not be kept");
    }
  }
}

CAF_TEST(what is shown of rules can be sent back) {
  auto doc = json::parse(outward_json(some_node()));
  CAF_CHECK_EQUAL(doc["name"], "nas");
  CAF_CHECK_EQUAL(doc["status"], "active");
  CAF_CHECK_EQUAL(doc["weight"], 0.5);
  CAF_CHECK_EQUAL(doc["queues"]["video"]["slots"], 2);
  CAF_CHECK_EQUAL(doc["queues"]["video"]["used"], 1);
  CAF_CHECK_EQUAL(doc["tokens"]["cores"], 4.0);
  CAF_CHECK_EQUAL(doc["inUse"]["memoryMiB"], 1024);
  CAF_CHECK_EQUAL(doc["silent"], 1.5);
  CAF_CHECK_EQUAL(doc["jobs"].size(), 1u);
  CAF_CHECK(doc["software"].is_null() && doc["fileAddress"].is_null() && doc["otherSoftware"] == false);
  CAF_CHECK(doc["encoders"].empty());
  auto hours = hours_from_outward(doc["hours"].dump());
  CAF_REQUIRE(hours.has_value());
  CAF_CHECK(*hours == some_node().rules.hours);
  auto slots = slots_from_outward(doc["slots"].dump());
  CAF_REQUIRE(slots.has_value());
  CAF_CHECK_EQUAL(slots->at("video"), 2);
}

CAF_TEST(what a node runs and can encode is shown) {
  auto x = some_node();
  x.software = "1.2.0";
  x.other_software = true;
  x.file_address = "nas:7443";
  x.capabilities = {"data", encoder_capability("libx264"), "encoderless", encoder_capability("hevc_vaapi")};
  auto doc = json::parse(outward_json(x));
  CAF_CHECK_EQUAL(doc["software"], "1.2.0");
  CAF_CHECK_EQUAL(doc["otherSoftware"], true);
  CAF_CHECK_EQUAL(doc["fileAddress"], "nas:7443");
  CAF_CHECK_EQUAL(doc["encoders"].dump(), R"(["libx264","hevc_vaapi"])");
  CAF_CHECK_EQUAL(doc["capabilities"].size(), 4u);
  CAF_CHECK_EQUAL(software_encoder_for("h264"), "libx264");
  CAF_CHECK_EQUAL(software_encoder_for("copy"), "");
}

CAF_TEST(roles disks and links of a node are shown) {
  auto x = some_node();
  auto doc = json::parse(outward_json(x));
  CAF_CHECK(doc["roles"].dump() == "[]" && doc["disks"].dump() == "[]" && doc["links"].dump() == "[]");
  x.roles = {"gateway", "worker"};
  x.disks = {{"cache", 1'000, 10}};
  x.links = {{"anna", 1, uint64_t{1} << 40}};
  doc = json::parse(outward_json(x));
  CAF_CHECK_EQUAL(doc["roles"].dump(), R"(["gateway","worker"])");
  CAF_CHECK_EQUAL(doc["disks"].dump(), R"([{"free":10,"total":1000,"use":"cache"}])");
  CAF_CHECK_EQUAL(doc["links"].dump(), R"([{"node":"anna","received":1099511627776,"sent":1}])");
}

CAF_TEST(hours and slots of a client are checked) {
  auto texts = hours_from_outward(R"(["mon 08:00-09:00","sat,sun"])");
  CAF_REQUIRE(texts.has_value());
  CAF_CHECK_EQUAL(texts->size(), 2u);
  CAF_CHECK(hours_from_outward("[]")->empty());
  for (auto bad : {"{}", "[1]", "[\"x\"]", R"([{"weekdays":["noday"]}])", R"([{"from":"99:00"}])", "[null]"})
    CAF_CHECK(!hours_from_outward(bad));
  CAF_CHECK_EQUAL(slots_from_outward(R"({"video":null})")->at("video"), -1);
  for (auto bad : {"[]", R"({"video":-1})", R"({"video":1.5})", R"({"video":"2"})", R"({"video":4294967296})", "x"})
    CAF_CHECK(!slots_from_outward(bad));
}

CAF_TEST(how a node stands) {
  auto x = some_node();
  CAF_CHECK_EQUAL(standing(x), "active");
  x.open = false;
  CAF_CHECK_EQUAL(standing(x), "closed");
  x.rules.state = node_state::draining;
  CAF_CHECK_EQUAL(standing(x), "draining");
  x.rules.state = node_state::quarantined;
  x.open = true;
  CAF_CHECK_EQUAL(standing(x), "quarantined");
  x.workers.clear();
  CAF_CHECK_EQUAL(standing(x), "away");
  CAF_CHECK(outward_json(x).find(R"("connected":false)") != std::string::npos);
  // A gateway: nobody gives it jobs, and nothing is wrong with that.
  x.joined = from_ms(1);
  x.open = false;
  CAF_CHECK_EQUAL(standing(x), "quarantined");
  x.rules.state = node_state::active;
  CAF_CHECK_EQUAL(standing(x), "active");
  CAF_CHECK(outward_json(x).find(R"("connected":true)") != std::string::npos);
}

CAF_TEST(a job that waits for those it handed its work to is shown as running) {
  job x;
  x.spec.kind = "transcode";
  x.state = job_state::waiting;
  CAF_CHECK(shown_state(x) == job_state::waiting);
  x.next.emplace_back();
  CAF_CHECK(shown_state(x) == job_state::running);
  CAF_CHECK_EQUAL(json::parse(status_json(x, {}))["status"], "running");
  x.state = job_state::queued;
  CAF_CHECK(shown_state(x) == job_state::queued);
}
