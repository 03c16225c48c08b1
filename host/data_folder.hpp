#pragma once

#include "protocol/model/result.hpp"
#include "protocol/ports/fd.hpp"
#include "protocol/ports/files.hpp"

#include <memory>

namespace troupe::host {

/// The folder that holds everything a node keeps. Whoever has one of these objects is its only process.
///
///   troupe.db    the database           lock         held by the node, with its pid
///   node.id      26 characters, made once: who can read it sees the same folder
///   artwork/     pictures               renditions/  files made from videos
///   uploads/     finished uploads       downloads/   finished downloads
///   tmp/         work in hand           logs/
class data_folder {
public:
  /// Makes what is missing (0750) and takes the lock until destruction. errc::conflict names the process that has it.
  /// Blocks.
  static result<data_folder> open(const std::string& path);

  /// Absolute, no link, no trailing slash.
  const std::string& path() const noexcept {
    return path_;
  }
  const std::string& node_id() const noexcept {
    return node_id_;
  }
  std::string database() const {
    return path_ + "/troupe.db";
  }
  std::string uploads() const {
    return path_ + "/uploads";
  }
  std::string downloads() const {
    return path_ + "/downloads";
  }
  std::string logs() const {
    return path_ + "/logs";
  }

private:
  data_folder() = default;

  std::string path_;
  std::string node_id_;
  unique_fd lock_;
};

/// Proves that the data folder with this id (its node.id) is at `path` now and can be written in, and gives files that
/// go on being those of the very folder that was proved, whatever becomes of its mount. `path` is absolute, without a
/// slash at its end. errc::unavailable: it is not, or can't be; a sentence that says how, and what to do. Blocks.
result<std::shared_ptr<ports::files>> prove_data_folder(const std::string& path, const std::string& id);

} // namespace troupe::host
