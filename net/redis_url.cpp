#include "net/redis_url.hpp"

#include <charconv>
#include <optional>

namespace troupe::net {

namespace {

std::optional<std::string> percent_decode(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    unsigned x = 0;
    if (i + 2 >= text.size())
      return std::nullopt;
    auto* end = text.data() + i + 3;
    auto [stop, problem] = std::from_chars(text.data() + i + 1, end, x, 16);
    if (problem != std::errc{} || stop != end)
      return std::nullopt;
    result += static_cast<char>(x);
    i += 2;
  }
  return result;
}

template <class T>
bool parse_number(std::string_view text, T& x) {
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), x);
  return problem == std::errc{} && end == text.data() + text.size();
}

troupe::error bad(std::string what) {
  return {errc::validation,
          "the Redis URL has " + what + "; expected redis://[user][:password]@host[:port][/database]"};
}

result<void> take_credentials(std::string_view& rest, redis_address& x) {
  auto at = rest.rfind('@');
  if (at == std::string_view::npos)
    return {};
  auto text = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  auto colon = text.find(':');
  auto user = percent_decode(text.substr(0, colon));
  auto password = percent_decode(colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1));
  if (!user || !password)
    return bad("credentials that are not percent-encoded");
  x.user = std::move(*user);
  x.password = std::move(*password);
  return {};
}

} // namespace

result<redis_address> parse_redis_url(std::string_view url) {
  constexpr std::string_view scheme = "redis://";
  if (!url.starts_with(scheme))
    return bad("another scheme than redis");
  url.remove_prefix(scheme.size());
  redis_address x;
  // A password may hold a raw '/', an address never holds '@'.
  TROUPE_TRY(take_credentials(url, x));
  if (auto slash = url.find('/'); slash != std::string_view::npos) {
    auto database = url.substr(slash + 1);
    if (!database.empty() && !parse_number(database, x.database))
      return bad("a database that is not a number");
    url = url.substr(0, slash);
  }
  auto host_end = url.starts_with('[') ? url.find(']') : url.rfind(':');
  if (url.starts_with('[')) {
    if (host_end == std::string_view::npos)
      return bad("a bracket that is not closed");
    x.host = url.substr(1, host_end - 1);
    url.remove_prefix(host_end + 1);
  } else {
    auto host = url.substr(0, host_end);
    if (!host.empty())
      x.host = host;
    url.remove_prefix(host.size());
  }
  if (x.host.empty())
    return bad("no host");
  if (url.empty())
    return x;
  if (!url.starts_with(':') || !parse_number(url.substr(1), x.port) || x.port == 0)
    return bad("a port that is not a number from 1 to 65535");
  return x;
}

} // namespace troupe::net
