#include "actors/cluster/file_hosts.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::cluster {

namespace {

constexpr size_t most_remembered = 1000;
/// After this an address was good, and is asked for anew because it has expired.
constexpr std::chrono::minutes remembered{1};
/// RFC 1035, with room for an address.
constexpr size_t most_host = 255;

/// What may stand between scheme and port of an address without changing its meaning.
bool is_host(std::string_view text) {
  constexpr std::string_view more = "-._:";
  return !text.empty() && text.size() <= most_host && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || more.find(c) != std::string_view::npos;
  });
}

} // namespace

std::optional<std::pair<std::string, uint16_t>> parse_file_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  if (!is_host(host) || bracketed != (host.find(':') != std::string_view::npos))
    return std::nullopt;
  uint16_t number = 0;
  auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size() || number == 0)
    return std::nullopt;
  return std::pair{std::string{host}, number};
}

std::string file_address(std::string_view host, uint16_t port) {
  std::string out{host};
  if (out.find(':') != std::string::npos)
    out = "[" + out + "]";
  return out + ":" + std::to_string(port);
}

file_hosts hosts_of(const std::vector<node_details>& nodes, library_id library, const std::string& asker) {
  const auto wanted = library_capability(library);
  file_hosts out;
  for (auto& x : nodes) {
    auto at = parse_file_address(x.file_address);
    if (!at || x.workers.empty() || (!asker.empty() && x.rules.name == asker)
        || std::ranges::find(x.capabilities, wanted) == x.capabilities.end())
      continue;
    auto& group = x.rules.state == node_state::active ? out.preferred : out.others;
    group.push_back({x.rules.name, std::move(at->first), at->second});
  }
  std::ranges::sort(out.preferred, {}, &file_host::node);
  std::ranges::sort(out.others, {}, &file_host::node);
  return out;
}

std::optional<file_host> file_host_turns::next(const file_hosts& hosts, const std::string& question, mono_time now) {
  if (hosts.empty())
    return std::nullopt;
  auto all = hosts.preferred;
  all.insert(all.end(), hosts.others.begin(), hosts.others.end());
  while (!given_.empty() && given_.back().at + remembered <= now)
    given_.pop_back();
  auto before = std::ranges::find(given_, question, &given::question);
  auto last = before == given_.end() ? all.end() : std::ranges::find(all, before->node, &file_host::node);
  size_t index = 0;
  if (last != all.end())
    index = static_cast<size_t>(last - all.begin() + 1) % all.size();
  else if (!hosts.preferred.empty())
    index = turn_++ % hosts.preferred.size();
  else
    index = turn_++ % all.size();
  if (before != given_.end())
    given_.erase(before);
  given_.push_front({question, all[index].node, now});
  if (given_.size() > most_remembered)
    given_.pop_back();
  return all[index];
}

} // namespace troupe::cluster
