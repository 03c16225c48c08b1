#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// Which callers of a port have connected and not yet shown who they are (a TLS handshake, a first request), and which
/// of them have to go: they cost a descriptor and memory each, and whoever reaches the port may be as many as he likes.
/// Not thread safe.
class unfinished_handshakes {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// @param patience from begin to end of a handshake.
  explicit unfinished_handshakes(std::chrono::milliseconds patience);

  /// How many that called may be under way.
  struct limits {
    size_t most;
    /// Of one address.
    size_t most_each;
  };
  /// @param id of the connection, not in use by another. @param address who has called; empty: we have, and only the
  /// time limit holds. Returns a handshake to break off, when more than `most` would be under way: the oldest of the
  /// address that has the most, so that who calls often does not push out who calls once; or more than `most_each` of
  /// this address: its oldest.
  std::optional<int> began(int id, std::string address, limits allowed, time_point now);
  std::optional<int> began(int id, std::string address, size_t most, time_point now) {
    return began(id, std::move(address), limits{most, most}, now);
  }
  /// With whatever outcome; unknown ones are ignored.
  void ended(int id);
  /// Those to break off, each told once.
  std::vector<int> take_overdue(time_point now);
  /// When take_overdue has something to tell; none: before the next begins, never.
  std::optional<time_point> next_overdue() const;

private:
  struct handshake {
    int id;
    std::string address;
    time_point began;
    /// To be broken off, and no longer counted.
    bool told = false;
  };

  std::chrono::milliseconds patience_;
  /// Oldest first.
  std::vector<handshake> open_;
};

} // namespace troupe
