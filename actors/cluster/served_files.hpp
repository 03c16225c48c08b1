#pragma once

// What a node that is not the coordinator serves of its libraries, to whom the coordinator allows it (ADR 014).

#include "actors/cluster/mounted_libraries.hpp"
#include "identity/ticket.hpp"
#include "protocol/ports/files.hpp"

#include <functional>

namespace troupe::cluster {

/// Behind a file server: which tickets hold, and which file one is for. Reading only, libraries only, and of these only
/// what this node has proved to have; never the data folder. Thread safe.
class served_files {
public:
  /// Opens a file below a root, whatever links are there. Blocks.
  using opener = std::function<result<ports::opened_file>(const std::string& root, const std::string& path)>;

  served_files(std::shared_ptr<const mounted_libraries> mounted, opener open, const clock& time);

  /// From the coordinator's welcome: what it signs with in its present life. Tickets of earlier ones hold no more.
  void set_key(std::string pem);
  /// errc::forbidden: not signed by the present coordinator, expired, or for something else than reading a library's
  /// file.
  result<file_ticket> check(std::string_view text) const;
  /// errc::unavailable with what is wrong with the library here; errc::unprocessable for what is never served.
  result<ports::opened_file> open(const file_ticket& x) const;
  /// Is it the content that the ticket is for? Told from outside, by another mount perhaps: see same_content.
  static bool fits(const file_ticket& x, const file_version& there);

private:
  const std::shared_ptr<const mounted_libraries> mounted_;
  const opener open_;
  const clock& clock_;
  mutable std::mutex mutex_;
  std::string key_;
};

} // namespace troupe::cluster
