#include "net/server_config.hpp"

#include <arpa/inet.h>

namespace troupe::net {

namespace {

bool is_ip_address(const std::string& text) {
  in6_addr out;
  return inet_pton(AF_INET, text.c_str(), &out) == 1 || inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

bool is_origin(const std::string& text) {
  auto scheme = text.starts_with("https://") ? 8u : text.starts_with("http://") ? 7u : 0u;
  return scheme > 0 && text.size() > scheme && text.find('/', scheme) == std::string::npos;
}

} // namespace

result<void> server_config::validate() const {
  error problems{errc::validation, "the gateway's configuration has values that are not allowed"};
  auto check = [&](bool ok, const char* field, const char* reason) {
    if (!ok)
      problems.fields.emplace_back(field, reason);
  };
  auto positive = [&](milliseconds value, const char* field) {
    check(value.count() > 0, field, "must be longer than zero");
  };
  check(is_ip_address(address), "address", "must be an IPv4 or IPv6 address");
  check(threads >= 1 && threads <= 64, "threads", "must be 1 to 64");
  check(file_threads >= 1 && file_threads <= 64, "file_threads", "must be 1 to 64");
  check(max_connections >= 1, "max_connections", "must be at least 1");
  check(max_header_bytes >= 1024 && max_header_bytes <= 1024 * 1024, "max_header_bytes", "must be 1 KiB to 1 MiB");
  check(max_header_count >= 8, "max_header_count", "must be at least 8");
  check(max_body_bytes >= 1024, "max_body_bytes", "must be at least 1 KiB");
  check(max_upload_bytes >= 1, "max_upload_bytes", "must be at least 1");
  check(max_live_queue >= 8, "max_live_queue", "must be at least 8");
  check(max_live_topics >= 1, "max_live_topics", "must be at least 1");
  check(max_live_message_bytes >= 125, "max_live_message_bytes", "must be at least 125");
  positive(header_deadline, "header_deadline");
  positive(body_deadline, "body_deadline");
  positive(write_deadline, "write_deadline");
  positive(idle_deadline, "idle_deadline");
  positive(answer_deadline, "answer_deadline");
  positive(linger_deadline, "linger_deadline");
  positive(live_keepalive, "live_keepalive");
  for (auto& origin : allowed_origins)
    check(is_origin(origin), "allowed_origins", "each must be scheme://host[:port] without a path");
  for (auto& host : allowed_hosts)
    check(!host.empty() && host.find('/') == std::string::npos, "allowed_hosts", "each must be a host name or *");
  if (!problems.fields.empty())
    return problems;
  return {};
}

} // namespace troupe::net
