#include "net/message.hpp"

#include "net/headers.hpp"

#include "protocol/model/json.hpp"

#include <array>

namespace troupe::net {

namespace {

constexpr std::array<std::string_view, 8> verb_names{"GET",   "HEAD",   "POST",    "PUT",
                                                     "PATCH", "DELETE", "OPTIONS", "OTHER"};

/// Whole seconds, rounded up, at least one.
std::string seconds_of(milliseconds x) {
  return std::to_string(std::max<int64_t>(1, (x.count() + 999) / 1000));
}

} // namespace

std::string_view to_string(verb v) noexcept {
  return verb_names[static_cast<size_t>(v)];
}

verb verb_from(std::string_view name) noexcept {
  for (size_t i = 0; i + 1 < verb_names.size(); ++i)
    if (verb_names[i] == name)
      return static_cast<verb>(i);
  return verb::other;
}

response json_response(int status, std::string body) {
  response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

response error_response(const request& req, const error& what) {
  response out;
  out.status = http_status(what.code);
  auto accept = req.header("accept");
  if (accept && accepts(*accept, "application/problem+json", false)) {
    out.content_type = "application/problem+json";
    out.body = problem_json(what, req.id);
  } else {
    out.body = error_json(what, req.id);
  }
  if (out.status == 429 || out.status == 503)
    out.headers.emplace_back("Retry-After", seconds_of(what.retry_after));
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

} // namespace troupe::net
