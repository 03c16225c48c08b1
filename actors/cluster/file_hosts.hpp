#pragma once

// Which node serves a library's file that the coordinator has not. Actor-free.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/node.hpp"

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster {

/// Where a node serves its files.
struct file_host {
  std::string node;
  std::string host;
  uint16_t port = 0;

  bool operator==(const file_host&) const = default;
};

/// "ben.lan:3003", "10.0.0.2:3003", "[fd00::2]:3003" → host (without brackets) and port. Nothing for any other text.
std::optional<std::pair<std::string, uint16_t>> parse_file_address(std::string_view text);
/// The other way round.
std::string file_address(std::string_view host, uint16_t port);

/// Nodes that are here, offer the library and serve files, each group by name.
struct file_hosts {
  /// In work.
  std::vector<file_host> preferred;
  /// Drained or quarantined: only when none of the others serves.
  std::vector<file_host> others;

  bool empty() const noexcept {
    return preferred.empty() && others.empty();
  }
};

/// `asker`: left out, it has no use for its own; empty: nobody.
file_hosts hosts_of(const std::vector<node_details>& nodes, library_id library, const std::string& asker);

/// Spreads those who ask over the hosts. Who asks again within a minute was not served well: it gets the next one.
/// Remembers the last thousand questions. One thread.
class file_host_turns {
public:
  /// `question`: who asks for what. Nothing when there is no host.
  std::optional<file_host> next(const file_hosts& hosts, const std::string& question, mono_time now);

private:
  struct given {
    std::string question;
    std::string node;
    mono_time at;
  };
  /// Newest first.
  std::list<given> given_;
  uint64_t turn_ = 0;
};

} // namespace troupe::cluster
