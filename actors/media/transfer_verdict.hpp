#pragma once

#include "protocol/model/error.hpp"

#include <cstdint>
#include <string>

namespace troupe::work {

/// A file of another node, or a piece of one.
struct remote_file {
  /// What it is: the same key, the same bytes (ports::source_cache).
  std::string key;
  /// Of the piece, where it is one.
  uint64_t size = 0;
  /// What people call it and the node, for error sentences.
  std::string name;
  std::string node;
  /// Where in the other node's file it begins.
  uint64_t begin = 0;
};

/// What is to be done about a transfer that failed.
enum class remedy {
  /// Again, later.
  later,
  /// Again with another address: this one has expired, or another node has the file.
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

enum class said_by {
  /// ports::peer_files or the cache, of an address that the coordinator gave.
  node,
  /// The coordinator, asked for an address: whoever has the file, that is so.
  coordinator,
  /// This node, of its own disk.
  here
};

/// What a node may mean with itself alone: its permission has expired, or it has another file than others, or none.
bool is_refusal(errc code) noexcept;
/// The way to the other side, or the other side for the time being: nothing is wrong with what was asked for.
bool is_of_link(errc code) noexcept;

/// What is told of a file whose bytes this node's disk has lost (ports::cached_source::lost).
error not_kept(const std::string& name);

/// `refusals`: addresses in a row that were refused, with this one.
transfer_verdict judge_transfer(const remote_file& file, const error& why, int refusals, said_by whom = said_by::node);

} // namespace troupe::work
