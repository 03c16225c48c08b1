#pragma once

#include "protocol/model/error.hpp"

#include <cstdint>
#include <string>

namespace troupe::work {

/// A file of another node.
struct remote_file {
  /// What it is: the same key, the same bytes (ports::source_cache).
  std::string key;
  uint64_t size = 0;
  /// What people call it and the node, for error sentences.
  std::string name;
  std::string node;
};

/// What is to be done about a transfer that failed.
enum class remedy {
  /// Again, later.
  later,
  /// Again with another address: this one has expired, most likely.
  other_address,
  /// Who needs these bytes is refused; the next one may be luckier.
  refuse,
  /// Nothing more comes of this attempt's reading.
  give_up,
};

struct transfer_verdict {
  remedy what = remedy::later;
  /// For people, with the names of file and node, where somebody is refused.
  error why{errc::none, {}};
};

/// `why`: what ports::peer_files, the cache or the coordinator said. `refusals`: addresses in a row that the node did
/// not take, with this one.
transfer_verdict judge_transfer(const remote_file& file, const error& why, int refusals);

} // namespace troupe::work
