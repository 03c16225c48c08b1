#pragma once

// What this node knows of the libraries: where each of them is here, or why it is not. Written by library_watch, read
// by whoever opens files.

#include "actors/cluster/mount_table.hpp"
#include "protocol/model/catalogue.hpp"

#include <map>
#include <mutex>

namespace troupe::cluster {

/// Thread safe; no call blocks.
class mounted_libraries {
public:
  /// `data_folder`: the coordinator's as this node sees it, where uploads and downloads are; empty: it does not.
  mounted_libraries(mount_table mounts, std::string data_folder);

  /// The library's root on this node. errc::unavailable with what is wrong, in a sentence for people;
  /// errc::not_found when it was not looked at yet, or there is no such library.
  result<std::string> root_of(library_id id) const;
  /// The same for who knows the coordinator's root: a library that was not looked at yet is taken to be where the
  /// mounts say.
  result<std::string> root_of(library_id id, const std::string& coordinator_root) const;
  /// Where a file is that the coordinator has at `coordinator_path`, which ends with `relative` below its library's
  /// root.
  result<std::string> place_of(library_id id, const std::string& coordinator_path, const std::string& relative) const;

  /// A sentence each, in order of the libraries' ids.
  std::vector<std::string> problems() const;
  /// "library:<id>" of those that are here, sorted.
  std::vector<std::string> capabilities() const;
  bool is_mounted(library_id id) const;
  const mount_table& mounts() const noexcept {
    return mounts_;
  }

  // -- library_watch

  /// What a check found. True: it was not known so before.
  bool set(library_id id, const std::string& coordinator_root, const result<void>& found);
  /// Forgets all others.
  void keep_only(const std::vector<library_id>& ids);

private:
  struct entry {
    std::string coordinator_root;
    /// errc::none: it is here.
    error problem{errc::none, {}};
  };
  result<std::string> root_here(const entry& x) const;
  /// uploads and downloads; empty for others.
  std::string built_in_folder(library_id id) const;

  const mount_table mounts_;
  const std::string data_folder_;
  mutable std::mutex mutex_;
  std::map<library_id, entry> entries_;
};

/// Offered by the worker in the coordinator's own process: it sees every path as the coordinator does.
inline constexpr std::string_view coordinator_capability = "coordinator";
/// Offered by workers that share the coordinator's data folder.
inline constexpr std::string_view data_capability = "data";

} // namespace troupe::cluster
