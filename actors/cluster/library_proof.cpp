#include "actors/cluster/library_proof.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <unistd.h>

namespace troupe::cluster {

namespace {

constexpr size_t most_bytes = 4096;

/// "/srv/films=/mnt/films" in worker.mounts
std::string entry(const mesh::sampled_library& lib, const std::string& here) {
  return "\"" + mount_entry{lib.root, here}.str() + "\" in worker.mounts";
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string known(uint64_t files) {
  return files == 1 ? "1 file of it is known" : std::to_string(files) + " files of it are known";
}

} // namespace

std::string name_of(const mesh::sampled_library& lib) {
  return "library " + lib.id.str() + " \"" + lib.name + "\" (" + lib.root + "): ";
}

result<void> library_proof::check(const mesh::sampled_library& lib) const {
  const auto root = how_.mounts.here(lib.root);
  auto facts = files_->look_at_folder(root);
  if (!facts)
    return missing_root(lib, root, facts.error());
  if (facts->empty && lib.files > 0)
    return empty_root(lib, root);
  if (facts->empty && !how_.trusted)
    return {errc::not_found, name_of(lib) + root
                               + " is empty here, and nothing of the library is known that could tell it from a mount "
                                 "point without its disk; it counts when the coordinator has found a file in it"};
  return check_samples(lib, root);
}

result<void> library_proof::check_samples(const mesh::sampled_library& lib, const std::string& root) const {
  error first{errc::none, {}};
  bool any = lib.samples.empty();
  for (auto& sample : lib.samples) {
    auto same = compare(sample, root);
    any |= same.has_value();
    if (!same && !sample.bytes.empty())
      return elsewhere(lib, root, std::move(same).error());
    if (!same && first.code == errc::none)
      first = std::move(same).error();
  }
  return any ? result<void>{} : result<void>{elsewhere(lib, root, std::move(first))};
}

result<void> library_proof::compare(const mesh::library_sample& sample, const std::string& root) const {
  const auto path = root + "/" + sample.path;
  // Wherever links lead: it is compared and not given away, and one folder that was linked elsewhere is no other
  // library.
  auto file = files_->open_source(path);
  if (!file)
    return std::move(file).error();
  if (file->version.size != sample.size)
    return {errc::conflict,
            path + " has " + std::to_string(file->version.size) + " bytes and not " + std::to_string(sample.size)};
  std::array<char, most_bytes> buffer;
  const auto wanted = std::min(sample.bytes.size(), buffer.size());
  size_t have = 0;
  while (have < wanted) {
    auto n = ::pread(file->fd.get(), buffer.data() + have, wanted - have, static_cast<off_t>(sample.offset + have));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return {errc::io, "can't read " + path + ": " + std::generic_category().message(errno)};
    if (n == 0)
      break;
    have += static_cast<size_t>(n);
  }
  if (have != wanted || std::string_view{buffer.data(), have} != std::string_view{sample.bytes}.substr(0, wanted))
    return {errc::conflict, path + " has another content than on the coordinator"};
  return {};
}

bool library_proof::all_in(const mesh::sampled_library& lib, const std::string& root) const {
  return std::ranges::all_of(lib.samples, [&](auto& sample) { return compare(sample, root).has_value(); });
}

std::optional<error> library_proof::displaced(const mesh::sampled_library& lib, const std::string& root) const {
  if (lib.samples.empty())
    return std::nullopt;
  for (auto& other : {root + "/" + last_part(lib.root), root + "/" + last_part(root), root.substr(0, root.rfind('/'))})
    if (!other.empty() && all_in(lib, other))
      return error{errc::conflict,
                   name_of(lib) + "its files are not in " + root + " but in " + other + "; write " + entry(lib, other)};
  return std::nullopt;
}

error library_proof::missing_root(const mesh::sampled_library& lib, const std::string& root, const error& why) const {
  if (why.code != errc::not_found)
    return explained(lib, root, why);
  if (auto other = displaced(lib, root))
    return std::move(*other);
  auto* covering = how_.mounts.covering(lib.root);
  if (!covering)
    return {errc::not_found, name_of(lib)
                               + "this node has no such folder; if it has the library under another path, "
                                 "write "
                               + entry(lib, "HERE") + " with that path for HERE"};
  return {errc::not_found, name_of(lib) + why.message + " (worker.mounts has \"" + covering->str()
                             + "\"); mount the library there, or write " + entry(lib, "HERE")
                             + " with the path under which this machine has it for HERE"};
}

error library_proof::empty_root(const mesh::sampled_library& lib, const std::string& root) const {
  if (auto other = displaced(lib, root))
    return std::move(*other);
  return {errc::not_found, name_of(lib) + root + " is empty, but " + known(lib.files)
                             + "; it looks like a mount point whose disk is not mounted: mount it, or write "
                             + entry(lib, "HERE") + " with the path under which this machine has the files for HERE"};
}

error library_proof::elsewhere(const mesh::sampled_library& lib, const std::string& root, error why) const {
  if (why.code != errc::not_found && why.code != errc::conflict)
    return explained(lib, root, std::move(why));
  if (auto other = displaced(lib, root))
    return std::move(*other);
  auto what = why.code == errc::not_found ? "its known files are not in it" : why.message;
  return {errc::conflict, name_of(lib) + root + " is not the coordinator's folder: " + what + "; write "
                            + entry(lib, "HERE")
                            + " with the path under which this machine has the same files for HERE"};
}

error library_proof::explained(const mesh::sampled_library& lib, const std::string& root, error why) const {
  switch (why.code) {
  case errc::forbidden:
    why.message += "; this node runs as user " + how_.user + ", who needs the right to read all of " + root;
    break;
  case errc::unprocessable:
    why.message += "; write " + entry(lib, "HERE") + " with the folder that holds the library's files for HERE";
    break;
  default:
    why.message += "; the mount does not work: unmount it and mount it again, and check the server or disk behind it";
  }
  why.message.insert(0, name_of(lib));
  return why;
}

error library_proof::hung(const mesh::sampled_library& lib, milliseconds waited) const {
  return {errc::timeout, name_of(lib) + how_.mounts.here(lib.root) + " has not answered for "
                           + std::to_string(waited.count() / 1000)
                           + " s; the mount hangs: check the server that it comes from, or unmount it"};
}

} // namespace troupe::cluster
