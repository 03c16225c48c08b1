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

  /// What the coordinator says of its data folder.
  void coordinator_is(std::string data_folder, std::string data_id);
  /// A sentence for the log when that is not mounted here. Blocks, as find() does.
  result<void> check_data() const;

  /// Of the gateway on the coordinator's own node, "http://HOST:PORT", which takes uploads in any case; empty: it has
  /// none.
  void coordinators_gateway(const std::string& node, const std::string& url);

  /// Opens it, if it is on this node; of a library nothing but what is below its root. errc::unavailable: it is on
  /// another one; errc::not_found, and what else opening it says. Blocks, for ever where a mount hangs: it touches
  /// nothing but what it shares.
  result<ports::located_file> find(const ports::wanted_file& what) const;
  /// No other node has what this one does not: it is of the data folder of the coordinator in this process.
  bool are_the_only_ones(const ports::wanted_file& what) const noexcept {
    return beside_ && !what.library;
  }
  /// Where uploads are written on this node, or errc::unavailable with who takes them instead. Blocks.
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
  result<ports::located_file> find_in_data(const std::string& path) const;
  /// Why a library's file can't be opened: no other node is asked for it.
  bool is_final(const error& why, const std::string& root, const ports::wanted_file& what, bool in_data) const;

  const std::shared_ptr<ports::files> files_;
  /// The coordinator is in this process.
  const bool beside_;
  std::string mounted_at_;
  mutable std::mutex mutex_;
  facts facts_;
  /// Who takes uploads, for people.
  std::string elsewhere_ = "a gateway that has it";
};

} // namespace troupe::gateway
