#include "nodes/trouped/file_means.hpp"

#include "actors/cluster/file_hosts.hpp"
#include "host/folder_lock.hpp"
#include "host/source_cache.hpp"
#include "host/system_error.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace troupe::node {

namespace {

std::string environment(const char* name) {
  const auto* value = std::getenv(name);
  return value && *value == '/' ? value : "";
}

/// As a name of a folder.
std::string plain(std::string name) {
  std::ranges::replace_if(
    name, [](char c) { return c == '/' || c == '\0'; }, '_');
  return name == "." || name == ".." || name.empty() ? "node" : name;
}

result<std::string> cache_folder(const parts& p, const cache_place& place) {
  if (!place.named.empty()) {
    std::error_code failed;
    auto full = std::filesystem::absolute(place.named, failed).lexically_normal().string();
    return failed ? result<std::string>{errc::validation, failed.message()} : full;
  }
  if (place.has_own_data)
    return p.shared_data + "/" + place.in_data;
  const auto name = "/" + plain(place.prefix + p.settings.node_name());
  if (auto given = environment("CACHE_DIRECTORY"); !given.empty())
    return given.substr(0, given.find(':')) + name;
  if (auto user = environment("XDG_CACHE_HOME"); !user.empty())
    return user + "/troupe" + name;
  if (auto home = environment("HOME"); !home.empty())
    return home + "/.cache/troupe" + name;
  return {errc::not_found, "this user has no folder of its own"};
}

} // namespace

net::peer_papers papers_of(const parts& p) {
  auto& own = p.mesh->papers();
  return own ? net::peer_papers{own->own.certificate, own->own.key, own->authority} : net::peer_papers{};
}

std::string file_url(const parts& p, const std::string& host, uint16_t port, const std::string& ticket) {
  const std::string scheme = p.mesh->papers() ? "https://" : "http://";
  return scheme + cluster::file_address(host, port) + "/files/" + ticket;
}

result<locked_cache> open_locked_cache(const parts& p, const cache_place& place) {
  auto folder = cache_folder(p, place);
  if (!folder)
    return std::move(folder).error();
  TROUPE_TRY(p.files->make_folders(*folder));
  // The folder that is locked is the one that is used, whatever is mounted there meanwhile.
  host::source_cache_options options;
  options.opened = unique_fd{::open(folder->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!options.opened)
    return host::system_error(errno, "open the folder", *folder);
  auto lock = host::lock_folder(options.opened.get(), *folder);
  if (!lock)
    return std::move(lock).error();
  options.folder = *folder;
  options.max_bytes = place.max_bytes;
  options.reserve_bytes = p.settings.health.min_free.bytes;
  auto cache = host::open_source_cache(std::move(options));
  if (!cache)
    return std::move(cache).error();
  return locked_cache{std::move(*folder), std::move(*lock), std::move(*cache)};
}

} // namespace troupe::node
