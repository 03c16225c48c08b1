#pragma once

#include "protocol/model/job.hpp"
#include "protocol/model/result.hpp"

namespace troupe {

/// What the holder of a ticket may do with the file or folder that it names.
enum class file_action : uint8_t {
  /// Read the file, all of it or ranges.
  read,
  /// Make a new file of that name.
  write,
  /// Make a new folder of that name with files in it.
  write_folder
};

std::string_view to_string(file_action x) noexcept;

/// What a coordinator allows one node to do with a file of another node, for one attempt (or a gateway) and for a
/// while.
struct file_ticket {
  file_action action = file_action::read;
  /// Below what `path` is: "data" (the data folder) or "library:<id>".
  std::string root;
  /// Relative to the root, '/' separated; no empty, "." or ".." part.
  std::string path;
  /// The only node that may use it, by the name in its certificate; empty where there are no certificates.
  std::string node;
  /// The attempt that it is for; none of a file that a gateway reads.
  lease_token token;
  /// Reading: file_version::str() of what the file must be, and its size.
  std::string content;
  uint64_t size = 0;
  /// Writing: of one file; not over 16 TiB.
  uint64_t most_bytes = 0;
  timestamp expires{};

  bool operator==(const file_ticket&) const = default;
};

/// errc::validation names the field that is wrong. Whatever made the ticket is asked the same as whoever reads it.
result<void> check(const file_ticket& x);

/// Compact JSON, the same text for the same ticket.
std::string encode(const file_ticket& x);
/// Exactly what encode() makes of a ticket that check() takes; errc::validation for any other text.
result<file_ticket> decode_file_ticket(std::string_view json);

} // namespace troupe
