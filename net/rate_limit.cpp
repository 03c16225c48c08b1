#include "net/rate_limit.hpp"

#include <arpa/inet.h>

namespace troupe::net {

namespace {

/// Who is counted: an IPv4 address, or the /64 of an IPv6 address (one household has all of it).
std::string key_of(std::string_view address) {
  std::string text{address};
  in6_addr v6;
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1)
    return std::string(reinterpret_cast<const char*>(&v6), 8);
  return text;
}

} // namespace

rate_limit::verdict rate_limit::take(std::string_view address, clock::time_point now) {
  if (limit_ == 0)
    return {};
  auto key = key_of(address);
  std::lock_guard guard{mutex_};
  if (entries_.size() >= max_addresses)
    std::erase_if(entries_, [&](auto& e) { return now - e.second.start >= window; });
  if (entries_.size() >= max_addresses)
    entries_.clear();
  auto& e = entries_[std::move(key)];
  if (e.used == 0 || now - e.start >= window)
    e = {now, 0};
  verdict out;
  out.limit = limit_;
  out.reset = std::chrono::ceil<std::chrono::seconds>(e.start + window - now);
  out.allowed = e.used < limit_;
  if (out.allowed)
    ++e.used;
  out.remaining = limit_ - e.used;
  return out;
}

} // namespace troupe::net
