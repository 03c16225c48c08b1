// GET /api/jobs/{id}/log: what ran of a job and of its parts, on which node, and what it logged there.

#include "net/answers.hpp"
#include "net/route.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/outward_text.hpp"

namespace troupe::net {

namespace {

/// Jobs whose parent it is, that are told of; a film is cut into fewer.
constexpr uint32_t most_parts = 1'000;

std::string ended_json(const job& of, const attempt_record& a) {
  object_writer out;
  out.id("job", of.id).text("kind", of.spec.kind).number("attempt", a.number).text("worker", a.worker);
  out.time("startedAt", a.started).time("endedAt", a.ended).text("end", to_string(a.end));
  out.text_or_null("error", a.failure.code == errc::none ? std::string{} : without_folders(a.failure.message));
  out.text("operation", without_folders(a.operation));
  return std::move(out.text("log", without_folders(a.log_tail))).str();
}

std::string running_json(const job& x) {
  object_writer out;
  out.id("job", x.id).text("kind", x.spec.kind).number("attempt", x.attempt).text("worker", x.worker_name);
  return std::move(out.time("startedAt", x.started)).str();
}

struct log_line {
  timestamp began;
  std::string json;
};

std::string in_order(std::vector<log_line> lines) {
  std::stable_sort(lines.begin(), lines.end(), [](auto& a, auto& b) { return a.began < b.began; });
  return json_array(lines, [](auto& x) { return x.json; });
}

std::string log_json(const job& root, const job_page& parts) {
  std::vector<log_line> ended, running;
  auto add = [&](const job& x) {
    for (auto& a : x.attempts)
      ended.push_back({a.started, ended_json(x, a)});
    if (x.state == job_state::running)
      running.push_back({x.started, running_json(x)});
  };
  add(root);
  for (auto& x : parts.jobs)
    add(x);
  object_writer out;
  out.id("id", root.id).text_or_null("requestId", root.spec.request_id);
  out.text_or_null("traceparent", root.spec.traceparent);
  out.raw("attempts", in_order(std::move(ended))).raw("running", in_order(std::move(running)));
  return std::move(out.number("jobsLeftOut", parts.total - std::min<uint64_t>(parts.total, parts.jobs.size()))).str();
}

void log(exchange& x) {
  auto id = id_from_path<job_id>(x, "job");
  if (!id)
    return;
  auto with_root = [](exchange& self, const ports::job_view& root) {
    if (root.children.empty())
      return self.answer(json_response(200, log_json(root.item, {})));
    job_query parts;
    parts.parent = root.item.id;
    parts.history = true;
    parts.limit = most_parts;
    self.app().backend.list_jobs(std::move(parts),
                                 then<job_page>(self, [item = root.item](exchange& later, const job_page& found) {
                                   later.answer(json_response(200, log_json(item, found)));
                                 }));
  };
  x.app().backend.find_job(*id, then<ports::job_view>(x, with_root));
}

} // namespace

void add_job_log_routes(std::vector<route>& out) {
  route r;
  r.method = verb::get;
  r.path = "/api/jobs/{id}/log";
  r.summary = "What ran of a job and of its parts, where, and what it logged";
  r.handle = log;
  r.parameters = {path_id("Id of the job")};
  r.answers = {{200, "The log"}, {404, "No such job"}};
  out.push_back(r);
}

} // namespace troupe::net
