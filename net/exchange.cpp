#include "net/exchange.hpp"

#include "net/headers.hpp"
#include "net/route.hpp"

#include "protocol/model/trace.hpp"

namespace troupe::net {

std::string trace_context_of(const request& req) {
  std::string_view value;
  size_t count = 0;
  for (auto& [name, v] : req.headers)
    if (name == "traceparent") {
      value = v;
      ++count;
    }
  auto accepted = count == 1 ? accept_traceparent(value) : std::nullopt;
  return accepted ? *std::move(accepted) : new_traceparent();
}

ports::request_context exchange::context() const {
  ports::request_context out;
  out.request_id = req.id;
  out.traceparent = req.traceparent;
  if (auto value = req.header("idempotency-key"))
    if (auto key = idempotency_key(*value))
      // The path too: the same key for two videos is two submissions.
      out.submission_id = std::string{to_string(req.method)} + " " + req.path + " " + *key;
  return out;
}

} // namespace troupe::net
