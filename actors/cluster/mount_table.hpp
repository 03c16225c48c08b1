#pragma once

// Where a node has what the coordinator has under another path: worker.mounts of the configuration.

#include "protocol/model/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster {

/// Both are absolute, without "." or "..", double slashes or one at the end.
struct mount_entry {
  /// As the coordinator sees it.
  std::string there;
  /// The same folder on this node.
  std::string here;

  bool operator==(const mount_entry&) const = default;
  /// "/srv/films=/mnt/films"
  std::string str() const;
};

/// Maps paths of the coordinator to paths of this node. Entries may be nested ("/srv" and "/srv/films"): the longest
/// one that covers a path counts, at whole components; what none covers is the same here. Two folders of the
/// coordinator that would become the same one here are refused.
class mount_table {
public:
  mount_table() = default;
  /// errc::validation with everything that is wrong with the texts (COORDINATOR=HERE), a sentence each that names the
  /// entry and says what to write instead. `data_folder`: of this node, absolute; empty: there is none to keep out of.
  static result<mount_table> parse(const std::vector<std::string>& texts, std::string_view data_folder = {});

  std::string here(std::string_view coordinator_path) const;
  /// The entry that maps it, or nullptr.
  const mount_entry* covering(std::string_view coordinator_path) const noexcept;
  const std::vector<mount_entry>& entries() const noexcept {
    return entries_;
  }

private:
  std::vector<mount_entry> entries_;
};

/// Is it the folder itself, or below it? Both without a slash at the end.
bool is_within(std::string_view path, std::string_view folder) noexcept;

} // namespace troupe::cluster
