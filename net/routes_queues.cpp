#include "net/answers.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

namespace troupe::net {

namespace {

void stats(exchange& x) {
  x.app().backend.queues(then<std::vector<queue_stats>>(x, [](exchange& self, const std::vector<queue_stats>& all) {
    std::map<std::string, uint64_t> totals;
    for (auto& q : all)
      // "kind:…" entries are limits of kinds and count the same jobs again.
      if (!q.settings.name.starts_with("kind:"))
        for (auto& [state, n] : q.by_state)
          totals[state] += n;
    object_writer out;
    out.raw("queues", json_array(all, [](auto& one) { return outward_json(one); })).numbers("totals", totals);
    self.answer(json_response(200, std::move(out).str()));
  }));
}

void show(exchange& x) {
  x.app().backend.queues(then<std::vector<queue_stats>>(x, [](exchange& self, const std::vector<queue_stats>& all) {
    for (auto& q : all)
      if (q.settings.name == self.req.path_values.at(0))
        return self.answer(json_response(200, outward_json(q)));
    self.answer_error({errc::not_found, "there is no queue of this name"});
  }));
}

void change(exchange& x) {
  auto body = json_body::parse(x.req.body);
  if (!body)
    return x.answer_error(body.error());
  body->only({"paused", "maxRunning", "maxDepth"});
  ports::queue_change wanted;
  wanted.name = x.req.path_values.at(0);
  wanted.paused = body->boolean("paused");
  if (auto n = body->integer("maxRunning", 0, 100'000))
    wanted.max_running = static_cast<uint32_t>(*n);
  if (auto n = body->integer("maxDepth", 1, 10'000'000))
    wanted.max_depth = static_cast<uint32_t>(*n);
  if (auto verdict = body->verdict(); !verdict)
    return x.answer_error(verdict.error());
  x.app().backend.change_queue(std::move(wanted), then<queue_stats>(x, [](exchange& self, const queue_stats& now) {
                                 self.answer(json_response(200, outward_json(now)));
                               }));
}

parameter queue_name() {
  return {"name",
          parameter::place::path,
          value_type::text,
          true,
          "video, downloads, metadata, images, default, or "
          "kind:<kind> for the limits of one kind",
          0,
          0,
          {}};
}

} // namespace

void add_queue_routes(std::vector<route>& out) {
  route r;
  r.path = "/api/jobs/stats";
  r.summary = "Queues with their settings and jobs by state";
  r.answers = {{200, "All queues"}};
  r.handle = stats;
  out.push_back(r);

  r.path = "/api/queues/{name}";
  r.summary = "One queue";
  r.parameters = {queue_name()};
  r.answers = {{200, "The queue"}, {404, "No such queue"}};
  r.handle = show;
  out.push_back(r);

  r.method = verb::post;
  r.summary = "Pause, resume or limit a queue";
  r.body = body_kind::json;
  r.fields = {{"paused", value_type::boolean, false, "Nothing is started while true"},
              {"maxRunning", value_type::integer, false, "Jobs at once over all workers; 0: no limit"},
              {"maxDepth", value_type::integer, false, "Over so many unfinished jobs a submission is refused"}};
  r.handle = change;
  out.push_back(r);
}

} // namespace troupe::net
