#include "net/answers.hpp"
#include "net/route.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

namespace troupe::net {

namespace {

const health_check* find_check(const health_report& report, std::string_view name) {
  for (auto& check : report.checks)
    if (check.name == name)
      return &check;
  return nullptr;
}

bool is_up(const health_check& check) {
  return check.status != health_status::unhealthy;
}

/// Health is asked for often and must be of now.
response fresh(int status, std::string body) {
  auto out = json_response(status, std::move(body));
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

void api_health(exchange& x) {
  auto report = x.app().backend.health();
  x.answer(fresh(200, outward_json(*report)));
}

void cache_health(exchange& x) {
  x.answer(fresh(200, outward_json(x.app().backend.cache_stats())));
}

/// 503 only when the database, or a configured Redis, is down.
void health(exchange& x) {
  auto report = x.app().backend.health();
  bool healthy = true;
  object_writer checks;
  for (auto& check : report->checks) {
    checks.boolean(check.name, is_up(check));
    if (check.name == "database" || check.name == "redis")
      healthy = healthy && is_up(check);
  }
  object_writer out;
  out.text("status", healthy ? "healthy" : "unhealthy").time("timestamp", report->at);
  out.raw("checks", std::move(checks).str());
  x.answer(fresh(healthy ? 200 : 503, std::move(out).str()));
}

void one_check(exchange& x, std::string_view name) {
  auto report = x.app().backend.health();
  auto check = find_check(*report, name);
  auto up = check && is_up(*check);
  object_writer out;
  out.text("status", check ? to_string(check->status) : "unhealthy").time("timestamp", report->at);
  if (check && check->response_time.count() > 0)
    out.number("responseTime", check->response_time.count());
  x.answer(fresh(up ? 200 : 503, std::move(out).str()));
}

void database(exchange& x) {
  one_check(x, "database");
}

void redis(exchange& x) {
  one_check(x, "redis");
}

void live(exchange& x) {
  x.answer(fresh(200, R"({"status":"alive"})"));
}

void ready(exchange& x) {
  auto draining = x.app().draining();
  auto ok = !draining && x.app().backend.ready();
  auto out = fresh(ok ? 200 : 503, ok         ? R"({"status":"ready"})"
                                   : draining ? R"({"status":"draining"})"
                                              : R"({"status":"starting"})");
  if (!ok)
    out.headers.emplace_back("Retry-After", "1");
  x.answer(std::move(out));
}

route make(std::string_view path, std::string_view summary, void (*handle)(exchange&)) {
  route out;
  out.path = path;
  out.summary = summary;
  out.handle = handle;
  out.answers = {{200, "Up"}, {503, "Down"}};
  out.lenient = true;
  out.limited = false;
  return out;
}

} // namespace

void add_health_routes(std::vector<route>& out) {
  out.push_back(make("/api/health", "Every check of the last round", api_health));
  out.push_back(make("/api/health/cache", "Hits and misses of each cache layer", cache_health));
  out.push_back(
    make("/health", "Checks as true or false; 503 when the database or a configured Redis is down", health));
  out.push_back(make("/health/db", "The database's check", database));
  out.push_back(make("/health/redis", "Redis' check; disabled counts as up", redis));
  out.push_back(make("/livez", "The process is alive", live));
  out.push_back(make("/readyz", "Requests can be served; 503 while starting or draining", ready));
}

} // namespace troupe::net
