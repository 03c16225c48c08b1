#include "actors/library/payloads.hpp"

#include "protocol/model/json_codec.hpp"

namespace troupe::catalogue {

using nlohmann::json;

std::string encode(const scan_payload& x) {
  return json{{"scanId", x.scan.str()}, {"libraryId", x.library.str()}, {"root", x.root}}.dump(
    -1, ' ', false, json::error_handler_t::replace);
}

result<scan_payload> decode_scan_payload(std::string_view text) {
  auto j = json::parse(text, nullptr, false);
  auto field = [&](const char* name) {
    return j.is_object() && j.contains(name) && j[name].is_string() ? j[name].get<std::string>() : std::string{};
  };
  auto scan = scan_id::parse(field("scanId"));
  auto library = library_id::parse(field("libraryId"));
  auto root = field("root");
  if (!scan || !library || root.empty() || root.front() != '/')
    return {errc::validation, "the payload of a scan job needs scanId, libraryId and an absolute root"};
  return scan_payload{*scan, *library, std::move(root)};
}

} // namespace troupe::catalogue
