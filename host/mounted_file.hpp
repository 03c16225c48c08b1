#pragma once

// A file of this node whose file system may cease to answer: one of a network, or one that a program serves (FUSE). Its
// bytes are read on the threads of its root and sent from memory, so that a mount that hangs in the middle of an answer
// keeps these, and no thread that serves others.

#include "protocol/ports/backend.hpp"
#include "protocol/ports/root_threads.hpp"

#include <string>

namespace troupe::host {

/// Thread safe; its streams as ports::far_stream says.
class mounted_file final : public ports::far_file {
public:
  /// `root`: as ports::root_threads has it. What hangs there keeps no node's threads object alive.
  mounted_file(std::shared_ptr<const unique_fd> file, const file_version& version,
               std::weak_ptr<ports::root_threads> disks, std::string root);

  const file_version& version() const noexcept override {
    return version_;
  }
  std::unique_ptr<ports::far_stream> read(byte_span part) override;

  struct source;

private:
  const file_version version_;
  std::shared_ptr<const source> source_;
};

/// As a mounted_file, unless it is on a file system that this machine has itself. Blocks, as opening it did.
ports::located_file behind_threads(ports::located_file file, std::weak_ptr<ports::root_threads> disks,
                                   std::string root);

} // namespace troupe::host
