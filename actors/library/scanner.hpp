#pragma once

#include "actors/library/scan_diff.hpp"
#include "protocol/mesh/registry.hpp"
#include "protocol/ports/files.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>

namespace troupe::catalogue {

struct scanner_config {
  std::shared_ptr<ports::files> files;
  /// The coordinator's handles as of now, asked at the beginning of each scan: a coordinator that was started anew has
  /// others. Any thread; must not block.
  std::function<mesh::worker_handles()> coordinator;
  mesh::progress_sink progress;
  /// Where the root of a library is on this node, given the coordinator's. Any thread.
  std::function<result<std::string>(library_id, const std::string& root)> root_here =
    [](library_id, const std::string& root) { return result<std::string>{root}; };
  /// The versions that are known are this node's own. Otherwise they may be another mount's: see same_content.
  bool own_versions = true;
  /// For each question to the coordinator.
  milliseconds timeout{30'000};
};

struct scanner_state {
  scanner_state() = default;
  /// Walks must not go on for nobody.
  ~scanner_state() {
    for (auto& [token, cancelled] : running)
      *cancelled = true;
  }

  /// Cancel flags of the scans that run.
  std::map<lease_token, std::shared_ptr<std::atomic<bool>>> running;
};

/// Role: runs `scan` jobs: walks a library's root, compares it with what is known, streams batches to the librarian.
/// Thread: this actor in the scheduler, each walk in a detached actor of its own. Supervisor: the worker's. A root that
/// is missing, or empty although files of it are known (an empty mount point), fails the job and marks nothing missing.
/// What lies in folders that could not be read is not missing either.
mesh::runner::behavior_type scanner(mesh::runner::stateful_pointer<scanner_state> self, scanner_config config);

} // namespace troupe::catalogue
