#include "net/exchange.hpp"

#include "net/headers.hpp"
#include "net/route.hpp"

namespace troupe::net {

ports::request_context exchange::context() const {
  ports::request_context out;
  out.request_id = req.id;
  if (auto value = req.header("idempotency-key"))
    if (auto key = idempotency_key(*value))
      // The path too: the same key for two videos is two submissions.
      out.submission_id = std::string{to_string(req.method)} + " " + req.path + " " + *key;
  return out;
}

} // namespace troupe::net
