#pragma once

// What a node without mounts knows of the coordinator's file server. Actor-free.

#include "protocol/mesh/messages.hpp"
#include "protocol/model/time.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace troupe::cluster {

/// Which grants are of the coordinator, and what is wrong with the way to its file server. Thread safe; no call blocks.
class coordinator_files {
public:
  /// `of_data`: the file is of the data folder, which nobody but the coordinator serves; so its node is known from then
  /// on.
  void granted(const mesh::file_grant& x, bool of_data);
  /// False for a library's file as long as the coordinator is not known and its grants name a host.
  bool is_at(const mesh::file_grant& x) const;

  /// A sentence for people; empty: it can be reached, or is not known to be out of reach.
  void set_problem(std::string problem);
  std::string problem() const;

private:
  mutable std::mutex mutex_;
  /// The coordinator's name.
  std::string node_;
  std::string problem_;
};

/// How one look at the file server ended.
struct files_look {
  enum class end : uint8_t {
    /// Somebody answers there and shows a certificate of this cluster, whatever is answered.
    reached,
    failed,
    /// The coordinator did not say where it is: that says nothing about the way to it.
    not_asked
  };
  end how = end::reached;
  /// Of one that failed: what ports::peer_files says, with host and port.
  std::string why{};
};

/// What the answer to one small request means for the way to the server.
files_look judge_look(const error& answer);

/// Whether the file server can be reached, of looks one after the other. One that fails after a good one is repeated
/// soon, and counts when that fails, too: a packet may be lost. The first of all counts at once. Not thread safe.
class files_reach {
public:
  struct settings {
    /// Between two looks: while it is reached, and while it is not or not known to be.
    milliseconds every{60'000};
    milliseconds retry{5'000};
  };
  /// `node`: this one's name, for people.
  files_reach(settings how, std::string node);

  /// What is to be told from now on, a problem or, empty, that there is none; nothing when that was told before.
  std::optional<std::string> take(const files_look& x);
  /// Until the next look.
  milliseconds pause() const noexcept;

private:
  settings how_;
  std::string node_;
  /// As it was told last.
  std::optional<std::string> told_;
  files_look::end last_ = files_look::end::not_asked;
};

} // namespace troupe::cluster
