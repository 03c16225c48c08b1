#include "net/answers.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/job_kinds.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/outward_text.hpp"

namespace troupe::net {

namespace {

constexpr size_t max_key_bytes = 200;

void read_schedule(json_body& body, job_spec& out) {
  if (auto n = body.integer("priority", 1, 10))
    out.priority = static_cast<uint8_t>(*n);
  if (auto n = body.integer("maxAttempts", 1, 100))
    out.retry.max_attempts = static_cast<uint32_t>(*n);
  if (auto text = body.text("runAt")) {
    if (auto when = parse_iso8601(*text))
      out.run_at = *when;
    else
      body.problem("runAt", "must be an ISO 8601 time in UTC, such as 2026-01-31T12:00:00Z");
  }
}

void read_dependencies(json_body& body, job_spec& out) {
  if (auto ids = body.texts("dependsOn", 1000))
    for (auto& text : *ids) {
      if (auto id = job_id::parse(text))
        out.depends_on.push_back(*id);
      else
        body.problem("dependsOn", "must hold ids of jobs");
    }
  if (auto text = body.text("onDependencyFailure")) {
    if (*text == "proceed")
      out.on_dependency_failure = child_failure::proceed;
    else if (*text != "fail")
      body.problem("onDependencyFailure", "must be fail or proceed");
  }
}

result<job_spec> spec_from(const request& req) {
  auto body = json_body::parse(req.body);
  if (!body)
    return std::move(body).error();
  body->only(
    {"kind", "payload", "queue", "priority", "uniqueKey", "runAt", "maxAttempts", "dependsOn", "onDependencyFailure"});
  body->require("kind");
  job_spec out;
  out.kind = body->text("kind", max_key_bytes).value_or("");
  out.queue = body->text("queue", max_key_bytes).value_or("");
  out.unique_key = body->text("uniqueKey", max_key_bytes).value_or("");
  out.payload = body->object("payload").value_or("{}");
  if (out.payload.size() > max_payload_bytes)
    body->problem("payload", "must be at most " + std::to_string(max_payload_bytes) + " bytes");
  if (!out.kind.empty() && !find_job_kind(out.kind)) {
    std::string names;
    for (auto& kind : job_kinds())
      names.append(names.empty() ? "" : ", ").append(kind.name);
    body->problem("kind", "is not known; known: " + names);
  }
  read_schedule(*body, out);
  read_dependencies(*body, out);
  TROUPE_TRY(body->verdict());
  return out;
}

void submit(exchange& x) {
  auto spec = spec_from(x.req);
  if (!spec)
    return x.answer_error(spec.error());
  x.app().backend.submit(*std::move(spec), x.context(),
                         then<submit_receipt>(x, [](exchange& self, submit_receipt made) {
                           auto out = job_response(202, made);
                           out.headers.emplace_back("Location", "/api/jobs/" + made.id.str());
                           self.answer(std::move(out));
                         }));
}

/// `parent` is left to list_by.
job_query query_of(const request& req) {
  job_query out;
  out.status = text_or(req, "status");
  out.kind = text_or(req, "kind");
  out.queue = text_or(req, "queue");
  out.page = static_cast<uint32_t>(integer_or(req, "page", 1));
  out.limit = static_cast<uint32_t>(integer_or(req, "limit", 20));
  out.parts = text_or(req, "all") == "true";
  return out;
}

/// Empty: fine.
std::string status_problem(std::string_view statuses) {
  while (!statuses.empty()) {
    auto end = std::min(statuses.find(','), statuses.size());
    if (!job_state_from(statuses.substr(0, end)))
      return "must be of waiting, delayed, queued, running, completed, failed, cancelled, comma separated";
    statuses.remove_prefix(std::min(end + 1, statuses.size()));
  }
  return {};
}

void list_by(exchange& x, job_query query) {
  error what{errc::validation, "the query has parameters that are not allowed"};
  if (auto problem = status_problem(query.status); !problem.empty())
    what.fields.emplace_back("status", problem);
  if (auto parent = text_or(x.req, "parent"); !parent.empty()) {
    if (auto id = job_id::parse(parent))
      query.parent = *id;
    else
      what.fields.emplace_back("parent", "must be the id of a job");
  }
  if (!what.fields.empty())
    return x.answer_error(what);
  auto page = query.page;
  auto limit = query.limit;
  x.app().backend.list_jobs(std::move(query), then<job_page>(x, [page, limit](exchange& self, const job_page& found) {
                              auto items = json_array(found.jobs, [](auto& one) { return status_json(one, {}); });
                              self.answer(json_response(200, page_json("jobs", items, page, limit, found.total)));
                            }));
}

void list(exchange& x) {
  list_by(x, query_of(x.req));
}

void history(exchange& x) {
  auto query = query_of(x.req);
  query.history = true;
  if (query.status.empty())
    query.status = "completed,failed,cancelled";
  list_by(x, std::move(query));
}

void with_job(exchange& x, void (*use)(exchange&, const ports::job_view&)) {
  if (auto id = id_from_path<job_id>(x, "job"))
    x.app().backend.find_job(*id, then<ports::job_view>(x, use));
}

void show(exchange& x) {
  with_job(x, [](exchange& self, const ports::job_view& found) {
    self.answer(json_response(200, detail_json(found.item, found.children)));
  });
}

void status(exchange& x) {
  with_job(x, [](exchange& self, const ports::job_view& found) {
    auto out = json_response(200, status_json(found.item, found.children));
    out.headers.emplace_back("Cache-Control", "no-store");
    self.answer(std::move(out));
  });
}

void explain(exchange& x) {
  auto id = id_from_path<job_id>(x, "job");
  if (!id)
    return;
  auto tell = [id = *id](exchange& self, const ports::explanation& why) {
    object_writer out;
    out.id("id", id)
      .text("status", to_string(why.state))
      .raw("reasons",
           json_array(why.reasons, [](const std::string& reason) { return json_quote(without_folders(reason)); }));
    self.answer(json_response(200, std::move(out).str()));
  };
  x.app().backend.explain(*id, then<ports::explanation>(x, tell));
}

/// cancel, retry, promote: the job as it is then.
template <void (ports::backend::*Call)(job_id, ports::completion<job>)>
void change(exchange& x) {
  if (auto id = id_from_path<job_id>(x, "job"))
    (x.app().backend.*Call)(
      *id, then<job>(x, [](exchange& self, const job& now) { self.answer(json_response(200, status_json(now, {}))); }));
}

void remove(exchange& x) {
  if (auto id = id_from_path<job_id>(x, "job"))
    x.app().backend.remove_job(
      *id, then<void>(x, [](exchange& self) { self.answer(json_response(200, R"({"message":"Job removed"})")); }));
}

route make(verb method, std::string_view path, std::string_view summary, void (*handle)(exchange&), int good,
           std::string_view doc) {
  route out;
  out.method = method;
  out.path = path;
  out.summary = summary;
  out.handle = handle;
  out.answers = {{good, doc}};
  if (path.find("{id}") != std::string_view::npos) {
    out.parameters = {path_id("Id of the job")};
    out.answers.push_back({404, "No such job"});
  }
  return out;
}

std::vector<parameter> filters() {
  return with_paging({query_text("status", "States, comma separated"),
                      query_text("kind", "Only of this kind"),
                      query_text("queue", "Only of this queue"),
                      query_text("parent", "Only what this job has made"),
                      {"all",
                       parameter::place::query,
                       value_type::boolean,
                       false,
                       "With the parts of transcodes, which are left out unless kind or parent asks for them",
                       0,
                       0,
                       {}}});
}

std::vector<body_field> submit_fields() {
  return {{"kind", value_type::text, true, "What to do"},
          {"payload", value_type::object, false, "The kind's own fields"},
          {"queue", value_type::text, false, "Instead of the kind's queue"},
          {"priority", value_type::integer, false, "1 (critical) to 10 (low)"},
          {"uniqueKey", value_type::text, false, "At most one unfinished job has it"},
          {"runAt", value_type::text, false, "Not before, ISO 8601"},
          {"maxAttempts", value_type::integer, false, "1 to 100"},
          {"dependsOn", value_type::list, false, "Ids of jobs that go first"},
          {"onDependencyFailure", value_type::text, false, "fail or proceed"}};
}

} // namespace

void add_job_routes(std::vector<route>& out) {
  auto r = make(verb::post, "/api/jobs", "Submit a job", submit, 202, "Committed and synced");
  r.body = body_kind::json;
  r.fields = submit_fields();
  r.answers.push_back({429, "The queue is full"});
  out.push_back(r);

  r = make(verb::get, "/api/jobs", "List jobs, newest first", list, 200, "A page of jobs");
  r.parameters = filters();
  out.push_back(r);
  r = make(verb::get, "/api/jobs/history", "List finished jobs, archived ones too", history, 200, "A page of jobs");
  r.parameters = filters();
  out.push_back(r);

  out.push_back(make(verb::get, "/api/jobs/{id}", "A job with its attempts", show, 200, "The job"));
  r = make(verb::get, "/api/jobs/{id}/status", "State and progress of a job", status, 200, "The status");
  r.lenient = true;
  out.push_back(r);
  out.push_back(make(verb::get, "/api/jobs/{id}/explain", "Why a job is not running", explain, 200, "The reasons"));
  r = make(verb::post, "/api/jobs/{id}/cancel", "Cancel a job", change<&ports::backend::cancel>, 200,
           "The job as it is now");
  r.answers.push_back({409, "It has ended already"});
  out.push_back(r);
  r = make(verb::post, "/api/jobs/{id}/retry", "Run a failed or cancelled job again, archived or not",
           change<&ports::backend::retry>, 200, "The job as it is now");
  r.answers.push_back({409, "It has not failed, or what it depends on has"});
  r.answers.push_back({429, "The queue is full"});
  out.push_back(r);
  out.push_back(make(verb::post, "/api/jobs/{id}/promote", "Run a waiting job next", change<&ports::backend::promote>,
                     200, "The job as it is now"));
  out.push_back(make(verb::del, "/api/jobs/{id}", "Remove a finished job", remove, 200, "Removed"));
}

} // namespace troupe::net
