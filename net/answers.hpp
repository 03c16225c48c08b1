#pragma once

// Answers that several groups of routes give.

#include "net/exchange.hpp"

#include "protocol/model/job.hpp"

#include <algorithm>

namespace troupe::net {

/// The id in the path; answers 404 and gives nullopt when it is none.
template <class Id>
std::optional<Id> id_from_path(exchange& x, std::string_view what) {
  auto id = Id::parse(x.req.path_values.at(0));
  if (!id)
    x.answer_error({errc::not_found, "there is no " + std::string{what} + " of this id"});
  return id;
}

/// {jobId,status,trackingUrl}
response job_response(int status, const submit_receipt& receipt);

/// {"success":true,"data":…,"meta":{"timestamp","version"}}, for /api/admin and its like; `data` is JSON.
response enveloped(int status, std::string_view data);

/// {name: [items], page, limit, total, totalPages}
std::string page_json(std::string_view name, std::string items, uint32_t page, uint32_t limit, uint64_t total);

} // namespace troupe::net
