#pragma once

// Whether a node has a library, told by the content of its files.

#include "actors/cluster/mount_table.hpp"
#include "protocol/mesh/messages.hpp"
#include "protocol/ports/files.hpp"

namespace troupe::cluster {

/// "library 01k… "films" (/srv/films): ": how every sentence about a library on a node begins. Who explains why a job
/// waits finds those about its library by the id.
std::string name_of(const mesh::sampled_library& lib);

/// Checks libraries as this node sees them. Actor-free; thread safe, as `files` is. Every check blocks, on a broken
/// mount for ever.
class library_proof {
public:
  struct settings {
    mount_table mounts;
    /// What this process runs as, for messages ("troupe").
    std::string user;
    /// This node is the coordinator, or shares its data folder: a library that holds nothing yet counts.
    bool trusted = false;
  };
  library_proof(std::shared_ptr<ports::files> files, settings how) : files_(std::move(files)), how_(std::move(how)) {
  }

  /// The sample files that the coordinator read have to be there with the same bytes. Of those that only the catalogue
  /// knows, which may be out of date, one has to have the right size. The message of an error is a sentence that says
  /// what is wrong on this node and what to write instead; its code is not_found (not mounted, or empty), conflict
  /// (other files), unprocessable, forbidden, or io.
  result<void> check(const mesh::sampled_library& lib) const;
  /// The message of a check that does not come to its end.
  error hung(const mesh::sampled_library& lib, milliseconds waited) const;

  const mount_table& mounts() const noexcept {
    return how_.mounts;
  }

private:
  result<void> check_samples(const mesh::sampled_library& lib, const std::string& root) const;
  result<void> compare(const mesh::library_sample& sample, const std::string& root) const;
  bool all_in(const mesh::sampled_library& lib, const std::string& root) const;
  /// The files are one level below or above: what people get wrong most.
  std::optional<error> displaced(const mesh::sampled_library& lib, const std::string& root) const;
  error missing_root(const mesh::sampled_library& lib, const std::string& root, const error& why) const;
  error empty_root(const mesh::sampled_library& lib, const std::string& root) const;
  error elsewhere(const mesh::sampled_library& lib, const std::string& root, error why) const;
  error explained(const mesh::sampled_library& lib, const std::string& root, error why) const;

  std::shared_ptr<ports::files> files_;
  settings how_;
};

} // namespace troupe::cluster
