#define CAF_SUITE net.nodes

#include "tests/support/unit_test.hpp"
#include "tests/unit/net/server_fixture.hpp"

#include <caf/make_message.hpp>

#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::test;
using nlohmann::json;

namespace {

const std::string nas = "/api/admin/nodes/nas%20one";

struct nodes_server : running_server {
  nodes_server() {
    node_details x;
    x.rules.name = "nas one";
    x.workers = {worker_id{random_id()}};
    x.open = true;
    x.queues["video"] = {2, 1};
    backend.all_nodes = {x};
    backend.refused = {{from_ms(1'700'000'000'000), "old", "worker", "speaks protocol version 3", 7}};
  }
  raw_answer send(std::string_view bytes) {
    auto answer = ask(bytes);
    return answer ? *answer : raw_answer{};
  }
  raw_answer write(std::string_view method, const std::string& path, std::string_view body,
                   const std::string& if_match = {}) {
    auto more = if_match.empty() ? std::string{} : "If-Match: " + if_match + "\r\n";
    return send(with_body(method, path, body, "Content-Type: application/json\r\n" + more));
  }
};

json body_of(const raw_answer& x) {
  auto doc = json::parse(x.body, nullptr, false);
  if (doc.is_discarded())
    CAF_FAIL("not JSON: " << x.body);
  return doc;
}

} // namespace

CAF_TEST(nodes and who was refused in the envelope) {
  nodes_server s;
  auto all = s.send(get("/api/admin/nodes"));
  CAF_CHECK_EQUAL(all.status, 200);
  auto doc = body_of(all);
  CAF_CHECK_EQUAL(doc["success"], true);
  CAF_CHECK(doc["meta"].contains("timestamp") && doc["meta"].contains("version"));
  CAF_REQUIRE_EQUAL(doc["data"]["nodes"].size(), 1u);
  CAF_CHECK_EQUAL(doc["data"]["nodes"][0]["queues"]["video"]["used"], 1);
  CAF_CHECK_EQUAL(doc["data"]["refused"][0]["reason"], "speaks protocol version 3");
  CAF_CHECK_EQUAL(body_of(s.send(get(nas)))["data"]["name"], "nas one");
  auto none = s.send(get("/api/admin/nodes/nobody"));
  CAF_CHECK_EQUAL(none.status, 404);
  CAF_CHECK_EQUAL(body_of(none)["success"], false);
}

CAF_TEST(a node is drained and quarantined and set free) {
  nodes_server s;
  auto drained = s.write("POST", nas + "/drain", R"({"reason":"a new disk"})");
  CAF_CHECK_EQUAL(drained.status, 200);
  CAF_CHECK_EQUAL(body_of(drained)["data"]["state"], "draining");
  CAF_CHECK_EQUAL(body_of(drained)["data"]["reason"], "a new disk");
  CAF_CHECK_EQUAL(body_of(s.write("POST", nas + "/undrain", ""))["data"]["state"], "active");
  CAF_CHECK_EQUAL(body_of(s.write("POST", nas + "/quarantine", "{}"))["data"]["state"], "quarantined");
  CAF_CHECK_EQUAL(body_of(s.write("POST", nas + "/unquarantine", "{}"))["data"]["state"], "active");
  CAF_CHECK_EQUAL(s.write("POST", "/api/admin/nodes/nobody/drain", "{}").status, 404);
  CAF_CHECK_EQUAL(s.write("POST", nas + "/drain", R"({"why":"x"})").status, 400);
  CAF_CHECK_EQUAL(s.send(get(nas + "/drain")).status, 405);
}

CAF_TEST(rules are changed and all that is wrong is told at once) {
  nodes_server s;
  auto done =
    s.write("PATCH", nas, R"({"slots":{"video":3,"images":null},"weight":0.5,"hours":["mon-fri 22:00-06:00"]})");
  CAF_CHECK_EQUAL(done.status, 200);
  auto data = body_of(done)["data"];
  CAF_CHECK_EQUAL(data["slots"]["video"], 3);
  CAF_CHECK_EQUAL(data["weight"], 0.5);
  CAF_CHECK_EQUAL(data["hours"][0]["from"], "22:00");
  {
    std::lock_guard guard{s.backend.mutex};
    CAF_REQUIRE_EQUAL(s.backend.node_changes.size(), 1u);
    CAF_CHECK_EQUAL(s.backend.node_changes[0].slots.at("images"), -1);
    CAF_CHECK(!s.backend.node_changes[0].state);
  }
  auto bad = s.write("PATCH", nas, R"({"slots":{"nonsense":1},"weight":0,"hours":["never"],"name":"x"})");
  CAF_CHECK_EQUAL(bad.status, 400);
  for (auto field : {"slots", "weight", "hours", "name"})
    CAF_CHECK(body_of(bad)["error"]["details"].contains(field));
  for (auto text : {R"({"slots":[]})", R"({"slots":{"video":-1}})", R"({"weight":"1"})", R"({"weight":1e300})",
                    R"({"hours":"always"})", R"({"hours":[1]})", "[]", "{"})
    CAF_CHECK_EQUAL(s.write("PATCH", nas, text).status, 400);
  CAF_CHECK_EQUAL(body_of(s.write("PATCH", nas, R"({"hours":[]})"))["data"]["hours"].size(), 0u);
}

CAF_TEST(a change of rules honours If - Match whatever the node does meanwhile) {
  nodes_server s;
  auto tag = s.send(get(nas)).header("etag");
  CAF_REQUIRE(!tag.empty());
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.all_nodes[0].running = 5;
    s.backend.all_nodes[0].silent = milliseconds{777};
  }
  // What can be changed is the same; what is shown is not.
  auto again = s.send("GET " + nas + " HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + tag + "\r\n\r\n");
  CAF_CHECK_EQUAL(again.status, 200);
  CAF_CHECK_EQUAL(s.write("PATCH", nas, R"({"weight":2})", tag).status, 200);
  CAF_CHECK_EQUAL(s.write("PATCH", nas, R"({"weight":3})", tag).status, 412);
}

CAF_TEST(a coordinator that is away) {
  nodes_server s;
  s.backend.away = true;
  CAF_CHECK_EQUAL(s.send(get("/api/admin/nodes")).status, 503);
}
