#include "host/data_folder.hpp"

#include "host/files.hpp"
#include "host/folder_files.hpp"
#include "host/folder_lock.hpp"
#include "host/posix.hpp"
#include "host/system_error.hpp"
#include "protocol/model/ids.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>

namespace troupe::host {

namespace {

result<std::string> real_path(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr), &std::free};
  if (!real)
    return system_error(errno, "find", path);
  return std::string{real.get()};
}

result<std::string> node_id_of(files& disk, const std::string& folder) {
  auto path = folder + "/node.id";
  auto text = disk.read_text(path);
  if (!text && text.error().code != errc::not_found)
    return std::move(text).error();
  if (text && !text->empty()) {
    auto id = text->substr(0, text->find('\n'));
    if (!parse_raw_id(id))
      return {errc::conflict, path + " does not hold a node's id: restore it, or remove it for a new one"};
    return id;
  }
  auto id = to_string(random_id());
  TROUPE_TRY(disk.write_text(path, id + "\n"));
  return id;
}

} // namespace

result<data_folder> data_folder::open(const std::string& path) {
  files disk;
  TROUPE_TRY(disk.make_folders(path));
  auto real = real_path(path);
  if (!real)
    return std::move(real).error();
  data_folder out;
  out.path_ = *real;
  auto lock = lock_folder(out.path_);
  if (!lock)
    return {lock.error().code, "the data folder " + lock.error().message};
  out.lock_ = std::move(*lock);
  for (auto name : {"artwork", "renditions", "uploads", "downloads", "tmp", "logs"})
    TROUPE_TRY(disk.make_folders(out.path_ + "/" + name));
  // They may be there from a life that was killed before it had synced their names.
  TROUPE_TRY(sync_folder(out.path_));
  auto id = node_id_of(disk, out.path_);
  if (!id)
    return std::move(id).error();
  out.node_id_ = *id;
  return out;
}

namespace {

/// What is wrong with it, without what to do.
result<void> check_folder(folder_files& folder, const std::string& path, const std::string& id) {
  auto there = folder.read_text(path + "/node.id");
  if (!there && there.error().code == errc::not_found)
    return {errc::unavailable, "there is no node.id in " + path + ", as if nothing were mounted there"};
  if (!there)
    return {errc::unavailable, there.error().message};
  if (there->substr(0, there->find('\n')) != id)
    return {errc::unavailable, path + " is another data folder than the coordinator's (node.id differs)"};
  // A folder that is gone is made again; one that nothing can be made in is of no use.
  auto writable = folder.check_writable(path + "/tmp");
  if (!writable && writable.error().code != errc::not_found)
    return {errc::unavailable, writable.error().message};
  return {};
}

} // namespace

result<std::shared_ptr<ports::files>> prove_data_folder(const std::string& path, const std::string& id) {
  const auto refuse = [&](const std::string& what) {
    return error{errc::unavailable,
                 what + "; mount the coordinator's data folder at " + path + ", to be read and written"};
  };
  auto folder = folder_files::open(path);
  if (!folder)
    return refuse(folder.error().message);
  if (auto good = check_folder(**folder, path, id); !good)
    return refuse(good.error().message);
  return std::shared_ptr<ports::files>{std::move(*folder)};
}

} // namespace troupe::host
