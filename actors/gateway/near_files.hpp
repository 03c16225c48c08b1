#pragma once

#include "protocol/ports/backend.hpp"
#include "protocol/ports/files.hpp"

#include <memory>
#include <mutex>

namespace troupe::gateway {

/// Which of the coordinator's files can be read and written on this node, and where. The one place that knows it; what
/// is not here is read from afar (far_reader). Thread safe.
class near_files {
public:
  /// The coordinator is in this process: all of them, where it says, but what `here` does not find in a library may be
  /// on another node.
  near_files(std::string data_folder, std::shared_ptr<ports::files> here);
  /// On another node: the data folder if it is mounted at `mounted_at`, which its node.id proves each time; a library
  /// if it is mounted at the same path as there, which the size and the time of each file prove.
  near_files(std::shared_ptr<ports::files> files, std::string mounted_at);

  /// What the coordinator says of its data folder. Returns a sentence for the log when it is not mounted here. Blocks.
  result<void> coordinator_is(std::string data_folder, std::string data_id);

  /// Its path on this node. errc::unavailable: it is on another one. Blocks.
  result<std::string> find(const ports::wanted_file& what) const;
  /// Where uploads are written on this node, or errc::unavailable. Blocks.
  result<std::string> uploads() const;
  /// The same folder as the coordinator sees it: in the jobs that are made of them.
  std::string coordinators_uploads() const;

private:
  struct facts {
    /// As the coordinator sees it; empty: it was never met.
    std::string folder;
    std::string id;
  };
  facts present() const;
  /// The data folder on this node.
  result<std::string> data() const;

  const std::shared_ptr<ports::files> files_;
  /// The coordinator is in this process.
  const bool beside_;
  std::string mounted_at_;
  mutable std::mutex mutex_;
  facts facts_;
};

} // namespace troupe::gateway
