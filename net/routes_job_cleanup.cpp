// DELETE /api/jobs?status=…&olderThan=: page by page through the backend's list, then one removal after another.

#include "net/answers.hpp"
#include "net/route.hpp"

#include "protocol/model/json_writer.hpp"

#include <charconv>

namespace troupe::net {

namespace {

/// More in one request would keep it waiting too long; the answer says whether there are more.
constexpr uint32_t batch = 100;

/// "7d", "12h", "30m", "45s", or an ISO 8601 time.
std::optional<timestamp> parse_older_than(std::string_view text, timestamp now) {
  int64_t n = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (code == std::errc{} && end + 1 == text.data() + text.size() && n >= 0 && n <= 1'000'000) {
    switch (*end) {
    case 'd':
      return now - std::chrono::hours{24 * n};
    case 'h':
      return now - std::chrono::hours{n};
    case 'm':
      return now - std::chrono::minutes{n};
    case 's':
      return now - std::chrono::seconds{n};
    default:
      return std::nullopt;
    }
  }
  return parse_iso8601(text);
}

struct sweep {
  std::vector<job_id> left;
  uint64_t removed = 0;
  bool more = false;
};

void answer_sweep(exchange& x, const sweep& s) {
  object_writer out;
  out.number("removed", s.removed).boolean("more", s.more);
  x.answer(json_response(200, std::move(out).str()));
}

void remove_next(exchange& x, const std::shared_ptr<sweep>& s) {
  if (s->left.empty())
    return answer_sweep(x, *s);
  auto id = s->left.back();
  s->left.pop_back();
  auto self = x.hold();
  x.app().backend.remove_job(id, [self, s](result<void> outcome) {
    auto gone = outcome.has_value();
    // Removed by somebody else, or retried in between: neither is this request's failure.
    auto harmless = !gone && (outcome.error().code == errc::not_found || outcome.error().code == errc::conflict);
    auto problem = gone || harmless ? error{errc::none, {}} : outcome.error();
    self.post([self, s, gone, problem] {
      if (problem.code != errc::none)
        return self->answer_error(problem);
      s->removed += gone;
      remove_next(*self, s);
    });
  });
}

void start_sweep(exchange& x, const job_page& found, timestamp older_than) {
  auto s = std::make_shared<sweep>();
  for (auto& one : found.jobs)
    if (is_terminal(one.state) && one.finished < older_than)
      s->left.push_back(one.id);
  s->more = found.total > found.jobs.size();
  remove_next(x, s);
}

void clean_up(exchange& x) {
  auto status = text_or(x.req, "status");
  auto now = system_clocks{}.wall();
  auto older_than = parse_older_than(text_or(x.req, "olderThan", "0s"), now);
  error problem{errc::validation, "the query has parameters that are not allowed"};
  auto state = job_state_from(status);
  if (!state || !is_terminal(*state))
    problem.fields.emplace_back("status", "must be completed, failed or cancelled");
  if (!older_than)
    problem.fields.emplace_back("olderThan", "must be a time or an age such as 7d, 12h, 30m, 45s");
  if (!problem.fields.empty())
    return x.answer_error(problem);
  job_query query;
  query.status = status;
  query.kind = text_or(x.req, "kind");
  query.queue = text_or(x.req, "queue");
  query.limit = batch;
  x.app().backend.list_jobs(
    std::move(query),
    then<job_page>(x, [t = *older_than](exchange& self, const job_page& found) { start_sweep(self, found, t); }));
}

} // namespace

void add_job_cleanup_routes(std::vector<route>& out) {
  route r;
  r.method = verb::del;
  r.path = "/api/jobs";
  r.summary = "Remove finished jobs, at most 100 a request";
  r.parameters = {query_text("status", "completed, failed or cancelled"),
                  query_text("olderThan", "A time, or an age such as 7d, 12h, 30m, 45s"),
                  query_text("kind", "Only of this kind"), query_text("queue", "Only of this queue")};
  r.parameters[0].required = true;
  r.answers = {{200, "How many were removed, and whether there are more"}};
  r.handle = clean_up;
  out.push_back(std::move(r));
}

} // namespace troupe::net
