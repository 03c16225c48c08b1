#include "net/answers.hpp"

#include "protocol/model/json_writer.hpp"

namespace troupe::net {

response job_response(int status, const submit_receipt& receipt) {
  object_writer out;
  out.text("jobId", receipt.id.str()).text("status", to_string(receipt.state));
  out.text("trackingUrl", "/api/jobs/" + receipt.id.str() + "/status");
  return json_response(status, std::move(out).str());
}

response enveloped(int status, std::string_view data) {
  object_writer meta;
  meta.time("timestamp", system_clocks{}.wall()).text("version", TROUPE_VERSION);
  object_writer out;
  out.boolean("success", true).raw("data", data).raw("meta", std::move(meta).str());
  return json_response(status, std::move(out).str());
}

std::string page_json(std::string_view name, std::string items, uint32_t page, uint32_t limit, uint64_t total) {
  object_writer out;
  out.raw(name, items).number("page", page).number("limit", limit).number("total", total);
  out.number("totalPages", (total + limit - 1) / limit);
  return std::move(out).str();
}

} // namespace troupe::net
