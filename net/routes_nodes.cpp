// /api/admin/nodes: what administrators see of the cluster's nodes, and tell them.

#include "net/answers.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/json_writer.hpp"

#include <xxhash.h>

#include <cmath>
#include <cstdio>

namespace troupe::net {

namespace {

constexpr size_t max_reason_bytes = 1024;
const error no_node{errc::not_found, "there is no node of this name; GET /api/admin/nodes lists them"};

/// Of what can be changed: what the node does at the moment is another each time one looks.
std::string tag_of(const node_rules& x) {
  node_details bare;
  bare.rules = x;
  auto text = outward_json(bare);
  auto hash = XXH3_128bits(text.data(), text.size());
  char tag[40];
  std::snprintf(tag, sizeof tag, "\"%016llx%016llx\"", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return tag;
}

void answer_node(exchange& x, const node_details& what) {
  auto out = enveloped(200, outward_json(what));
  out.etag = tag_of(what.rules);
  out.headers.emplace_back("Cache-Control", "no-store");
  // The tag is for If-Match only.
  std::erase_if(x.req.headers, [](auto& h) { return h.first == "if-none-match"; });
  x.answer(std::move(out));
}

/// Who was refused is worth having, but no reason to keep the nodes back.
void answer_list(exchange& x, const std::vector<node_details>& nodes, const std::vector<refused_peer>& refused) {
  object_writer data;
  data.raw("nodes", json_array(nodes, [](auto& one) { return outward_json(one); }));
  data.raw("refused", json_array(refused, [](auto& one) { return outward_json(one); }));
  auto out = enveloped(200, std::move(data).str());
  out.headers.emplace_back("Cache-Control", "no-store");
  x.answer(std::move(out));
}

void list(exchange& x) {
  x.app().backend.nodes(then<std::vector<node_details>>(x, [](exchange& self, std::vector<node_details> nodes) {
    auto all = std::make_shared<std::vector<node_details>>(std::move(nodes));
    self.app().backend.refused_peers([held = self.hold(), all](result<std::vector<refused_peer>> got) {
      auto refused = got ? *std::move(got) : std::vector<refused_peer>{};
      held.post([held, all, refused = std::move(refused)] { answer_list(*held, *all, refused); });
    });
  }));
}

void show(exchange& x) {
  x.app().backend.nodes(then<std::vector<node_details>>(x, [](exchange& self, const std::vector<node_details>& all) {
    for (auto& one : all)
      if (one.rules.name == self.req.path_values.at(0))
        return answer_node(self, one);
    self.answer_error(no_node);
  }));
}

void change(exchange& x, ports::node_change wanted) {
  wanted.name = x.req.path_values.at(0);
  x.app().backend.change_node(std::move(wanted), then<node_details>(x, answer_node));
}

/// drain, undrain, quarantine, unquarantine
template <node_state Wanted>
void set_state(exchange& x) {
  auto body = json_body::parse(x.req.body);
  if (!body)
    return x.answer_error(body.error());
  body->only({"reason"});
  ports::node_change wanted;
  wanted.state = Wanted;
  wanted.reason = body->text("reason", max_reason_bytes).value_or("");
  if (auto verdict = body->verdict(); !verdict)
    return x.answer_error(verdict.error());
  change(x, std::move(wanted));
}

/// Bounds are checked here, too, so that all that is wrong is told at once.
void check_rules(json_body& body, const ports::node_change& x) {
  node_rules rules;
  rules.name = "n";
  for (auto& [queue, n] : x.slots)
    rules.slots[queue] = n < 0 ? 0 : static_cast<uint32_t>(n);
  rules.weight = x.weight.value_or(rules.weight);
  rules.hours = x.hours.value_or(rules.hours);
  if (auto good = check(rules); !good)
    for (auto& [field, reason] : good.error().fields)
      body.problem(field, reason);
}

void set_rules(exchange& x) {
  auto body = json_body::parse(x.req.body);
  if (!body)
    return x.answer_error(body.error());
  body->only({"slots", "weight", "hours"});
  ports::node_change wanted;
  if (auto text = body->object("slots")) {
    if (auto slots = slots_from_outward(*text))
      wanted.slots = *std::move(slots);
    else
      body->problem("slots", slots.error().message);
  }
  if (auto weight = body->number("weight", 0.01, 100))
    wanted.weight = static_cast<uint32_t>(std::lround(*weight * 100));
  if (auto text = body->list("hours")) {
    if (auto hours = hours_from_outward(*text))
      wanted.hours = *std::move(hours);
    else
      body->problem("hours", hours.error().message);
  }
  check_rules(*body, wanted);
  if (auto verdict = body->verdict(); !verdict)
    return x.answer_error(verdict.error());
  change(x, std::move(wanted));
}

route make(verb method, std::string_view path, std::string_view summary, void (*handle)(exchange&)) {
  route out;
  out.method = method;
  out.path = path;
  out.summary = summary;
  out.handle = handle;
  out.answers = {{200, "The node as it is now"}, {404, "No such node"}};
  out.parameters = {
    {"name", parameter::place::path, value_type::text, true, "node.name of its configuration", 0, 0, {}}};
  return out;
}

route state_route(std::string_view path, std::string_view summary, void (*handle)(exchange&)) {
  auto out = make(verb::post, path, summary, handle);
  out.body = body_kind::json;
  out.fields = {{"reason", value_type::text, false, "Shown to people"}};
  return out;
}

} // namespace

void add_node_routes(std::vector<route>& out) {
  auto r = make(verb::get, "/api/admin/nodes", "Nodes of the cluster, and who was refused lately", list);
  r.parameters.clear();
  r.answers = {{200, "All nodes"}};
  out.push_back(r);
  out.push_back(make(verb::get, "/api/admin/nodes/{name}", "One node with its evidence, speeds and work", show));
  r = make(verb::patch, "/api/admin/nodes/{name}", "Change a node's rules, from now on", set_rules);
  r.body = body_kind::json;
  r.fields = {{"slots", value_type::object, false, "Queue: slots of each of its workers; null: as the worker offers"},
              {"weight", value_type::number, false, "How much of its speed counts, 0.01 to 100; 1 is all of it"},
              {"hours", value_type::list, false,
               "When it works, in the coordinator's time: \"mon-fri 22:00-06:00\", or objects; none: always"}};
  out.push_back(r);
  out.push_back(state_route("/api/admin/nodes/{name}/drain", "No new work for it; what runs goes on",
                            set_state<node_state::draining>));
  out.push_back(state_route("/api/admin/nodes/{name}/undrain", "It gets work again", set_state<node_state::active>));
  out.push_back(state_route("/api/admin/nodes/{name}/quarantine", "No new work for it until somebody lifts it",
                            set_state<node_state::quarantined>));
  out.push_back(
    state_route("/api/admin/nodes/{name}/unquarantine", "It gets work again", set_state<node_state::active>));
}

} // namespace troupe::net
